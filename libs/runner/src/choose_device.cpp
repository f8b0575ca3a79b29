// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "kts/device/sharing.hpp"
#include "kts/mps/daemon.hpp"
#include "kts/runner/local_run.hpp"
#include "kts/workload/registry.hpp"
#include "sharing_host.hpp"

namespace kts::runner {
namespace {

std::string cpu_announcement(const device::CpuInfo& cpu, std::string_view why) {
  return fmt::format(
      "device: CPU{}; the agents share core {}, and the operating system's scheduler plays the "
      "part "
      "of the GPU's",
      why.empty() ? "" : fmt::format(" ({})", why), cpu.allowed_cores.back());
}

// Which card CUDA will number first is not known yet: what all have in common, or nothing.
std::string compute_mode_of(const Result<std::vector<device::Gpu>>& gpus) {
  if (!gpus || gpus->empty()) return {};
  const std::string& first = gpus->front().compute_mode;
  const bool alike =
      std::ranges::all_of(*gpus, [&](const device::Gpu& gpu) { return gpu.compute_mode == first; });
  return alike ? first : std::string();
}

// As far as the program that is to make them can tell.
Status check_static_partitions() {
  const auto program = process::find_program(mps::kControlProgram);
  if (program && mps::offers_static_partitions(*program)) return {};
  return environment_lacks(
      "this driver's nvidia-cuda-mps-control knows no static partitions (sm_partition)",
      "they come with the driver of CUDA 13.1; else take mode mps without partitions",
      program ? program->string() : std::string());
}

// CUDA numbers no instances: of a card that is in MIG mode one is looked at, as mode mig would.
Result<ProbeAnswer> probe(const std::string& device, const std::filesystem::path& worker,
                          const Result<std::vector<device::Gpu>>& gpus,
                          process::SignalWatch* signals) {
  device::SharingFacts facts;
  facts.compute_mode = compute_mode_of(gpus);
  KTS_CHECK_OK(device::check_sharing("exclusive", "cuda", facts));
  const device::Gpu* card =
      gpus && device.find(':') != std::string::npos ? card_of_instances(*gpus, device) : nullptr;
  if (card == nullptr || card->mig_instances.empty()) {
    return probe_device(worker, device, signals);
  }
  return probe_device(worker, "cuda", signals,
                      {"CUDA_VISIBLE_DEVICES=" + card->mig_instances.front()});
}

}  // namespace

std::string_view device_kind(std::string_view device) {
  return device.starts_with("cuda") ? "cuda" : "cpu";
}

Result<std::filesystem::path> find_worker(std::string_view override_path) {
  std::filesystem::path path(override_path);
  std::error_code ec;
  if (path.empty()) {
    path = std::filesystem::read_symlink("/proc/self/exe", ec).parent_path() / "kts-worker";
  }
  if (access(path.c_str(), X_OK) == 0 && !std::filesystem::is_directory(path, ec)) return path;
  return environment_lacks("kts-worker is not there",
                           "build it, or say where it is by --worker or KTS_WORKER", path.string());
}

Status check_sharing_mode(const scenario::Scenario& scenario,
                          const Result<std::vector<device::Gpu>>& gpus) {
  if (scenario.sharing == "exclusive" && scenario.agents.size() > 1) {
    return bad_input("exclusive means one agent on the device",
                     "keep one agent, or take --sharing time-slicing",
                     fmt::format("scenario {}", scenario.name));
  }
  KTS_CHECK_OK(scenario::check_demands(scenario));
  const auto wants_priority = [](const scenario::AgentSpec& agent) {
    return agent.stream && agent.stream->high_priority;
  };
  if (device_kind(scenario.device) == "cpu" &&
      std::ranges::any_of(scenario.agents, wants_priority)) {
    return environment_lacks("a CPU's threads have no stream priority",
                             "leave stream: out, or take a GPU");
  }
  // Which card CUDA will number first is not known yet; one with MIG is enough to ask.
  std::optional<bool> mig;
  for (const device::Gpu& gpu : gpus ? *gpus : std::vector<device::Gpu>{}) {
    if (gpu.mig_enabled) mig = mig.value_or(false) || *gpu.mig_enabled;
  }
  device::SharingFacts facts = device::inspect_sharing(
      device::mps_pipe_folder(), process::find_program(mps::kControlProgram).has_value(), mig);
  facts.compute_mode = compute_mode_of(gpus);
  KTS_CHECK_OK(device::check_sharing(scenario.sharing, device_kind(scenario.device), facts,
                                     scenario.agents.size()));
  return wants_partitions(scenario) ? check_static_partitions() : Status{};
}

Result<ProbeAnswer> probe_device(const std::filesystem::path& worker, std::string_view device,
                                 process::SignalWatch* signals,
                                 std::vector<std::string> environment) {
  KTS_TRY(OutputFile log, OutputFile::create("/dev/null"));
  AgentLaunch launch;
  launch.name = "probe";
  launch.command.argv = {worker.string(),    "fft", "--controlled", "--agent",  "probe",
                         "--size",           "64",  "--arrival",    "saturate", "--device",
                         std::string(device)};
  launch.command.environment = std::move(environment);
  launch.log = &log;
  std::vector<AgentLaunch> launches;
  launches.push_back(std::move(launch));
  Session session(std::move(launches), Timeouts{}, EpochOffset{}, signals);
  if (auto started = session.start(); !started) {
    Error error = std::move(started).error();
    error.where.clear();  // no agent that the user knows
    return tl::unexpected(std::move(error));
  }
  const ProbeAnswer answer{session.ready(0).device_name, session.ready(0).device_uuid};
  KTS_CHECK_OK(session.finish());
  return answer;
}

Result<DeviceChoice> choose_device(std::string_view wish, const std::filesystem::path& worker,
                                   const device::CpuInfo& cpu,
                                   const Result<std::vector<device::Gpu>>& gpus,
                                   process::SignalWatch* signals) {
  if (wish != "auto") {
    if (auto known = workload::choose_device(wish); !known) {
      return tl::unexpected(std::move(known).error());
    }
  }
  if (wish == "cpu") return DeviceChoice{"cpu", cpu_announcement(cpu, "")};
  if (wish == "auto" && (!gpus || gpus->empty())) {
    return DeviceChoice{"cpu", cpu_announcement(cpu, "no NVIDIA GPU here")};
  }
  const std::string device = wish == "auto" ? "cuda" : std::string(wish);
  const auto answer = probe(device, worker, gpus, signals);
  if (answer) return DeviceChoice{device, fmt::format("device: {} ({})", device, answer->name)};
  if (wish != "auto" || answer.error().code == ErrorCode::kInterrupted) {
    return tl::unexpected(answer.error());
  }
  return DeviceChoice{"cpu", cpu_announcement(cpu, fmt::format("the GPU can't be used: {}",
                                                               answer.error().message))};
}

}  // namespace kts::runner
