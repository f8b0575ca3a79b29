// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "kts/stats/interval.hpp"

namespace kts::stats {

// Fewer than this have no majority that one of them could stand apart from.
inline constexpr std::size_t kMinPeers = 3;

// One of several that should be alike: a positive estimate with its own interval.
struct Peer {
  double value = 0;
  Interval interval;
};

struct Peers {
  std::optional<double> median;  // of those that have a value
  // An outlier's whole interval lies above median * band or below median / band. Empty for fewer
  // than kMinPeers.
  std::optional<double> band;
  std::vector<bool> outlier;  // one for each that was given
};

// The band is three times the scaled median absolute deviation of the logarithms (1.4826 MAD
// estimates a normal's deviation; Hampel 1974), and at least 5 %, since what doesn't matter between
// phases doesn't between peers. A peer without the bound that faces the median is no outlier.
[[nodiscard]] Peers compare_peers(std::span<const std::optional<Peer>> peers);

}  // namespace kts::stats
