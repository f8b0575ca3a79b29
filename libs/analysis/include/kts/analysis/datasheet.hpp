// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kts/analysis/summary.hpp"
#include "kts/base/error.hpp"

namespace kts::analysis {

// How a device shares itself, as kts probe found it (docs/probe.md says each figure's method).
// Keys that other parts rely on:
//   time_slice_ms      how long a context runs before it is switched out, two of them busy
//   context_switch_ms  from one busy context's last instruction to the other's first
//   kernel_launch_us   the host's time for the call that launches a kernel
//   event_pair_us      what two events with nothing between them say
struct Figure {
  std::string key;   // "time_slice_ms"
  std::string unit;  // "ms", "us", "ns", "mib", "ratio", "ppm", "count"
  Estimate value;    // in that unit, with its 95 % interval
  std::uint64_t n = 0;
  std::string method;  // a phrase
  std::string note;    // may be empty
};

// What two independent methods say of the same thing.
struct Agreement {
  std::string key, other;     // of figures
  double difference_ratio{};  // |a - b| / a
  double limit_ratio{};
  [[nodiscard]] bool agrees() const { return difference_ratio <= limit_ratio; }
};

// Ascending quantiles of what a figure summarises, for plots and for models.
struct Spread {
  std::string key;   // "gap_ms"
  std::string unit;  // "ms"
  int contexts = 0;  // busy at once
  std::uint64_t n = 0;
  std::vector<double> values;  // the i-th of m is the i / (m - 1) quantile
};

// What the device or the machine doesn't give, or the probe didn't get.
struct Missing {
  std::string key;
  std::string reason;
};

struct DataSheet {
  DeviceInfo device;
  std::string measured_at;  // ISO 8601 UTC
  std::string sharing;      // of the figures that don't name another mode
  bool quick = false;
  std::vector<Figure> figures;
  std::vector<Agreement> agreements;
  std::vector<Spread> spreads;
  std::vector<Missing> unavailable;
  std::vector<std::string> warnings;
};

[[nodiscard]] const Figure* find_figure(const DataSheet& sheet, std::string_view key);
[[nodiscard]] const Missing* find_missing(const DataSheet& sheet, std::string_view key);
// Why the sheet can't be relied on: no time slice where there should be one, or methods that
// disagree. Empty when it can.
[[nodiscard]] std::vector<std::string> inconclusive(const DataSheet& sheet);

// kts.datasheet/1. What is unavailable is null.
[[nodiscard]] std::string to_json(const DataSheet& sheet);
// Strict: kBadInput names `where` and the field that is missing, unknown or of another type.
[[nodiscard]] Result<DataSheet> parse_datasheet(std::string_view text, std::string_view where);

}  // namespace kts::analysis
