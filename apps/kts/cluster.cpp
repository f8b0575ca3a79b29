// SPDX-License-Identifier: Apache-2.0
#include "kts/report/cluster.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <memory>
#include <set>
#include <string>

#include "commands.hpp"
#include "kts/base/units.hpp"
#include "kts/cluster/execute.hpp"
#include "kts/cluster/status.hpp"
#include "kts/kube/connection.hpp"
#include "kts/process/signals.hpp"

namespace kts::app {
namespace {

struct ClusterOptions {
  std::string context, kubeconfig, name_space;
  bool json = false;
  std::string mode = "time-slicing", selector, timeout = "3min";
  std::int64_t replicas = 0;
  bool rename = false, dry_run = false, yes = false, force = false;
};

// An API server and what ends the talk with it in good order: the proxy's folder is removed.
class Session {
 public:
  static Result<std::unique_ptr<Session>> open(const ClusterOptions& options) {
    KTS_TRY(process::SignalWatch signals, process::SignalWatch::create({SIGINT, SIGTERM, SIGHUP}));
    kube::ConnectionOptions where;
    where.context = options.context;
    where.kubeconfig = options.kubeconfig;
    where.interrupt_fd = signals.fd();
    KTS_TRY(std::unique_ptr<kube::Connection> connection, kube::Connection::open(where));
    return std::unique_ptr<Session>(new Session(std::move(signals), std::move(connection)));
  }
  [[nodiscard]] kube::Client& client() { return client_; }
  [[nodiscard]] Result<cluster::Snapshot> look(const std::string& name_space = {}) {
    return cluster::look(client_, {connection_->server_version(), name_space});
  }

