// SPDX-License-Identifier: Apache-2.0
#include "local_machine.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "kts/device/cpu.hpp"
#include "kts/runner/memory.hpp"
#include "kts/scenario/built_in.hpp"
#include "kts/telemetry/recorder.hpp"

namespace kts::app {

bool any_block_is_over(const std::filesystem::path& folder) {
  std::error_code ec;
  const std::filesystem::directory_iterator blocks(folder / "blocks", ec);
  return std::any_of(begin(blocks), end(blocks), [](const auto& block) {
    std::error_code unreadable;
    return std::filesystem::exists(block.path() / "block.json", unreadable);
  });
}

void add_sharing_option(CLI::App& parser, LocalOptions& options) {
  parser.add_option("--sharing", options.sharing, "Over the scenario's own sharing mode")
      ->check(CLI::IsMember({"exclusive", "time-slicing", "mps", "mig", "streams"}));
}

void add_local_options(CLI::App& parser, LocalOptions& options, const std::string& default_folder) {
  parser.add_option("scenario", options.scenario, "A built-in scenario or a file")
      ->capture_default_str();
  parser.add_option("--device", options.device,
                    "auto, cpu, cuda or cuda:N; over the scenario's own");
  parser.add_flag("--quick", options.quick, "10 cycles of 0.4 s blocks");
  parser.add_option("--out", options.out, "The run's folder; default " + default_folder);
  parser.add_option("--worker", options.worker, "kts-worker; default: the one beside kts")
      ->envname("KTS_WORKER");
  CLI::Option* dcgm = parser.add_option("--dcgm", options.dcgm,
                                        "The page of this machine's DCGM exporter, read beside the "
                                        "run: http://localhost:9400/metrics");
  dcgm->type_name("URL");
  parser
      .add_flag("--no-telemetry", options.no_telemetry,
                "Record nothing of what the card does meanwhile")
      ->excludes(dcgm);
}

bool is_terminal(std::FILE* stream) {
  const char* term = std::getenv("TERM");
  return isatty(fileno(stream)) == 1 && term != nullptr && std::string_view(term) != "dumb";
}

std::unique_ptr<runner::Progress> make_progress() {
  return runner::make_progress(stderr, is_terminal(stderr));
}

std::filesystem::path folder_for(const LocalOptions& options, const scenario::Scenario& scenario) {
  const auto now = std::chrono::time_point_cast<Nanoseconds>(std::chrono::system_clock::now());
  return options.out.empty() ? runner::default_folder(now, scenario.name)
                             : std::filesystem::path(options.out);
}

Error with_folder(Error error, const std::filesystem::path& folder) {
  std::error_code ec;
  if (!std::filesystem::exists(folder / "blocks", ec)) return error;
  if (!error.hint.empty()) error.hint += "; ";
  error.hint +=
      any_block_is_over(folder)
          ? fmt::format("what was measured is in {0}; kts report {0} reads it", folder.string())
          : fmt::format("no block was over yet; what the workers said is in {}",
                        (folder / "workers").string());
  return error;
}

LocalMachine::LocalMachine(process::SignalWatch signals)
    : signals_(std::move(signals)), progress_(make_progress()), cpu_(device::inspect_cpu()) {}

Result<std::unique_ptr<LocalMachine>> LocalMachine::open(const std::string& worker) {
  KTS_TRY(process::SignalWatch signals, process::SignalWatch::create({SIGINT, SIGTERM, SIGHUP}));
  std::unique_ptr<LocalMachine> machine(new LocalMachine(std::move(signals)));
  KTS_TRY(machine->worker_, runner::find_worker(worker));
  auto nvml = device::open_nvml();
  if (nvml) {
    machine->nvml_ = *std::move(nvml);
    machine->gpus_ = machine->nvml_->gpus();
  } else {
    machine->gpus_ = tl::unexpected(nvml.error());
  }
  return machine;
}

Result<scenario::Scenario> LocalMachine::load(const LocalOptions& options) {
  if (!options.dcgm.empty()) KTS_CHECK_OK(telemetry::check_exporter_url(options.dcgm));
  if (!options.out.empty()) KTS_CHECK_OK(runner::check_folder(options.out));
  dcgm_ = options.dcgm;
  telemetry_ = !options.no_telemetry;
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
  KTS_CHECK_OK(scenario::check_engines(scenario, runner::device_kind(wish)));
  KTS_TRY(const runner::DeviceChoice choice,
          runner::choose_device(wish, worker_, cpu_, gpus_, &signals_));
  if (built_in) {
    KTS_TRY(scenario,
            scenario::load_built_in(options.scenario, runner::device_kind(choice.device)));
  }
  scenario.device = choice.device;
  KTS_CHECK_OK(scenario::check_engines(scenario, runner::device_kind(choice.device)));
  if (!options.sharing.empty()) scenario.sharing = options.sharing;
  if (options.quick) scenario = scenario::quickened(std::move(scenario));
  if (options.leave_one_out) scenario.plan.leave_one_out = true;
  KTS_CHECK_OK(scenario::check_leave_one_out(scenario));
  KTS_TRY(const std::vector<scenario::TraceNote> traces, scenario::read_traces(scenario));
  progress_->note(choice.announcement);
  for (const auto& [agent, text] : traces) progress_->note(fmt::format("{}: {}", agent, text));
  return scenario;
}

Status LocalMachine::check(const scenario::Scenario& scenario) const {
  KTS_CHECK_OK(check_sharing(scenario));
  return check_memory(scenario);
}

Status LocalMachine::check_sharing(const scenario::Scenario& scenario) const {
  return runner::check_sharing_mode(scenario, gpus_);
}

Status LocalMachine::check_memory(const scenario::Scenario& scenario) const {
  const std::vector<runner::AgentMemory> agents = runner::predict_memory(scenario);
  const runner::DeviceMemory device = runner::device_memory(scenario.device, nvml_.get());
  KTS_CHECK_OK(runner::check_memory(agents, device));
  const runner::MemoryOutlook outlook = runner::memory_outlook(agents, device);
  progress_->note(outlook.tight ? fmt::format("warning: {}", outlook.text) : outlook.text);
  return {};
}

runner::LocalRun LocalMachine::run(scenario::Scenario scenario, std::filesystem::path folder) {
  runner::LocalRun run;
  run.scenario = std::move(scenario);
  run.folder = std::move(folder);
  run.worker = worker_;
  run.cpu = cpu_;
  run.gpus = nvml_.get();
  run.dcgm_url = dcgm_;
  run.telemetry = telemetry_;
  run.signals = &signals_;
  return run;
}

}  // namespace kts::app
