// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace kts::workload_cuda {

// A device instant known to lie between two host instants, all ns; `device_ns` counts from the
// first base event of the process.
struct Bracket {
  std::int64_t host_before_ns = 0;
  double device_ns = 0;
  std::int64_t host_after_ns = 0;
};

// What a set of brackets proves about host - device at one instant: offset +- half_width.
struct OffsetFix {
  double device_ns = 0;
  double offset_ns = 0;
  double half_width_ns = 0;
};

// Intersects the brackets' offsets, each first carried to the last bracket's instant with
// `drift_ratio` (d offset / d device). Empty when there are none or when they contradict each
// other.
[[nodiscard]] std::optional<OffsetFix> intersect(const std::vector<Bracket>& brackets,
                                                 double drift_ratio);

// Maps device instants to the host's CLOCK_MONOTONIC by the last fix and a drift learned from
// earlier fixes. Cristian's bound: an event lies between the stamps around it, so no delay needs to
// be guessed.
class ClockMap {
 public:
  // Mapping as used until now minus `fix`, ns; 0 for the first fix.
  double add(const OffsetFix& fix);
  [[nodiscard]] bool drift_known() const { return drift_known_; }
  [[nodiscard]] std::int64_t to_host_ns(double device_ns) const;
  // What takes so long by the device's clock, by the host's: a second differs by some 15 us.
  [[nodiscard]] std::int64_t to_host_length_ns(double device_length_ns) const;
  [[nodiscard]] double drift_ratio() const { return drift_ratio_; }

 private:
  [[nodiscard]] double offset_at(double device_ns) const;

  std::vector<OffsetFix> fixes_;
  double drift_ratio_ = 0;
  bool drift_known_ = false;
};

}  // namespace kts::workload_cuda
