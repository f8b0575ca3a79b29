// SPDX-License-Identifier: Apache-2.0
#include "kts/probe/probe.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "commands.hpp"
#include "kts/analysis/fleet.hpp"
#include "kts/base/clock.hpp"
#include "kts/base/files.hpp"
#include "kts/base/text.hpp"
#include "kts/device/cpu.hpp"
#include "kts/device/gpu.hpp"
#include "kts/device/sharing.hpp"
#include "kts/mps/control.hpp"
#include "kts/report/datasheet.hpp"
#include "local_machine.hpp"

namespace kts::app {
namespace {

struct ProbeOptions {
  std::string device = "auto";
  std::string out;
  std::string worker;
  bool quick = false;
  bool json = false;
};

EpochTime now_utc() {
  return std::chrono::time_point_cast<Nanoseconds>(std::chrono::system_clock::now());
}

// The driver, and whether clocks are held down now.
void ask_driver(device::GpuSource& nvml, analysis::DataSheet& sheet) {
  if (const auto driver = nvml.driver()) sheet.device.driver = driver->driver;
  const auto gpus = nvml.gpus();
  for (const device::Gpu& gpu : gpus ? *gpus : std::vector<device::Gpu>{}) {
    if (gpu.uuid != sheet.device.uuid) continue;
    const auto sample = nvml.sample(gpu.index);
    if (!sample || !sample->clock_event_reasons) continue;
    for (const std::string_view reason : device::throttle_names(*sample->clock_event_reasons)) {
      sheet.warnings.push_back(fmt::format("clocks are held down: {}", reason));
    }
  }
}

// Processes that would take turns too, by the UUID of their card. Asked before there are ours.
std::multimap<std::string, std::string> foreign_processes(device::GpuSource& nvml) {
  std::multimap<std::string, std::string> out;
  const auto gpus = nvml.gpus();
  for (const device::Gpu& gpu : gpus ? *gpus : std::vector<device::Gpu>{}) {
    const auto processes = nvml.compute_processes(gpu.index);
    for (const auto& process : processes ? *processes : std::vector<device::GpuProcess>{}) {
      out.emplace(gpu.uuid,
                  fmt::format("another process has a context on the card: PID {}{}", process.pid,
                              process.name.empty() ? "" : " (" + process.name + ")"));
    }
  }
  return out;
}

// Writes all of the sheet and prints its table or its JSON; the exit code that it deserves.
Result<int> publish(const analysis::DataSheet& sheet, const std::filesystem::path& folder,
                    bool json) {
  KTS_TRY(const std::vector<std::string> more, report::write_datasheet(sheet, folder));
  if (json) {
    fmt::print("{}", analysis::to_json(sheet));
  } else {
    fmt::print("{}{}\n", report::datasheet_table(sheet, report::terminal_style(STDOUT_FILENO)),
               folder.string());
  }
  KTS_CHECK_OK(flush_output());
  tell_of_page(folder / "datasheet.html", {&sheet.warnings, &more});
  const std::vector<std::string> doubts = analysis::inconclusive(sheet);
  return doubts.empty() ? 0 : static_cast<int>(ErrorCode::kInconclusive);
}

void explain(const analysis::DataSheet& sheet, int code) {
  if (code == 0) return;
  fmt::print(stderr, "exit 5: the sheet can't be relied on: {}\n",
             printable(analysis::inconclusive(sheet).front()));
}

Result<int> run_probe(const ProbeOptions& options) {
  KTS_TRY(process::SignalWatch signals, process::SignalWatch::create({SIGINT, SIGTERM, SIGHUP}));
  const auto progress = make_progress();
  const device::CpuInfo cpu = device::inspect_cpu();
  probe::ProbeSpec spec;
  KTS_TRY(spec.worker, runner::find_worker(options.worker));
  const auto nvml = device::open_nvml();
  const auto foreign = nvml ? foreign_processes(**nvml) : std::multimap<std::string, std::string>{};
  Result<std::vector<device::Gpu>> gpus = nvml ? (*nvml)->gpus() : tl::unexpected(nvml.error());
  KTS_TRY(const runner::DeviceChoice choice,
          runner::choose_device(options.device, spec.worker, cpu, gpus, &signals));
  progress->note(choice.announcement);

  const EpochTime begun = now_utc();
  const std::filesystem::path folder = options.out.empty() ? runner::default_folder(begun, "probe")
                                                           : std::filesystem::path(options.out);
  spec.device = choice.device;
  spec.core = cpu.allowed_cores.back();
  spec.quick = options.quick;
  spec.traces = folder / "traces";
  spec.mps_program = process::find_program(mps::kControlProgram);
  spec.interrupt_fd = signals.fd();
  spec.progress = [&](std::string_view part) {
    progress->passing(fmt::format("probing: {}", part));
  };
  KTS_TRY(probe::Probed probed, probe::probe(spec));
  analysis::DataSheet& sheet = probed.sheet;
  sheet.measured_at = utc_iso8601(begun);
  if (nvml && sheet.device.kind == "cuda") ask_driver(**nvml, sheet);
  const auto [begin, end] = foreign.equal_range(sheet.device.uuid);
  for (auto it = begin; it != end; ++it) sheet.warnings.push_back(it->second);

  KTS_TRY(const int code, publish(sheet, folder, options.json));
  if (probed.interrupted) {
    return fail(
        ErrorCode::kInterrupted, "interrupted",
        fmt::format("what was measured is in {0}; kts report {0} shows it", folder.string()));
  }
  explain(sheet, code);
  return code;
}

}  // namespace

// A data sheet may lie in a run's folder too, or beside the study's logs.
bool is_probe_folder(const std::filesystem::path& folder) {
  std::error_code ec;
  const std::filesystem::directory_iterator files(folder, ec);
  return std::filesystem::exists(folder / analysis::kDataSheetFile, ec) &&
         !std::filesystem::exists(folder / "scenario.yaml", ec) && !analysis::is_fleet(folder) &&
         std::none_of(begin(files), end(files),
                      [](const auto& file) { return file.path().extension() == ".log"; });
}

Result<int> report_on_probe(const std::filesystem::path& folder, const ReportOptions& options) {
  if (!options.load.phases.empty() || !options.load.agents.empty() ||
      !options.load.datasheet.empty()) {
    return bad_input("a data sheet has no agents and needs no other one",
                     "leave --phase, --agent and --datasheet out", folder.string());
  }
  const std::filesystem::path file = folder / analysis::kDataSheetFile;
  KTS_TRY(const std::string text, read_file(file));
  KTS_TRY(const analysis::DataSheet sheet, analysis::parse_datasheet(text, file.string()));
  KTS_TRY(const int code, publish(sheet, options.out.empty() ? folder : options.out, options.json));
  explain(sheet, code);
  return code;
}

Command add_probe(CLI::App& root) {
  auto options = std::make_shared<ProbeOptions>();
  CLI::App* parser = root.add_subcommand(
      "probe",
      "Measure how a device shares itself: time slice, switch cost, launch latency, clocks");
  parser->add_option("--device", options->device, "auto, cpu, cuda or cuda:N")
      ->capture_default_str();
  parser->add_flag("--quick", options->quick,
                   "Slice, switch, launch and clock only: ten seconds in place of ninety");
  parser
      ->add_option("--out", options->out,
                   "Folder of datasheet.json, .md, .html and raw traces; default "
                   "runs/<UTC stamp>-probe")
      ->type_name("DIR");
  parser->add_flag("--json", options->json, "Print the JSON in place of the table");
  parser->add_option("--worker", options->worker, "kts-worker; default: the one beside kts")
      ->envname("KTS_WORKER");
  return {parser, [options] { return run_probe(*options); }};
}

}  // namespace kts::app
