// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kts/base/clock.hpp"

namespace kts::telemetry {

// A field of NVIDIA's DCGM exporter, and its column in telemetry/dcgm.csv. Values are as DCGM gives
// them: utilisation in %, PROF_ fields as a share of 1, power in W, clocks in MHz, °C. They are the
// whole card's, whoever uses it.
struct DcgmField {
  std::string_view metric;
  std::string_view column;
};
inline constexpr std::array<DcgmField, 8> kDcgmFields{{
    {"DCGM_FI_DEV_GPU_UTIL", "gpu_util_percent"},
    {"DCGM_FI_DEV_MEM_COPY_UTIL", "mem_copy_util_percent"},
    {"DCGM_FI_PROF_SM_ACTIVE", "sm_active_ratio"},
    {"DCGM_FI_PROF_DRAM_ACTIVE", "dram_active_ratio"},
    {"DCGM_FI_DEV_POWER_USAGE", "power_watts"},
    {"DCGM_FI_DEV_SM_CLOCK", "sm_clock_mhz"},
    {"DCGM_FI_DEV_MEM_CLOCK", "memory_clock_mhz"},
    {"DCGM_FI_DEV_GPU_TEMP", "temperature_celsius"},
}};

struct DcgmReading {
  std::array<std::optional<double>, kDcgmFields.size()> values;  // as kDcgmFields
  friend bool operator==(const DcgmReading&, const DcgmReading&) = default;
};

// "epoch_ns,uuid,gpu_util_percent,…\n", and a line below it; what the exporter lacks is empty.
[[nodiscard]] std::string dcgm_csv_header();
[[nodiscard]] std::string csv_row(std::int64_t epoch_ns, std::string_view uuid,
                                  const DcgmReading& reading);
[[nodiscard]] std::string csv_cells(const DcgmReading& reading);  // ",97,…", without the newline

// What one page of the exporter says, by the card's UUID. On a shared card the exporter repeats the
// card's values for every pod: each counts once.
class DcgmPage {
 public:
  void take(std::string_view line);
  [[nodiscard]] const std::map<std::string, DcgmReading>& cards() const { return cards_; }

 private:
  std::map<std::string, DcgmReading> cards_;
};

// How often the exporter has new values, whatever the pace at which it is asked.
class RenewalRate {
 public:
  // True when the reading differs from the one before.
  bool see(MonotonicTime when, const DcgmReading& reading);
  // The median time between two changes; nullopt before the second.
  [[nodiscard]] std::optional<Nanoseconds> interval() const;

 private:
  std::optional<DcgmReading> last_;
  std::vector<MonotonicTime> changes_;
};

// How long to wait before asking the exporter again: down to kFastest while its values keep
// changing.
class ScrapePace {
 public:
  static constexpr Nanoseconds kSlowest = std::chrono::seconds(1);
  static constexpr Nanoseconds kFastest = std::chrono::milliseconds(100);
  explicit ScrapePace(Nanoseconds slowest = kSlowest) : slowest_(slowest), period_(slowest) {}
  Nanoseconds next(bool renewed);

 private:
  Nanoseconds slowest_, period_;
  int renewed_in_a_row_ = 0;
};

}  // namespace kts::telemetry
