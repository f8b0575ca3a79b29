// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <csignal>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "commands.hpp"
#include "kts/base/units.hpp"
#include "kts/kernel_trace/tracer.hpp"
#include "local_machine.hpp"
#include "run_on_kubernetes.hpp"

namespace kts::app {
namespace {

struct RunOptions {
  LocalOptions local;
  std::string on = "local";
  KubernetesOptions kubernetes;
  bool json = false;
  bool trace_kernels = false;
  std::string trace_buffer;
};

// Memory for an agent's records of a block; nullopt: kernels are not traced.
Result<std::optional<std::uint64_t>> tracing(const RunOptions& options) {
  if (!options.trace_kernels) {
    if (options.trace_buffer.empty()) return std::nullopt;
    return bad_input("it is about a trace of kernels that isn't taken", "add --trace-kernels",
                     "--trace-buffer");
  }
  if (options.on != "local") {
    return bad_input("kernels of pods can't be traced yet",
                     "leave --trace-kernels out, or run on the node without --on kubernetes",
                     "--trace-kernels");
  }
  if (options.trace_buffer.empty()) return kernel_trace::kDefaultBufferBytes;
  const auto bytes = parse_bytes(options.trace_buffer);
  if (!bytes || *bytes < static_cast<std::int64_t>(kernel_trace::kLeastBufferBytes) ||
      *bytes > static_cast<std::int64_t>(kernel_trace::kMostBufferBytes)) {
    return bad_input(fmt::format("'{}' is no size of a buffer", options.trace_buffer),
                     "give 1MiB to 1GiB", "--trace-buffer");
  }
  return static_cast<std::uint64_t>(*bytes);
}

// The run's folder. While it measures, signals end it in good order; afterwards they act as usual.
Result<std::filesystem::path> measure_here(const LocalOptions& options,
                                           std::optional<std::uint64_t> trace_buffer_bytes) {
  KTS_TRY(const auto machine, LocalMachine::open(options.worker));
  KTS_TRY(scenario::Scenario scenario, machine->load(options));
  KTS_CHECK_OK(machine->check(scenario));
  if (trace_buffer_bytes) KTS_CHECK_OK(runner::check_tracing(scenario));
  const std::filesystem::path folder = folder_for(options, scenario);
  KTS_CHECK_OK(runner::prepare_folder(folder));
  runner::LocalRun local = machine->run(std::move(scenario), folder);
  local.trace_buffer_bytes = trace_buffer_bytes;
  const auto measured = runner::run_locally(local, machine->progress());
  if (!measured) return tl::unexpected(with_folder(measured.error(), folder));
  return folder;
}

Result<std::filesystem::path> measure(const RunOptions& options, const CLI::App& parser) {
  KTS_TRY(const auto trace_buffer_bytes, tracing(options));
  if (options.on == "local") return measure_here(options.local, trace_buffer_bytes);
  if (!options.local.dcgm.empty()) {
    return bad_input("--dcgm is for runs on this machine",
                     "leave it out: on Kubernetes the exporter of the agents' node is found");
  }
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
  ReportOptions report;
  report.json = options.json;
  return report_on(folder, report);
}

}  // namespace

Command add_run(CLI::App& root) {
  auto options = std::make_shared<RunOptions>();
  CLI::App* parser =
      root.add_subcommand("run", "Measure what the agents of a scenario pay for sharing a device");
  add_local_options(*parser, options->local);
  add_sharing_option(*parser, options->local);
  parser->add_flag(
      "--leave-one-out", options->local.leave_one_out,
      "Shared blocks without each agent too: checks who waits for whom; three agents or "
      "more, local");
  parser->add_option("--on", options->on, "local, or kubernetes: each agent a pod of one node")
      ->check(CLI::IsMember({"local", "kubernetes"}))
      ->capture_default_str();
  parser->add_flag("--trace-kernels", options->trace_kernels,
                   "Have CUPTI collect each agent's kernels, copies and waits (CUDA, local)");
  parser
      ->add_option("--trace-buffer", options->trace_buffer,
                   "Memory an agent for the records of a block; what has no room is lost and "
                   "counted; default 128MiB")
      ->type_name("SIZE");
  add_kubernetes_options(*parser, options->kubernetes);
  parser->add_flag("--json", options->json, "Print summary.json in place of the table")
      ->excludes("--print-manifests");
  return {parser, [options, parser] { return run(*options, *parser); }};
}

}  // namespace kts::app
