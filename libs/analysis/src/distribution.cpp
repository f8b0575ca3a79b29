// SPDX-License-Identifier: Apache-2.0
#include "distribution.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <memory>
#include <type_traits>

#include "kts/stats/quantile.hpp"
#include "lengths.hpp"

namespace kts::analysis {
namespace {

constexpr double kNsPerMillisecond = 1e6;
constexpr double kTailFrom = 0.95;

// At most about 300 points: the largest samples one by one, then evenly on a logarithmic axis.
constexpr std::size_t kWholeTail = 100;
constexpr double kPointsPerDecade = 30;

std::optional<double> optional_ms(std::optional<double> ns) {
  if (!ns) return std::nullopt;
  return *ns / kNsPerMillisecond;
}

// An estimate beyond the samples' resolution would only be the largest sample by another name.
bool resolves(std::uint64_t n, double p) {
  constexpr double kRounding = 1e-9;
  const auto count = static_cast<double>(n);
  return count * std::min(p, 1 - p) >= 1 - kRounding;
}

// For each threshold, each block's samples at or below it.
std::vector<std::vector<stats::BlockCount>> count_at_or_below(
    const Group& group, Measure measure, const std::vector<std::int64_t>& thresholds) {
  std::vector<std::vector<stats::BlockCount>> counts(
      thresholds.size(), std::vector<stats::BlockCount>(group.blocks.size()));
  // Four at once, each in a register.
  const auto threshold = [&](std::size_t k) { return k < thresholds.size() ? thresholds[k] : 0; };
  for (std::size_t b = 0; b < group.blocks.size(); ++b) {
    for (std::size_t k = 0; k < thresholds.size(); k += 4) {
      const std::int64_t first = threshold(k), second = threshold(k + 1);
      const std::int64_t third = threshold(k + 2), fourth = threshold(k + 3);
      std::uint64_t n = 0, to_first = 0, to_second = 0, to_third = 0, to_fourth = 0;
      for_each_length(*group.blocks[b], measure, [&](std::int64_t ns) {
        ++n;
        to_first += ns <= first;
        to_second += ns <= second;
        to_third += ns <= third;
        to_fourth += ns <= fourth;
      });
      const std::array at_or_below{to_first, to_second, to_third, to_fourth};
      for (std::size_t i = k; i < std::min(k + 4, thresholds.size()); ++i) {
        counts[i][b] = {n, at_or_below[i - k]};
      }
    }
  }
  return counts;
}

struct Exceedances {
  std::uint64_t all = 0;
  std::uint64_t clusters = 0;  // a new one after 1 / (1 - p) samples that don't exceed
  std::uint64_t apart = 0;     // after a quarter of that
};

// Samples above the threshold, and in how many places. Between two of independent samples lie
// 1 / (1 - p) others; requests that queue are late together and count once (the runs estimate of
// Smith & Weissman 1994).
Exceedances count_exceedances(const Group& group, Measure measure, std::int64_t threshold,
                              double p) {
  const auto far = static_cast<std::uint64_t>(std::ceil(1 / (1 - p)));
  const std::uint64_t near = (far + 3) / 4;
  Exceedances found;
  for (const AgentBlock* block : group.blocks) {
    std::uint64_t since = far;
    for_each_length(*block, measure, [&](std::int64_t ns) {
      if (ns <= threshold) {
        ++since;
        return;
      }
      ++found.all;
      found.clusters += since >= far;
      found.apart += since >= near;
      since = 0;
    });
  }
  return found;
}

// Whether the largest sample bounds the p-quantile although p + h is beyond it.
bool maximum_bounds(const Group& group, Measure measure, std::int64_t threshold, double p) {
  const Exceedances found = count_exceedances(group, measure, threshold, p);
  return stats::maximum_bounds(found.clusters) ||
         stats::maximum_bounds_singles(found.all, found.apart);
}

template <typename T>
Ccdf thin_out(stats::QuantileSelector<T>& selector) {
  Ccdf ccdf;
  const std::size_t n = selector.size();
  std::vector<std::size_t> at_or_above;  // ascending numbers of samples
  for (std::size_t k = 1; k <= std::min(n, kWholeTail); ++k) at_or_above.push_back(k);
  const double step = std::pow(10, 1 / kPointsPerDecade);
  const auto next = [step](std::size_t k) {
    return static_cast<std::size_t>(static_cast<double>(k) * step);
  };
  for (std::size_t k = next(kWholeTail); k < n; k = next(k)) at_or_above.push_back(k);
  if (n > kWholeTail) at_or_above.push_back(n);
  for (auto k = at_or_above.rbegin(); k != at_or_above.rend(); ++k) {
    ccdf.latency_ms.push_back(static_cast<double>(selector.order_statistic(n - *k)) /
                              kNsPerMillisecond);
    ccdf.share_above.push_back(static_cast<double>(*k) / static_cast<double>(n));
  }
  return ccdf;
}

// The spread of `from` samples as it would be for `to`.
stats::ShareError scaled(const stats::ShareError& error, std::uint64_t from, std::uint64_t to) {
  const double ratio = static_cast<double>(from) / static_cast<double>(to);
  return {error.standard_error * std::sqrt(ratio), error.degrees};
}

template <typename T>
Distribution describe(const Group& group, Measure measure, const std::vector<double>& quantiles,
                      const Distribution* lender) {
  const auto for_each = [&](auto take) {
    for (const AgentBlock* block : group.blocks) {
      for_each_length(*block, measure, [&](std::int64_t ns) { take(static_cast<T>(ns)); });
    }
  };
  // Exact where it can be.
  using Sum = std::conditional_t<sizeof(T) == 4, std::int64_t, double>;
  Distribution result;
  Sum sum{0};
  T least = std::numeric_limits<T>::max();
  T most = std::numeric_limits<T>::min();
  for_each([&](T ns) {
    ++result.n;
    sum += static_cast<Sum>(ns);
    least = std::min(least, ns);
    most = std::max(most, ns);
  });
  const bool tails_lost = group.tails_lost || (measure == Measure::kItl && group.token_tails_lost);
  if (result.n == 0) {
    for (const double p : quantiles) result.quantiles.push_back({p, {}, {}});
    return result;
  }
  result.mean_ms = static_cast<double>(sum) / static_cast<double>(result.n) / kNsPerMillisecond;
  result.max_ms = static_cast<double>(most) / kNsPerMillisecond;

  const auto values = std::make_unique_for_overwrite<T[]>(result.n);
  stats::QuantileSelector<T> selector({values.get(), result.n}, least, for_each);
  std::vector<std::int64_t> thresholds;
  thresholds.reserve(quantiles.size());
  for (const double p : quantiles) {
    thresholds.push_back(static_cast<std::int64_t>(std::floor(*selector.quantile(p))));
  }
  const auto counts = count_at_or_below(group, measure, thresholds);
  for (std::size_t k = 0; k < quantiles.size(); ++k) {
    QuantilePoint point{quantiles[k], {}, stats::share_error(counts[k])};
    if (!point.error && lender) {
      const QuantilePoint* lent = lender->at(point.p);
      if (lent && lent->error) point.error = scaled(*lent->error, lender->n, result.n);
    }
    if (resolves(result.n, point.p)) {
      point.ms.value = optional_ms(selector.quantile(point.p));
      if (point.error && !(tails_lost && point.p >= kTailFrom)) {
        auto bounds = stats::quantile_interval(point.p, result.n, *point.error);
        if (!bounds.high && result.n >= stats::upper_bound_floor(point.p) &&
            maximum_bounds(group, measure, thresholds[k], point.p)) {
          bounds.high = 1;
        }
        if (bounds.low) point.ms.ci_low = optional_ms(selector.quantile(*bounds.low));
        if (bounds.high) point.ms.ci_high = optional_ms(selector.quantile(*bounds.high));
      }
    }
    result.quantiles.push_back(point);
  }
  if (!counts.empty()) {
    result.blocks = static_cast<int>(
        std::ranges::count_if(counts.front(), [](const auto& block) { return block.n > 0; }));
  }
  if (measure == Measure::kLatency) {
    for (const RankWindow& window : kRankWindows) {
      result.windows.push_back({*selector.quantile(window.quantile - window.reach),
                                *selector.quantile(window.quantile + window.reach)});
    }
  }
  if (measure == Measure::kLatency || measure == Measure::kTtft || measure == Measure::kItl) {
    result.ccdf = thin_out(selector);
    result.ccdf.measure = measure;
  }
  return result;
}

}  // namespace

const QuantilePoint* Distribution::at(double p) const {
  const auto found = std::ranges::find(quantiles, p, &QuantilePoint::p);
  return found == quantiles.end() ? nullptr : &*found;
}

Distribution distribution_of(const Group& group, Measure measure,
                             const std::vector<double>& quantiles, const Distribution* lender) {
  const bool narrow = std::ranges::all_of(
      group.blocks, [&](const AgentBlock* block) { return is_narrow(*block, measure); });
  return narrow ? describe<std::int32_t>(group, measure, quantiles, lender)
                : describe<std::int64_t>(group, measure, quantiles, lender);
}

}  // namespace kts::analysis
