// SPDX-License-Identifier: Apache-2.0
#include "kts/report/cluster.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <memory>
#include <string>

#include "commands.hpp"
#include "kts/cluster/status.hpp"
#include "kts/kube/connection.hpp"
#include "kts/process/signals.hpp"

namespace kts::app {
namespace {

struct Options {
  std::string context, kubeconfig, name_space;
  bool json = false;
};

Result<int> status(const Options& options) {
  // Signals end it in good order: the proxy's folder is removed.
  KTS_TRY(const process::SignalWatch signals,
          process::SignalWatch::create({SIGINT, SIGTERM, SIGHUP}));
  kube::ConnectionOptions where;
  where.context = options.context;
  where.kubeconfig = options.kubeconfig;
  where.interrupt_fd = signals.fd();
  KTS_TRY(const std::unique_ptr<kube::Connection> connection, kube::Connection::open(where));
  kube::Client client(*connection);
  KTS_TRY(const cluster::Snapshot snapshot,
          cluster::look(client, {connection->server_version(), options.name_space}));
  const cluster::ClusterStatus seen = cluster::judge(snapshot);
  fmt::print("{}", options.json
                       ? report::cluster_json(seen)
                       : report::cluster_table(seen, report::terminal_style(STDOUT_FILENO)));
  return 0;
}

void add_place(CLI::App& parser, Options& options) {
  parser.add_option("--context", options.context, "Of the kubeconfig; default: its current one");
  parser.add_option("--kubeconfig", options.kubeconfig, "Default: kubectl's own choice");
  parser.add_option("--namespace,-n", options.name_space,
                    "Look at this namespace's pods only; default: at all");
}

}  // namespace

Command add_cluster(CLI::App& root) {
  auto options = std::make_shared<Options>();
  CLI::App* parser = root.add_subcommand("cluster", "How a Kubernetes cluster shares its GPUs");
  parser->require_subcommand(1);
  CLI::App* shower = parser->add_subcommand(
      "status", "GPU nodes, who uses them, which sharing is in force, and what is wrong");
  add_place(*shower, *options);
  shower->add_flag("--json", options->json, "The same for programs: kts schema cluster");
  return {parser, [options] { return status(*options); }};
}

}  // namespace kts::app
