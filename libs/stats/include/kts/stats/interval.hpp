// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace kts::stats {

// 95 % interval; a bound that the samples can't give is empty, which means unbounded.
struct Interval {
  std::optional<double> low;
  std::optional<double> high;
};

// Fewer blocks than this give no interval: their spread says too little of itself.
inline constexpr int kMinBlocks = 5;

// Quantile of Student's t with `degrees` >= 1 degrees of freedom, 0 < p < 1 (Abramowitz & Stegun
// 26.7.3 and 26.7.4, inverted).
[[nodiscard]] double student_t_quantile(double p, int degrees);

// One block's samples, and how many of them are <= the pooled quantile.
struct BlockCount {
  std::uint64_t n = 0;
  std::uint64_t at_or_below = 0;
};

// How far the share of samples at or below varies from block to block.
struct ShareError {
  double standard_error = 0;  // of the share over all blocks
  int degrees = 0;            // of freedom that the standard error itself rests on
};

// Ratio estimator, since blocks differ in size (Cochran 1977, 6.3); degrees of freedom lowered by
// the blocks' kurtosis (docs/statistics.md). Blocks without samples count for nothing. Empty for
// fewer than kMinBlocks.
[[nodiscard]] std::optional<ShareError> share_error(std::span<const BlockCount> blocks);

// The probabilities at which the sample's quantiles bound the p-quantile of `n` samples
// (Woodruff 1952; docs/statistics.md).
[[nodiscard]] Interval quantile_interval(double p, std::uint64_t n, const ShareError& error);

// Whether the largest sample is an upper bound of a quantile above which samples stand in
// `clusters` places that are far enough apart to be independent.
[[nodiscard]] bool maximum_bounds(std::uint64_t clusters);

// The same where samples above the quantile come nearly one by one: of `exceedances` at least half,
// and five, stand apart. How many clusters to expect then follows from the number of samples
// (docs/statistics.md).
[[nodiscard]] bool maximum_bounds_singles(std::uint64_t exceedances, std::uint64_t apart);

// Samples below which the largest one is no upper bound of the p-quantile: ln 0.025 / ln p.
[[nodiscard]] std::uint64_t upper_bound_floor(double p);

// Interval of numerator / denominator from theirs: the log half-widths of each side in quadrature
// (MOVER: Zou & Donner 2008). All values positive, else the side is empty.
[[nodiscard]] Interval ratio_interval(double numerator, const Interval& numerator_interval,
                                      double denominator, const Interval& denominator_interval);

}  // namespace kts::stats
