// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <optional>

#include "distribution.hpp"
#include "kts/stats/interval.hpp"

namespace kts::analysis {

[[nodiscard]] inline std::optional<double> difference(std::optional<double> a,
                                                      std::optional<double> b) {
  if (!a || !b) return std::nullopt;
  return *a - *b;
}

// Instants are whole nanoseconds; digits below a picosecond come from summing.
[[nodiscard]] inline std::optional<double> rounded(std::optional<double> ms) {
  if (!ms) return ms;
  const double value = std::round(*ms * 1e9) / 1e9;
  return value == 0 ? 0 : value;
}

[[nodiscard]] inline int blocks_with_samples(const Group& group) {
  return static_cast<int>(std::ranges::count_if(
      group.blocks, [](const AgentBlock* block) { return block->latency.size() > 0; }));
}

// Variances of two phases' means, and the blocks that each rests on (Welch 1947).
struct TwoSpreads {
  int solo_blocks, shared_blocks;
  [[nodiscard]] stats::Interval around(std::optional<double> value, std::optional<double> solo,
                                       std::optional<double> shared) const {
    if (!value || !solo || !shared) return {};
    const double both = *solo + *shared;
    if (!(both > 0)) return {*value, *value};
    const double degrees =
        both * both / (*solo * *solo / (solo_blocks - 1) + *shared * *shared / (shared_blocks - 1));
    const double reach =
        stats::student_t_quantile(0.975, std::max(1, static_cast<int>(std::lround(degrees)))) *
        std::sqrt(both);
    return {rounded(*value - reach), rounded(*value + reach)};
  }
};

// Of `more` - `less` from their intervals: the distances in quadrature (MOVER).
[[nodiscard]] inline stats::Interval difference_interval(const Estimate& more,
                                                         const Estimate& less) {
  if (!more.value || !less.value) return {};
  const double growth = *more.value - *less.value;
  stats::Interval interval;
  if (more.ci_low && less.ci_high) {
    interval.low =
        rounded(growth - std::hypot(*more.value - *more.ci_low, *less.ci_high - *less.value));
  }
  if (more.ci_high && less.ci_low) {
    interval.high =
        rounded(growth + std::hypot(*more.ci_high - *more.value, *less.value - *less.ci_low));
  }
  return interval;
}

}  // namespace kts::analysis
