// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "kts/base/clock.hpp"
#include "kts/base/error.hpp"
#include "kts/device/gpu.hpp"

namespace kts::telemetry {

struct Reading {
  std::int64_t epoch_ns = 0;  // on the run's time line, when the answer was there
  int gpu = 0;                // NVML's index
  device::GpuSample sample;
};

inline constexpr std::string_view kCsvHeader =
    "epoch_ns,gpu,sm_clock_mhz,memory_clock_mhz,power_watts,temperature_celsius,"
    "clock_event_reasons,utilisation_percent\n";
// One line with its newline; what the driver doesn't report is an empty field.
[[nodiscard]] std::string csv_row(const Reading& reading);

// Looks at the GPUs again and again from a thread of its own and writes what it sees.
class Sampler {
 public:
  static constexpr auto kPeriod = std::chrono::milliseconds(200);

  // `source` must outlive the sampler.
  [[nodiscard]] static Result<std::unique_ptr<Sampler>> start(device::GpuSource& source,
                                                              std::vector<int> gpus,
                                                              EpochOffset offset,
                                                              const std::filesystem::path& csv,
                                                              Nanoseconds period = kPeriod);
  virtual ~Sampler() = default;
  // Ends the thread. The readings, or the first thing that went wrong with the file; a look that
  // the driver refused is a gap.
  [[nodiscard]] virtual Result<std::vector<Reading>> stop() = 0;
};

}  // namespace kts::telemetry
