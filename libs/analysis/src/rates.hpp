// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "kts/analysis/run_data.hpp"
#include "kts/stats/interval.hpp"

namespace kts::analysis {

// With Student's interval; fewer than five values have none.
[[nodiscard]] inline Estimate mean_with_interval(const std::vector<double>& values) {
  if (values.empty()) return {};
  const auto n = static_cast<double>(values.size());
  double mean = 0;
  for (const double value : values) mean += value / n;
  Estimate estimate{mean, {}, {}};
  if (values.size() < static_cast<std::size_t>(stats::kMinBlocks)) return estimate;
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  const double reach = stats::student_t_quantile(0.975, static_cast<int>(values.size()) - 1) *
                       std::sqrt(squares / (n - 1) / n);
  estimate.ci_low = std::max(0.0, mean - reach);
  estimate.ci_high = mean + reach;
  return estimate;
}

// Mean of the blocks' rates of one copy.
[[nodiscard]] inline Estimate rate_of(const std::vector<const AgentBlock*>& blocks, int copies) {
  std::vector<double> rates;
  for (const AgentBlock* block : blocks) {
    const auto length_s = static_cast<double>(block->window_stop_ns - block->window_start_ns) / 1e9;
    if (length_s > 0) {
      rates.push_back(static_cast<double>(block->completed_in_window) / length_s / copies);
    }
  }
  return mean_with_interval(rates);
}

}  // namespace kts::analysis
