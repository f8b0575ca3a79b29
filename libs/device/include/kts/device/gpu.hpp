// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kts/base/clock.hpp"
#include "kts/base/error.hpp"

namespace kts::device {

struct DriverInfo {
  std::string driver;  // "580.159.03"
  std::string cuda;    // "13.0", the newest that the driver serves
};

// What doesn't change during a run; empty where the driver doesn't say.
struct Gpu {
  int index = 0;  // NVML's, which may differ from CUDA's: join by uuid
  std::string name;
  std::string uuid;
  std::optional<std::uint64_t> memory_bytes;
  std::string compute_mode;         // "default", "exclusive-process", "prohibited"
  std::optional<bool> mig_enabled;  // empty: the card has no MIG
  std::optional<unsigned> max_sm_clock_mhz;
  std::vector<std::string> mig_instances;  // as CUDA_VISIBLE_DEVICES names them
};

// One look at a GPU; what it doesn't report is empty.
struct GpuSample {
  std::optional<unsigned> sm_clock_mhz;
  std::optional<unsigned> memory_clock_mhz;
  std::optional<double> power_watts;
  std::optional<unsigned> temperature_celsius;
  std::optional<std::uint64_t> clock_event_reasons;  // NVML's bits: why clocks are held down
  std::optional<unsigned> utilisation_percent;
  std::optional<std::uint64_t> memory_used_bytes;  // by all, the driver's own among them
};

struct GpuProcess {
  std::int64_t pid = 0;  // in the driver's PID namespace
  std::optional<std::uint64_t> memory_bytes;
  std::string name;  // as /proc tells it; empty if it doesn't
};

// What a driver takes its time to tell: it watches PCIe for 20 ms, once for each direction. Counts
// are since the driver was loaded, and may wrap.
struct GpuCounters {
  std::optional<std::uint64_t> pcie_sent_kb_per_s;  // by the card
  std::optional<std::uint64_t> pcie_received_kb_per_s;
  std::optional<std::uint64_t> pcie_replays;  // 32 bits
  std::optional<std::uint64_t> ecc_corrected;
  std::optional<std::uint64_t> ecc_uncorrected;
};

// Means of the whole card between two looks, in percent (GPM; Hopper and later).
struct GpmSample {
  Nanoseconds interval{0};
  std::optional<double> graphics_percent;   // time with any kernel at work
  std::optional<double> sm_percent;         // SMs busy
  std::optional<double> occupancy_percent;  // warps, of the most there can be
  std::optional<double> tensor_percent;
  std::optional<double> dram_percent;  // of the bandwidth
};

// A process' share of the card over one of the driver's own periods (1/6 s to 1 s).
struct ProcessUse {
  std::int64_t pid = 0;       // in the driver's PID namespace
  std::int64_t epoch_us = 0;  // the period's end, by the machine's wall clock
  unsigned sm_percent = 0;
  unsigned memory_percent = 0;  // of the time, memory was read or written
};

// A driver's answers: NVML's, or recorded ones. Calls are thread-safe, and a slow one doesn't keep
// others waiting.
class GpuSource {
 public:
  virtual ~GpuSource() = default;
  [[nodiscard]] virtual Result<DriverInfo> driver() = 0;
  [[nodiscard]] virtual Result<std::vector<Gpu>> gpus() = 0;
  [[nodiscard]] virtual Result<GpuSample> sample(int index) = 0;
  [[nodiscard]] virtual Result<std::vector<GpuProcess>> compute_processes(int index) = 0;

  // Beyond what every driver has; kEnvironment says what is missing.
  [[nodiscard]] virtual Result<GpuCounters> counters(int index);
  // Over the time since the last call that gave one; nullopt at the first, and less than
  // kShortestGpmInterval after it.
  [[nodiscard]] virtual Result<std::optional<GpmSample>> gpm(int index);
  static constexpr auto kShortestGpmInterval = std::chrono::milliseconds(101);
  // What ended after `since_us`, which is 0 or the newest epoch_us seen.
  [[nodiscard]] virtual Result<std::vector<ProcessUse>> process_use(int index,
                                                                    std::int64_t since_us);
  // The Xid errors of the time since the last call, the first of which begins to listen. Doesn't
  // wait for any.
  [[nodiscard]] virtual Result<std::vector<std::uint64_t>> xid_errors(int index);
  // The fields that were empty when last asked for, by name, in the driver's words.
  [[nodiscard]] virtual std::map<std::string, std::string> refusals(int index);
};

// Loads NVML now; kEnvironment says what is missing. `clock` says when GPM may be asked again, and
// outlives the source; null: the system's.
[[nodiscard]] Result<std::unique_ptr<GpuSource>> open_nvml(
    const std::string& library = "libnvidia-ml.so.1", const Clock* clock = nullptr);

// Replays a file that to_recording wrote: answers in turn, the last one again and again; what only
// happens once (a process' period, an Xid error) comes once.
[[nodiscard]] Result<std::unique_ptr<GpuSource>> open_recording(const std::filesystem::path& path);
// Everything that `source` answers now, with `samples` looks at each GPU, as JSON. With a clock the
// looks are `period` apart.
[[nodiscard]] Result<std::string> to_recording(GpuSource& source, int samples,
                                               Clock* clock = nullptr,
                                               Nanoseconds period = std::chrono::milliseconds(200));

// The clock event reasons that mean less speed than asked for (power, heat, brake): their names,
// empty if there are none. Idle and set clocks are no throttling.
[[nodiscard]] std::vector<std::string_view> throttle_names(std::uint64_t clock_event_reasons);

}  // namespace kts::device
