// SPDX-License-Identifier: Apache-2.0
#include "kts/stats/outliers.hpp"

#include <algorithm>
#include <cmath>

#include "kts/stats/quantile.hpp"
#include "kts/stats/verdict.hpp"

namespace kts::stats {
namespace {

constexpr double kNormalMad = 1.4826;
constexpr double kDeviations = 3;

double median(std::vector<double> values) {
  return *QuantileSelector<double>(values).quantile(0.5);
}

}  // namespace

Peers compare_peers(std::span<const std::optional<Peer>> peers) {
  Peers out;
  out.outlier.resize(peers.size(), false);
  std::vector<double> logs;
  for (const auto& peer : peers) {
    if (peer && peer->value > 0) logs.push_back(std::log(peer->value));
  }
  if (logs.empty()) return out;
  const double centre = median(logs);
  out.median = std::exp(centre);
  if (logs.size() < kMinPeers) return out;
  for (double& value : logs) value = std::abs(value - centre);
  const double band =
      std::max(kDeviations * kNormalMad * median(std::move(logs)), std::log(kHurtAbove));
  out.band = std::exp(band);
  for (std::size_t i = 0; i < peers.size(); ++i) {
    if (!peers[i] || !(peers[i]->value > 0)) continue;
    const Interval& interval = peers[i]->interval;
    out.outlier[i] = (interval.low && *interval.low > *out.median * *out.band) ||
                     (interval.high && *interval.high < *out.median / *out.band);
  }
  return out;
}

}  // namespace kts::stats
