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

// A driver's answers: NVML's, or recorded ones. Calls are thread-safe.
class GpuSource {
 public:
  virtual ~GpuSource() = default;
  [[nodiscard]] virtual Result<DriverInfo> driver() = 0;
  [[nodiscard]] virtual Result<std::vector<Gpu>> gpus() = 0;
  [[nodiscard]] virtual Result<GpuSample> sample(int index) = 0;
  [[nodiscard]] virtual Result<std::vector<GpuProcess>> compute_processes(int index) = 0;
};

// Loads libnvidia-ml.so.1 now; kEnvironment says what is missing.
[[nodiscard]] Result<std::unique_ptr<GpuSource>> open_nvml();

// Replays a file that to_recording wrote: samples in turn, the last one again and again.
[[nodiscard]] Result<std::unique_ptr<GpuSource>> open_recording(const std::filesystem::path& path);
// Everything that `source` answers now, with `samples` looks at each GPU, as JSON.
[[nodiscard]] Result<std::string> to_recording(GpuSource& source, int samples);

// The clock event reasons that mean less speed than asked for (power, heat, brake): their names,
// empty if there are none. Idle and set clocks are no throttling.
[[nodiscard]] std::vector<std::string_view> throttle_names(std::uint64_t clock_event_reasons);

}  // namespace kts::device
