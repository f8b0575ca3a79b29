// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "commands.hpp"
#include "kts/base/clock.hpp"
#include "kts/base/files.hpp"
#include "kts/base/units.hpp"
#include "kts/base/version.hpp"
#include "kts/device/cpu.hpp"
#include "kts/device/gpu.hpp"
#include "kts/device/sharing.hpp"
#include "kts/mps/daemon.hpp"
#include "kts/process/fleet.hpp"
#include "kts/process/run.hpp"
#include "kts/runner/cores.hpp"
#include "kts/runner/local_run.hpp"
#include "kts/telemetry/recorder.hpp"

namespace kts::app {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kRecordedLooks = 25;  // of --record, five a second

struct DoctorOptions {
  bool json = false;
  std::string record;
  std::string worker;
};

enum class State { kThere, kMissing };

// One thing that a run may want: whether it is there, what it is, and how to get it.
struct Finding {
  std::string what;
  State state = State::kThere;
  std::string text;
  std::string hint;
};

Finding there(std::string what, std::string text) {
  return {std::move(what), State::kThere, std::move(text), {}};
}
Finding missing(std::string what, std::string text, std::string hint) {
  return {std::move(what), State::kMissing, std::move(text), std::move(hint)};
}

Finding program(const std::string& name, const std::string& for_what, const std::string& hint) {
  if (const auto path = process::find_program(name)) return there(name, path->string());
  return missing(name, fmt::format("not on the PATH; it is needed {}", for_what), hint);
}

void look_at_cpu(const device::CpuInfo& cpu, std::vector<Finding>& findings) {
  std::string text =
      fmt::format("{}; cores {} may be used", cpu.model, device::format_cores(cpu.allowed_cores));
  if (cpu.memory_bytes) text += fmt::format("; {} of memory", format_bytes(*cpu.memory_bytes));
  if (!cpu.governor.empty()) text += fmt::format("; governor {}", cpu.governor);
  findings.push_back(there("CPU", std::move(text)));
  const runner::CorePlan plan = runner::assign_cores(cpu.allowed_cores, true, 1, "auto");
  if (plan.warnings.empty()) {
    findings.push_back(there("shared core", fmt::format("core {} plays the device's part with "
                                                        "--device cpu",
                                                        *plan.device_core)));
  } else {
    findings.push_back(missing("shared core", plan.warnings.front(), ""));
  }
  if (cpu.quota_cores) {
    findings.push_back(missing("whole cores",
                               fmt::format("the container's limit is {} cores", *cpu.quota_cores),
                               "lift the CPU limit, else pauses land in the measurement"));
  }
}

// Whether a worker starts there, warms up and verifies its result.
bool look_at_backend(const Result<std::filesystem::path>& worker, const std::string& device,
                     std::vector<Finding>& findings) {
  const std::string what = fmt::format("{} backend", device);
  if (!worker) {
    findings.push_back(missing(what, to_line(worker.error()), ""));
    return false;
  }
  const auto answer = runner::probe_device(*worker, device);
  if (!answer) {
    findings.push_back(missing(what, to_line(answer.error()), ""));
    return false;
  }
  findings.push_back(there(what, fmt::format("works on {} ({})", answer->name, answer->uuid)));
  return true;
}

void look_at_gpus(device::GpuSource& nvml, const std::vector<device::Gpu>& gpus,
                  std::vector<Finding>& findings) {
  if (const auto driver = nvml.driver()) {
    findings.push_back(
        there("NVIDIA driver", fmt::format("{}, CUDA up to {}", driver->driver, driver->cuda)));
  }
  for (const device::Gpu& gpu : gpus) {
    std::string text = fmt::format("{} ({})", gpu.name, gpu.uuid);
    if (gpu.memory_bytes) text += fmt::format("; {}", format_bytes(*gpu.memory_bytes));
    if (!gpu.compute_mode.empty()) text += fmt::format("; compute mode {}", gpu.compute_mode);
    text += fmt::format("; MIG {}", !gpu.mig_enabled   ? "not offered"
                                    : *gpu.mig_enabled ? "on"
                                                       : "off");
    if (const auto sample = nvml.sample(gpu.index)) {
      if (sample->sm_clock_mhz) text += fmt::format("; SM clock {} MHz", *sample->sm_clock_mhz);
      if (sample->power_watts) text += fmt::format("; {:.0f} W", *sample->power_watts);
      if (sample->temperature_celsius) text += fmt::format("; {} °C", *sample->temperature_celsius);
      const auto reasons = device::throttle_names(sample->clock_event_reasons.value_or(0));
      if (!reasons.empty()) text += fmt::format("; held down by {}", fmt::join(reasons, ", "));
    }
    findings.push_back(there(fmt::format("GPU {}", gpu.index), std::move(text)));
    if (const auto processes = nvml.compute_processes(gpu.index);
        processes && !processes->empty()) {
      std::vector<std::string> names;
      for (const auto& process : *processes) {
        names.push_back(fmt::format("{} ({})", process.name, process.pid));
      }
      findings.push_back(missing(fmt::format("GPU {} to ourselves", gpu.index),
                                 fmt::format("in use by {}", fmt::join(names, ", ")),
                                 "end them, else blocks don't count as measured"));
    }
  }
}

// What a run would record of the card.
void look_at_telemetry(device::GpuSource& nvml, const device::Gpu& gpu,
                       std::vector<Finding>& findings) {
  for (const telemetry::SourceFacts& source : telemetry::look_at_sources(nvml, gpu.index)) {
    const std::string what = fmt::format("GPU {} {}", gpu.index, source.name);
    if (!source.missing.empty()) {
      findings.push_back(missing(what, source.missing, ""));
      continue;
    }
    std::string text = fmt::format("telemetry, every {} or more seldom, by its cost",
                                   format_duration(source.asked_every));
    for (const auto& [field, why] : source.refused) text += fmt::format("; no {}: {}", field, why);
    findings.push_back(there(what, std::move(text)));
  }
}

void look_at_mps(std::vector<Finding>& findings) {
  const auto program = process::find_program(mps::kControlProgram);
  const device::SharingFacts facts =
      device::inspect_sharing(device::mps_pipe_folder(), program.has_value(), std::nullopt);
  if (!program) {
    findings.push_back(missing("MPS", "nvidia-cuda-mps-control is not on the PATH",
                               "it comes with the NVIDIA driver's utilities"));
  } else if (facts.mps_is_another_users) {
    findings.push_back(missing(
        "MPS",
        fmt::format("a daemon of another user is in force ({})", facts.mps_pipe_folder.string()),
        "have that user stop it: echo quit | nvidia-cuda-mps-control"));
  } else {
    findings.push_back(there(
        "MPS",
        fmt::format("{}; kts run --sharing mps starts a daemon of its own{}", program->string(),
                    facts.mps_daemon ? fmt::format(", beside the one in {}, which no agent reaches",
                                                   facts.mps_pipe_folder.string())
                                     : "")));
    findings.push_back(
        mps::offers_static_partitions(*program)
            ? there("MPS static partitions",
                    "offered by the program; kts modes measures them as mps-partitions")
            : missing("MPS static partitions",
                      "not offered: this nvidia-cuda-mps-control knows no sm_partition",
                      "they come with the driver of CUDA 13.1"));
  }
  for (const mps::Leftover& leftover : mps::find_leftovers()) {
    findings.push_back(missing("MPS daemon left over", describe(leftover), ""));
  }
}

// Whether the cluster that kubectl would talk to answers.
void look_at_cluster(std::vector<Finding>& findings) {
  const auto path = process::find_program("kubectl");
  if (!path) {
    findings.push_back(missing("kubectl", "not on the PATH; it is needed for clusters alone",
                               "see https://kubernetes.io/docs/tasks/tools/"));
    return;
  }
  findings.push_back(there("kubectl", path->string()));
  process::Command command;
  command.argv = {path->string(), "get", "--raw", "/version", "--request-timeout=5s"};
  const auto ran = process::run(command);
  const auto version = ran && ran->status.success()
                           ? nlohmann::json::parse(ran->output, nullptr, false)
                           : nlohmann::json();
  if (version.is_object() && version.value("gitVersion", nlohmann::json()).is_string()) {
    findings.push_back(
        there("cluster", fmt::format("Kubernetes {}; kts cluster status says how it shares GPUs",
                                     version["gitVersion"].get<std::string>())));
    return;
  }
  std::string why = !ran                      ? ran.error().message
                    : ran->last_words.empty() ? "its answer is no version"
                                              : ran->last_words;
  findings.push_back(missing("cluster", fmt::format("none answers kubectl: {}", why),
                             "set KUBECONFIG, or see kubectl config get-contexts"));
}

void print(const std::vector<Finding>& findings) {
  for (const Finding& finding : findings) {
    fmt::print("{:<3} {:<20} {}\n", finding.state == State::kThere ? "ok" : "-", finding.what,
               finding.text);
    if (!finding.hint.empty()) fmt::print("{:<24} {}\n", "", finding.hint);
  }
}

void print_json(const std::vector<Finding>& findings, const std::string& gpus) {
  Json out{{"schema", "kts.doctor/1"}, {"version", version()}, {"commit", commit()}};
  out["findings"] = Json::array();
  for (const Finding& finding : findings) {
    Json entry{
        {"what", finding.what}, {"there", finding.state == State::kThere}, {"text", finding.text}};
    if (!finding.hint.empty()) entry["hint"] = finding.hint;
    out["findings"].push_back(std::move(entry));
  }
  if (!gpus.empty()) out["gpus"] = Json::parse(gpus);
  fmt::print("{}\n", out.dump(2, ' ', false, Json::error_handler_t::replace));
}

// What the driver answers during some seconds, for tests to replay.
Status record(const std::filesystem::path& file) {
  KTS_TRY(const auto nvml, device::open_nvml());
  SystemClock clock;
  KTS_TRY(const std::string recording, device::to_recording(*nvml, kRecordedLooks, &clock));
  return write_file(file, recording);
}

Result<int> run(const DoctorOptions& options) {
  if (!options.record.empty()) {
    KTS_CHECK_OK(record(options.record));
    return 0;
  }
  std::vector<Finding> findings;
  look_at_cpu(device::inspect_cpu(), findings);
  const auto worker = runner::find_worker(options.worker);
  bool works = look_at_backend(worker, "cpu", findings);

  std::string recording;
  const auto nvml = device::open_nvml();
  const Result<std::vector<device::Gpu>> gpus =
      nvml ? (*nvml)->gpus() : tl::unexpected(nvml.error());
  if (!gpus || gpus->empty()) {
    findings.push_back(
        missing("GPU", gpus ? "none" : to_line(gpus.error()),
                "without one, --device cpu measures the operating system's scheduler"));
  } else {
    look_at_gpus(**nvml, *gpus, findings);
    for (const device::Gpu& gpu : *gpus) look_at_telemetry(**nvml, gpu, findings);
    works |= look_at_backend(worker, "cuda", findings);
    look_at_mps(findings);
    if (auto text = device::to_recording(**nvml, 5)) recording = std::move(*text);
  }
  findings.push_back(program("gnuplot", "for plots", "install gnuplot-nox"));
  look_at_cluster(findings);

  if (options.json) {
    print_json(findings, recording);
  } else {
    print(findings);
  }
  if (works) return 0;
  return environment_lacks("neither the CPU nor a GPU can be used",
                           "see the lines marked '-' above");
}

}  // namespace

Command add_doctor(CLI::App& root) {
  auto options = std::make_shared<DoctorOptions>();
  CLI::App* parser =
      root.add_subcommand("doctor", "What this machine offers, what is missing and how to get it");
  parser->add_flag("--json", options->json, "The same, with what the driver says of each GPU");
  parser
      ->add_option("--record", options->record,
                   "Only write what the driver answers during five seconds, for tests to replay")
      ->type_name("FILE");
  parser->add_option("--worker", options->worker, "kts-worker; default: the one beside kts")
      ->envname("KTS_WORKER");
  return {parser, [options] { return run(*options); }};
}

}  // namespace kts::app
