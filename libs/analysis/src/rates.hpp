// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "kts/analysis/run_data.hpp"
#include "kts/stats/interval.hpp"

namespace kts::analysis {

// Mean of the blocks' rates of one copy, with Student's interval; fewer than five blocks have none.
[[nodiscard]] inline Estimate rate_of(const std::vector<const AgentBlock*>& blocks, int copies) {
  std::vector<double> rates;
  for (const AgentBlock* block : blocks) {
    const auto length_s = static_cast<double>(block->window_stop_ns - block->window_start_ns) / 1e9;
    if (length_s > 0) {
      rates.push_back(static_cast<double>(block->completed_in_window) / length_s / copies);
    }
  }
  if (rates.empty()) return {};
  const auto n = static_cast<double>(rates.size());
  double mean = 0;
  for (const double rate : rates) mean += rate / n;
  Estimate estimate{mean, {}, {}};
  if (rates.size() < static_cast<std::size_t>(stats::kMinBlocks)) return estimate;
  double squares = 0;
  for (const double rate : rates) squares += (rate - mean) * (rate - mean);
  const double reach = stats::student_t_quantile(0.975, static_cast<int>(rates.size()) - 1) *
                       std::sqrt(squares / (n - 1) / n);
  estimate.ci_low = std::max(0.0, mean - reach);
  estimate.ci_high = mean + reach;
  return estimate;
}

}  // namespace kts::analysis
