// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "distribution.hpp"
#include "kts/stats/quantile.hpp"

namespace kts::analysis {

// A mean of one column, ms. `variance` is that of the mean, empty where blocks are too few.
struct RankedMean {
  std::optional<double> ms;
  std::optional<double> variance;
};
// Iterations in one window of latency ranks, or all of them.
struct RankedWindow {
  std::uint64_t n = 0;
  std::vector<RankedMean> columns;
  std::optional<double> latency_variance;  // of its quantile, or its mean
  std::optional<double> residue_variance;  // of the latency's quantile (or mean) - the parts' means
};

// Sums of several lengths of each iteration, by its latency's rank and by block, so that blocks can
// be drawn anew (a bootstrap of whole blocks, docs/statistics.md) without the iterations
// themselves.
class RankedSums {
 public:
  static constexpr std::size_t kParts = record::kLatencyParts.size();

  // The first kParts columns are latency's parts.
  RankedSums(const Group& group, std::vector<Distribution::Bounds> windows, std::size_t columns);

  // `block` is its place in the group. NaN is unavailable. Threads may add to different blocks.
  void add(std::size_t block, std::int64_t latency_ns, std::span<const double> ns);

  // All iterations first, then each of kRankWindows. Means over fewer than `least` are empty.
  [[nodiscard]] std::vector<RankedWindow> windows(std::uint64_t least) const;

 private:
  // Of a stretch of ranks, a column each. Nearly all lengths are there: those that aren't count.
  struct Sums {
    std::vector<double> ns;
    std::vector<std::uint32_t> missing;
  };
  struct Block {
    std::vector<std::uint32_t> counts;  // iterations by bin
    double latency = 0;                 // of all
    Sums sums;                          // bins x columns
    std::vector<std::uint64_t> in_window;
    Sums exact;  // (1 + windows) x columns
  };
  using Cells = stats::LeadingBits<std::uint64_t>;
  [[nodiscard]] std::size_t cell_of(std::int64_t latency_ns) const;  // from the first edge on
  [[nodiscard]] std::size_t bin_of(std::int64_t latency_ns) const;
  void draw(std::vector<RankedWindow>& result) const;

  std::vector<Distribution::Bounds> windows_;
  std::size_t columns_;
  std::vector<std::int64_t>
      edges_ns_;  // of the bins, ascending; the first bin is below the first edge
  std::vector<std::uint32_t> first_edge_;  // of each cell: few edges are left to compare with
  std::vector<Block> blocks_;
};

}  // namespace kts::analysis
