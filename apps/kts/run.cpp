// SPDX-License-Identifier: Apache-2.0
#include <csignal>
#include <memory>
#include <string>

#include "commands.hpp"
#include "local_machine.hpp"
#include "run_on_kubernetes.hpp"

namespace kts::app {
namespace {

struct RunOptions {
  LocalOptions local;
  std::string on = "local";
  KubernetesOptions kubernetes;
};

// The run's folder. While it measures, signals end it in good order; afterwards they act as usual.
Result<std::filesystem::path> measure_here(const LocalOptions& options) {
  KTS_TRY(const auto machine, LocalMachine::open(options.worker));
  KTS_TRY(scenario::Scenario scenario, machine->load(options));
  KTS_CHECK_OK(machine->check(scenario));
  const std::filesystem::path folder = folder_for(options, scenario);
  KTS_CHECK_OK(runner::prepare_folder(folder));
  const auto measured =
      runner::run_locally(machine->run(std::move(scenario), folder), machine->progress());
  if (!measured) return tl::unexpected(with_folder(measured.error(), folder));
  return folder;
}

Result<std::filesystem::path> measure(const RunOptions& options, const CLI::App& parser) {
  if (options.on == "local") return measure_here(options.local);
  KTS_TRY(process::SignalWatch signals, process::SignalWatch::create({SIGINT, SIGTERM, SIGHUP}));
  if (options.local.leave_one_out) {
    return bad_input("--leave-one-out is of local runs",
                     "leave it out, or give plan: {leave_one_out: true} in the scenario",
                     "--on kubernetes");
  }
  const auto progress = make_progress();
  const RunChoice choice{options.local.scenario, options.local.device, options.local.sharing,
                         options.local.out, options.local.quick};
  return options.kubernetes.nodes.empty()
             ? measure_on_kubernetes(choice, options.kubernetes, signals, *progress)
             : measure_fleet(choice, options.kubernetes, parser, signals, *progress);
}

Result<int> run(const RunOptions& options, const CLI::App& parser) {
  if (options.on == "local") KTS_CHECK_OK(check_unused(parser));
  KTS_TRY(const std::filesystem::path folder, measure(options, parser));
  if (folder.empty()) return 0;
  return report_on(folder, {});
}

}  // namespace

Command add_run(CLI::App& root) {
  auto options = std::make_shared<RunOptions>();
  CLI::App* parser =
      root.add_subcommand("run", "Measure what the agents of a scenario pay for sharing a device");
  add_local_options(*parser, options->local);
  parser->add_flag(
      "--leave-one-out", options->local.leave_one_out,
      "Shared blocks without each agent too: checks who waits for whom; three agents or "
      "more, local");
  parser->add_option("--on", options->on, "local, or kubernetes: each agent a pod of one node")
      ->check(CLI::IsMember({"local", "kubernetes"}))
      ->capture_default_str();
  add_kubernetes_options(*parser, options->kubernetes);
  return {parser, [options, parser] { return run(*options, *parser); }};
}

}  // namespace kts::app
