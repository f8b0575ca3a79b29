// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "kts/analysis/run_data.hpp"
#include "kts/stats/interval.hpp"

namespace kts::analysis {

// Blocks that are pooled: one agent, one phase, neighbours alike.
struct Group {
  std::vector<const AgentBlock*> blocks;
  std::optional<Neighbours> neighbours;
  std::uint64_t trimmed = 0;
  std::uint64_t lost = 0;
  std::uint64_t abandoned = 0;
  // Too many records lost, or requests never begun, for tails: p95 and beyond get no interval.
  bool tails_lost = false;
  std::uint64_t tokens_lost = 0;
  bool token_tails_lost = false;  // the same of the gaps between tokens
};

// Where the growth is looked for: iterations whose latency ranks within `reach` of the quantile.
struct RankWindow {
  std::string_view name;
  double quantile;
  double reach;
};
inline constexpr std::array kRankWindows{
    RankWindow{"p50", 0.5, 0.005}, RankWindow{"p95", 0.95, 0.025}, RankWindow{"p99", 0.99, 0.005}};

struct QuantilePoint {
  double p = 0;
  Estimate ms;
  std::optional<stats::ShareError> error;
};

struct Distribution {
  std::uint64_t n = 0;
  int blocks = 0;  // that have samples
  std::optional<double> mean_ms;
  std::optional<double> max_ms;
  std::vector<QuantilePoint> quantiles;  // as asked for
  struct Bounds {
    double low_ns;
    double high_ns;
  };
  std::vector<Bounds> windows;  // of kRankWindows, for latency alone; empty without samples
  Ccdf ccdf;  // of latency, ttft and itl; its agent and phase are left to the caller

  [[nodiscard]] const QuantilePoint* at(double p) const;
};

// Pools a group's samples of one measure. A group of fewer than stats::kMinBlocks blocks borrows
// the spread between blocks from `lender`: blocks of the same agent and phase.
[[nodiscard]] Distribution distribution_of(const Group& group, Measure measure,
                                           const std::vector<double>& quantiles,
                                           const Distribution* lender);

}  // namespace kts::analysis
