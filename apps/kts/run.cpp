// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include "commands.hpp"
#include "kts/device/cpu.hpp"
#include "kts/device/gpu.hpp"
#include "kts/process/signals.hpp"
#include "kts/runner/local_run.hpp"
#include "kts/runner/memory.hpp"
#include "kts/scenario/built_in.hpp"
#include "run_on_kubernetes.hpp"

namespace kts::app {
namespace {

struct RunOptions {
  std::string scenario = "study";
  std::string device;
  std::string sharing;
  std::string out;
  std::string worker;
  std::string on = "local";
  bool quick = false;
  KubernetesOptions kubernetes;
};

bool is_terminal(std::FILE* stream) {
  const char* term = std::getenv("TERM");
  return isatty(fileno(stream)) == 1 && term != nullptr && std::string_view(term) != "dumb";
}

// A file, else a built-in scenario, which comes sized for the device it will run on.
Result<scenario::Scenario> load_scenario(const RunOptions& options, const std::string& worker,
                                         const device::CpuInfo& cpu,
                                         const Result<std::vector<device::Gpu>>& gpus,
                                         process::SignalWatch& signals,
                                         runner::Progress& progress) {
  const bool built_in = scenario::is_built_in(options.scenario);
  scenario::Scenario scenario;
  if (!built_in) {
    std::error_code ec;
    if (std::filesystem::exists(options.scenario, ec)) {
      KTS_TRY(scenario, scenario::load(options.scenario));
    } else {
      KTS_CHECK_OK(scenario::load_built_in(options.scenario, "cpu"));
    }
  }
  const std::string wish = options.device.empty() ? scenario.device : options.device;
  KTS_TRY(const runner::DeviceChoice choice,
          runner::choose_device(wish, worker, cpu, gpus, &signals));
  progress.note(choice.announcement);
  if (built_in) {
    KTS_TRY(scenario,
            scenario::load_built_in(options.scenario, runner::device_kind(choice.device)));
  }
  scenario.device = choice.device;
  if (!options.sharing.empty()) scenario.sharing = options.sharing;
  if (options.quick) scenario = scenario::quickened(std::move(scenario));
  return scenario;
}

// The run's folder. While it measures, signals end it in good order; afterwards they act as usual.
Result<std::filesystem::path> measure(const RunOptions& options, const CLI::App& parser) {
  KTS_TRY(process::SignalWatch signals, process::SignalWatch::create({SIGINT, SIGTERM, SIGHUP}));
  const std::unique_ptr<runner::Progress> progress =
      runner::make_progress(stderr, is_terminal(stderr));
  if (options.on == "kubernetes") {
    const RunChoice choice{options.scenario, options.device, options.sharing, options.out,
                           options.quick};
    if (!options.kubernetes.nodes.empty()) {
      return measure_fleet(choice, options.kubernetes, parser, signals, *progress);
    }
    return measure_on_kubernetes(choice, options.kubernetes, signals, *progress);
  }

  runner::LocalRun local;
  local.signals = &signals;
  local.cpu = device::inspect_cpu();
  KTS_TRY(local.worker, runner::find_worker(options.worker));
  const auto nvml = device::open_nvml();
  const Result<std::vector<device::Gpu>> gpus =
      nvml ? (*nvml)->gpus() : tl::unexpected(nvml.error());
  if (nvml) local.gpus = nvml->get();
  KTS_TRY(local.scenario,
          load_scenario(options, local.worker, local.cpu, gpus, signals, *progress));
  KTS_CHECK_OK(runner::check_sharing_mode(local.scenario, gpus));
  KTS_CHECK_OK(runner::check_memory(runner::predict_memory(local.scenario),
                                    runner::device_memory(local.scenario.device, local.gpus)));
  KTS_TRY(const std::vector<scenario::TraceNote> traces, scenario::read_traces(local.scenario));
  for (const auto& [agent, text] : traces) progress->note(fmt::format("{}: {}", agent, text));

  const auto now = std::chrono::time_point_cast<Nanoseconds>(std::chrono::system_clock::now());
  local.folder = options.out.empty() ? runner::default_folder(now, local.scenario.name)
                                     : std::filesystem::path(options.out);
  KTS_CHECK_OK(runner::prepare_folder(local.folder));
  if (auto measured = runner::run_locally(local, *progress); !measured) {
    Error error = std::move(measured).error();
    std::error_code ec;
    if (std::filesystem::exists(local.folder / "blocks", ec)) {
      error.hint += fmt::format("{}what was measured is in {}", error.hint.empty() ? "" : "; ",
                                local.folder.string());
    }
    return tl::unexpected(std::move(error));
  }
  return local.folder;
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
  parser->add_option("scenario", options->scenario, "A built-in scenario or a file")
      ->capture_default_str();
  parser->add_option("--device", options->device,
                     "auto, cpu, cuda or cuda:N; over the scenario's own");
  parser->add_option("--sharing", options->sharing, "Over the scenario's own sharing mode")
      ->check(CLI::IsMember({"exclusive", "time-slicing", "mps", "mig", "streams"}));
  parser->add_flag("--quick", options->quick, "10 cycles of 0.4 s blocks");
  parser->add_option("--out", options->out,
                     "The run's folder; default runs/<UTC stamp>-<scenario>");
  parser->add_option("--worker", options->worker, "kts-worker; default: the one beside kts")
      ->envname("KTS_WORKER");
  parser->add_option("--on", options->on, "local, or kubernetes: each agent a pod of one node")
      ->check(CLI::IsMember({"local", "kubernetes"}))
      ->capture_default_str();
  add_kubernetes_options(*parser, options->kubernetes);
  return {parser, [options, parser] { return run(*options, *parser); }};
}

}  // namespace kts::app
