// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kts/base/error.hpp"
#include "kts/device/cpu.hpp"
#include "kts/device/gpu.hpp"
#include "kts/process/signals.hpp"
#include "kts/runner/plan.hpp"
#include "kts/runner/progress.hpp"
#include "kts/runner/session.hpp"
#include "kts/scenario/scenario.hpp"

namespace kts::runner {

// The experiment on this machine; nothing here is looked up elsewhere.
struct LocalRun {
  scenario::Scenario scenario;             // its device is decided: cpu or cuda[:N]
  std::filesystem::path folder;            // made by prepare_folder
  std::filesystem::path worker;            // kts-worker
  std::vector<std::string> worker_prefix;  // arguments put before all others; tests use it
  std::filesystem::path mps_program;       // nvidia-cuda-mps-control; empty: the one on the PATH
  device::CpuInfo cpu;
  device::GpuSource* gpus = nullptr;                // null: no driver
  bool telemetry = true;                            // what the card does meanwhile is recorded
  std::string dcgm_url;                             // of a DCGM exporter's page; empty: none
  process::SignalWatch* signals = nullptr;          // null: signals end the process as usual
  BlockSource* blocks = nullptr;                    // null: the scenario's own plan
  int first_block = 1;                              // beyond 1 the folder's run is continued
  std::optional<std::uint64_t> trace_buffer_bytes;  // kernels are traced, into this much memory
  Timeouts timeouts;
};

// kBadInput when something is there already; what isn't there yet is no error.
[[nodiscard]] Status check_folder(const std::filesystem::path& folder);
// A new or empty folder. kBadInput when something is in the way, kEnvironment when it can't be
// made.
[[nodiscard]] Status prepare_folder(const std::filesystem::path& folder);
// "runs/20261121T013000Z-study".
[[nodiscard]] std::filesystem::path default_folder(EpochTime now, std::string_view scenario);

// Runs every block and writes all of the run's folder that is measured: scenario.yaml,
// environment.json, blocks/, workers/, telemetry/. After an error (an agent that crashed or hung, a
// full disk, kInterrupted) what was measured until then is there, and no process is left.
[[nodiscard]] Status run_locally(const LocalRun& run, Progress& progress);

// The same with pauses between cycles, in which no process of the run is left: other runs can take
// their turns then. begin, then measure for ranges of cycles in ascending order, then end.
class RunInParts {
 public:
  RunInParts(LocalRun run, Progress& progress);
  ~RunInParts();
  RunInParts(const RunInParts&) = delete;
  RunInParts& operator=(const RunInParts&) = delete;

  [[nodiscard]] Status begin();
  [[nodiscard]] Status measure(int first_cycle, int last_cycle);  // from 1, both included
  [[nodiscard]] Status measure(BlockSource& blocks);              // in place of the plan's
  [[nodiscard]] Status end();

 private:
  class Execution;
  std::unique_ptr<Execution> execution_;
};

// kts-worker beside this program, or where `override_path` says; kEnvironment when it isn't there.
[[nodiscard]] Result<std::filesystem::path> find_worker(std::string_view override_path);

// "cpu" or "cuda" for a scenario's device ("cuda:1").
[[nodiscard]] std::string_view device_kind(std::string_view device);

// kEnvironment when agents on the scenario's (decided) device can't share it as the scenario says;
// kBadInput for several agents in mode exclusive, or demands that the mode doesn't know.
[[nodiscard]] Status check_sharing_mode(const scenario::Scenario& scenario,
                                        const Result<std::vector<device::Gpu>>& gpus);

// Whether the agents' kernels can be traced: kEnvironment on a CPU, kBadInput in mode streams.
[[nodiscard]] Status check_tracing(const scenario::Scenario& scenario);

// What a worker says when asked to start on a device, with `environment` added to ours.
struct ProbeAnswer {
  std::string name;
  std::string uuid;
};
[[nodiscard]] Result<ProbeAnswer> probe_device(const std::filesystem::path& worker,
                                               std::string_view device,
                                               process::SignalWatch* signals = nullptr,
                                               std::vector<std::string> environment = {});
struct DeviceChoice {
  std::string device;        // cpu | cuda[:N]
  std::string announcement;  // one line that says what and why
};
// `wish` is auto, cpu or cuda[:N]. Auto takes the GPU when there is one and a worker can use it.
[[nodiscard]] Result<DeviceChoice> choose_device(std::string_view wish,
                                                 const std::filesystem::path& worker,
                                                 const device::CpuInfo& cpu,
                                                 const Result<std::vector<device::Gpu>>& gpus,
                                                 process::SignalWatch* signals = nullptr);

}  // namespace kts::runner