 private:
  Session(process::SignalWatch signals, std::unique_ptr<kube::Connection> connection)
      : signals_(std::move(signals)), connection_(std::move(connection)), client_(*connection_) {}
  process::SignalWatch signals_;
  std::unique_ptr<kube::Connection> connection_;
  kube::Client client_;
};

Result<int> status(const ClusterOptions& options) {
  KTS_TRY(const auto session, Session::open(options));
  KTS_TRY(const cluster::Snapshot snapshot, session->look(options.name_space));
  const cluster::ClusterStatus seen = cluster::judge(snapshot);
  fmt::print("{}", options.json
                       ? report::cluster_json(seen)
                       : report::cluster_table(seen, report::terminal_style(STDOUT_FILENO)));
  return 0;
}

Result<cluster::ShareRequest> read_request(const ClusterOptions& options) {
  cluster::ShareRequest request;
  if (options.mode == "mps") {
    request.mode = cluster::SharingMode::kMps;
  } else if (options.mode != "time-slicing") {
    return bad_input(fmt::format("the device plugin knows no mode '{}'", options.mode),
                     "time-slicing or mps", "--mode");
  }
  request.replicas = options.replicas;
  request.rename = options.rename;
  request.yes = options.yes;
  request.force = options.force;
  return request;
}

Result<cluster::ExecuteOptions> read_limits(const ClusterOptions& options) {
  cluster::ExecuteOptions limits;
  auto timeout = parse_duration(options.timeout);
  if (!timeout) {
    timeout.error().where = "--timeout";
    return tl::unexpected(timeout.error());
  }
  limits.timeout = *timeout;
  limits.say = [](const std::string& line) { fmt::print(stderr, "kts: {}\n", line); };
  return limits;
}

// The server knows what a selector means.
Status select_nodes(kube::Client& client, const std::string& selector,
                    cluster::ShareRequest& request) {
  if (selector.empty()) return {};
  kube::ListOptions options;
  options.label_selector = selector;
  const auto nodes = client.list(kube::collection(kube::kNodes), options);
  if (!nodes) {
    if (nodes.error().http_status != 400) return tl::unexpected<Error>(nodes.error());
    return bad_input(nodes.error().message, "as kubectl get nodes -l takes it", "--node-selector");
  }
  request.nodes.emplace();
  for (const kube::Value& node : nodes->items) {
    request.nodes->insert(node["metadata"]["name"].text());
  }
  return {};
}

// Shows the plan or does it.
Result<int> carry_out(kube::Client& client, const cluster::Plan& plan,
                      const ClusterOptions& options, std::string_view done) {
  if (options.dry_run || plan.steps.empty()) {
    fmt::print("{}", report::plan_text(plan));
    return 0;
  }
  KTS_TRY(const cluster::ExecuteOptions limits, read_limits(options));
  KTS_CHECK_OK(cluster::check_permissions(client, plan));
  for (const std::string& note : plan.notes) limits.say("note: " + note);
  KTS_CHECK_OK(cluster::execute(client, plan, limits));
  fmt::print("{}: {}\n", done, plan.title);
  return 0;
}

Result<int> share(const ClusterOptions& options) {
  KTS_TRY(cluster::ShareRequest request, read_request(options));
  KTS_TRY(const cluster::ExecuteOptions checked, read_limits(options));
  KTS_CHECK_OK(cluster::check_request(request));
  KTS_TRY(const auto session, Session::open(options));
  KTS_CHECK_OK(select_nodes(session->client(), options.selector, request));
  KTS_TRY(cluster::Snapshot snapshot, session->look());
  const cluster::ClusterStatus seen = cluster::judge(snapshot);
  KTS_TRY(const cluster::Installation installation, cluster::changeable_installation(seen));
  KTS_TRY(const auto standing,
          cluster::read_backup(session->client(), installation.name_space, snapshot));
  KTS_TRY(const cluster::Plan plan, cluster::plan_share(snapshot, seen, standing, request));
  return carry_out(session->client(), plan, options, "shared");
}

Result<int> unshare(const ClusterOptions& options) {
  KTS_TRY(const cluster::ExecuteOptions checked, read_limits(options));
  KTS_TRY(const auto session, Session::open(options));
  KTS_TRY(cluster::Snapshot snapshot, session->look());
  const cluster::ClusterStatus seen = cluster::judge(snapshot);
  KTS_TRY(const cluster::Installation installation, cluster::changeable_installation(seen));
  KTS_TRY(const auto backup,
          cluster::read_backup(session->client(), installation.name_space, snapshot));
  if (!backup) {
    fmt::print("nothing to undo: there is no ConfigMap {}/{}, so kts shares nothing here\n",
               installation.name_space, cluster::kBackupName);
    return 0;
  }
  KTS_TRY(const cluster::Plan plan, cluster::plan_unshare(snapshot, seen, *backup, options.force));
  return carry_out(session->client(), plan, options, "put back");
}

Result<int> clean(const ClusterOptions& options) {
  KTS_TRY(const auto session, Session::open(options));
  KTS_TRY(const cluster::Leftovers left,
          cluster::find_leftovers(session->client(), options.name_space));
  for (const std::string& what : left.in_use) fmt::print(stderr, "kts: kept: {}\n", what);
  if (!options.dry_run) KTS_CHECK_OK(cluster::remove_leftovers(session->client(), left));
  for (const std::string& what : left.what) {
    fmt::print("{}: {}\n", options.dry_run ? "would remove" : "removed", what);
  }
  if (left.what.empty()) fmt::print("nothing to remove\n");
  return 0;
}

void add_place(CLI::App& parser, ClusterOptions& options) {
  parser.add_option("--context", options.context, "Of the kubeconfig; default: its current one");
  parser.add_option("--kubeconfig", options.kubeconfig, "Default: kubectl's own choice");
}

void add_waiting(CLI::App& parser, ClusterOptions& options) {
  parser.add_flag("--dry-run", options.dry_run, "Print the steps and change nothing");
  parser.add_option("--timeout", options.timeout,
                    "How long each wait may take (3min); then what was is put back");
}

CLI::App* add_share(CLI::App& parser, ClusterOptions& options) {
  CLI::App* app = parser.add_subcommand(
      "share", "Offer each card several times, and verify that the plugin does");
  add_place(*app, options);
  app->add_option("--mode", options.mode, "time-slicing (default) or mps");
  app->add_option("--replicas", options.replicas, "How often each card is offered")
      ->type_name("N")
      ->required();
  app->add_option("--node-selector", options.selector,
                  "Nodes by label, as kubectl's -l; default: all with cards");
  app->add_flag("--rename", options.rename, "Offer them as nvidia.com/gpu.shared");
  app->add_flag("--yes", options.yes, "Although pods use the cards now");
  app->add_flag("--force", options.force,
                "Patch the DaemonSet of a Helm release without a configuration");
  add_waiting(*app, options);
  return app;
}

CLI::App* add_unshare(CLI::App& parser, ClusterOptions& options) {
  CLI::App* app = parser.add_subcommand("unshare", "Put back what stood before kts cluster share");
  add_place(*app, options);
  app->add_flag("--force", options.force, "Also where somebody changed it since");
  add_waiting(*app, options);
  return app;
}

CLI::App* add_clean(CLI::App& parser, ClusterOptions& options) {
  CLI::App* app =
      parser.add_subcommand("clean", "Remove what earlier runs left, by kts's own label");
  add_place(*app, options);
  app->add_option("--namespace,-n", options.name_space, "In this namespace only; default: all");
  app->add_flag("--dry-run", options.dry_run, "Say what would go and remove nothing");
  return app;
}

}  // namespace

Command add_cluster(CLI::App& root) {
  auto options = std::make_shared<ClusterOptions>();
  CLI::App* parser = root.add_subcommand("cluster", "How a Kubernetes cluster shares its GPUs");
  parser->require_subcommand(1);
  CLI::App* shower = parser->add_subcommand(
      "status", "GPU nodes, who uses them, which sharing is in force, and what is wrong");
  add_place(*shower, *options);
  shower->add_option("--namespace,-n", options->name_space,
                     "Look at this namespace's pods only; default: at all");
  shower->add_flag("--json", options->json, "The same for programs: kts schema cluster");
  CLI::App* sharer = add_share(*parser, *options);
  CLI::App* restorer = add_unshare(*parser, *options);
  CLI::App* cleaner = add_clean(*parser, *options);
  return {parser, [=] {
            if (sharer->parsed()) return share(*options);
            if (restorer->parsed()) return unshare(*options);
            if (cleaner->parsed()) return clean(*options);
            return status(*options);
          }};
}

}  // namespace kts::app
