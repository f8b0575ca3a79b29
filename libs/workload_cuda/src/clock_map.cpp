// SPDX-License-Identifier: Apache-2.0
#include "kts/workload_cuda/clock_map.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace kts::workload_cuda {
namespace {

// Beyond this a pair of fixes says more of how the drift wandered than of what it is now: the
// host's clock is steered, and on an H200 the drift moved by 0.03 ppm a second.
constexpr double kDriftMemoryNs = 20e9;
// A pair that leaves the drift more uncertain than this would worsen the mapping of a 2 s block.
constexpr double kUsefulDriftError = 2.5e-6;

}  // namespace

std::optional<OffsetFix> intersect(const std::vector<Bracket>& brackets, double drift_ratio) {
  if (brackets.empty()) return std::nullopt;
  const double reference = brackets.back().device_ns;
  // Differences to one host instant keep a double's 53 bits for the nanoseconds.
  const std::int64_t host_reference = brackets.back().host_before_ns;
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  for (const Bracket& b : brackets) {
    const double carried = (reference - b.device_ns) * (1 + drift_ratio);
    low = std::max(low, static_cast<double>(b.host_before_ns - host_reference) + carried);
    high = std::min(high, static_cast<double>(b.host_after_ns - host_reference) + carried);
  }
  if (high < low) return std::nullopt;
  return OffsetFix{reference, static_cast<double>(host_reference) + (low + high) / 2 - reference,
                   (high - low) / 2};
}

double ClockMap::offset_at(double device_ns) const {
  const OffsetFix& last = fixes_.back();
  return last.offset_ns + drift_ratio_ * (device_ns - last.device_ns);
}

double ClockMap::add(const OffsetFix& fix) {
  const double error = fixes_.empty() ? 0 : offset_at(fix.device_ns) - fix.offset_ns;
  fixes_.push_back(fix);
  std::erase_if(
      fixes_, [&](const OffsetFix& old) { return fix.device_ns - old.device_ns > kDriftMemoryNs; });
  double least_uncertain = kUsefulDriftError;
  for (const OffsetFix& old : fixes_) {
    const double span = fix.device_ns - old.device_ns;
    if (span <= 0) continue;
    const double uncertain = (fix.half_width_ns + old.half_width_ns) / span;
    if (uncertain < least_uncertain) {
      least_uncertain = uncertain;
      drift_known_ = true;
      drift_ratio_ = (fix.offset_ns - old.offset_ns) / span;
    }
  }
  return error;
}

std::int64_t ClockMap::to_host_ns(double device_ns) const {
  return std::llround(device_ns + offset_at(device_ns));
}

std::int64_t ClockMap::to_host_length_ns(double device_length_ns) const {
  return std::llround(device_length_ns * (1 + drift_ratio_));
}

}  // namespace kts::workload_cuda
