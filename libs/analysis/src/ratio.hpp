// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kts/analysis/summary.hpp"
#include "kts/stats/interval.hpp"

namespace kts::analysis {

[[nodiscard]] inline bool has_interval(const Estimate& estimate) {
  return estimate.value && estimate.ci_low && estimate.ci_high;
}
[[nodiscard]] inline stats::Interval interval_of(const Estimate& estimate) {
  return {estimate.ci_low, estimate.ci_high};
}

// With the interval that stats::ratio_interval makes of the two; empty without either, or of a
// denominator that isn't above 0.
[[nodiscard]] inline Estimate ratio_of(const Estimate& numerator, const Estimate& denominator) {
  if (!numerator.value || !denominator.value || !(*denominator.value > 0)) return {};
  const stats::Interval interval = stats::ratio_interval(
      *numerator.value, interval_of(numerator), *denominator.value, interval_of(denominator));
  return {*numerator.value / *denominator.value, interval.low, interval.high};
}

}  // namespace kts::analysis
