// SPDX-License-Identifier: Apache-2.0
#include "kts/analysis/latency_steps.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <utility>

#include "kts/stats/quantile.hpp"

namespace kts::analysis {
namespace {

constexpr double kLevelWithin = 0.04;
constexpr double kLeastRise = 0.08;
constexpr std::size_t kLevelPoints = 3;
constexpr double kLeavesLevel = 0.25;

// Of the sizes [begin, end).
struct Level {
  std::size_t begin = 0, end = 0;
};

double middle(std::span<const double> values) {
  std::vector<double> copy(values.begin(), values.end());
  return stats::QuantileSelector<double>(copy).quantile(0.5).value_or(0);
}

std::vector<double> medians_of(const LatencyCurve& curve) {
  std::vector<double> out;
  for (std::size_t i = 0; i < curve.size_bytes.size(); ++i) {
    std::vector<double> at;
    for (const auto& round : curve.rounds) at.push_back(round[i]);
    out.push_back(middle(at));
  }
  return out;
}

double tail(std::span<const double> latency, const Level& level) {
  return middle(latency.subspan(level.end - kLevelPoints, kLevelPoints));
}
double head(std::span<const double> latency, const Level& level) {
  return middle(latency.subspan(level.begin, kLevelPoints));
}

std::vector<Level> levels_of(std::span<const double> latency) {
  std::vector<Level> levels;
  for (std::size_t begin = 0; begin + kLevelPoints <= latency.size();) {
    std::size_t end = begin + 1;
    while (end < latency.size() &&
           std::abs(latency[end] / middle(latency.subspan(begin, end - begin)) - 1) <=
               kLevelWithin) {
      ++end;
    }
    if (end - begin < kLevelPoints) {
      ++begin;
      continue;
    }
    const Level next{begin, end};
    // Neither drift nor a stray size between makes a step.
    if (!levels.empty() && head(latency, next) < (1 + kLeastRise) * tail(latency, levels.back())) {
      levels.back().end = end;
    } else {
      levels.push_back(next);
    }
    begin = end;
  }
  return levels;
}

Blocks of_sizes(const LatencyCurve& curve, std::size_t begin, std::size_t end) {
  Blocks out;
  for (const auto& round : curve.rounds) {
    out.emplace_back(round.begin() + static_cast<std::ptrdiff_t>(begin),
                     round.begin() + static_cast<std::ptrdiff_t>(end));
  }
  return out;
}

// The last size of `level` before latencies pass `limit`.
std::size_t last_within(std::span<const double> latency, const Level& level, double limit) {
  std::size_t last = level.begin;
  while (last + 1 < latency.size() && latency[last + 1] <= limit) ++last;
  return last;
}

LatencyStep step_between(const LatencyCurve& curve, std::span<const double> medians,
                         const Level& from, const Level& to, double above) {
  const double below = tail(medians, from);
  const double limit = below + kLeavesLevel * (above - below);
  std::vector<double> reaches;
  std::size_t furthest = from.begin;
  for (const auto& round : curve.rounds) {
    const std::size_t last = last_within(round, from, limit);
    reaches.push_back(curve.size_bytes[last]);
    furthest = std::max(furthest, last);
  }
  std::ranges::sort(reaches);
  LatencyStep step;
  step.reach_bytes = {reaches[(reaches.size() - 1) / 2], reaches.front(),
                      curve.size_bytes[std::min(furthest + 1, curve.size_bytes.size() - 1)]};
  const std::size_t last = last_within(medians, from, limit);
  step.before_ns = of_sizes(curve, from.begin, last + 1);
  step.after_ns = of_sizes(curve, to.begin, to.end);
  return step;
}

}  // namespace

LatencyCurve curve_of(const std::vector<workload::ProbeTrace>& chases) {
  LatencyCurve curve;
  for (const workload::ProbeTrace& chase : chases) {
    const std::vector<double> sizes(chase.all("size_bytes").begin(), chase.all("size_bytes").end());
    const auto& took = chase.all("took_ns");
    const double loads = chase.value("loads");
    const bool ascends = std::ranges::adjacent_find(sizes, std::greater_equal{}) == sizes.end();
    if (chase.task != "chase" || sizes.empty() || !ascends || took.size() != sizes.size() ||
        loads < 1 || std::ranges::any_of(took, [](std::int64_t ns) { return ns <= 0; })) {
      return {};
    }
    if (curve.rounds.empty()) curve.size_bytes = sizes;
    if (sizes != curve.size_bytes) return {};
    auto& round = curve.rounds.emplace_back();
    for (const std::int64_t ns : took) round.push_back(static_cast<double>(ns) / loads);
  }
  return curve;
}

std::vector<LatencyStep> latency_steps(const LatencyCurve& curve) {
  std::vector<LatencyStep> steps;
  if (curve.rounds.empty()) return steps;
  const std::vector<double> medians = medians_of(curve);
  const std::vector<Level> levels = levels_of(medians);
  for (std::size_t i = 1; i < levels.size(); ++i) {
    steps.push_back(
        step_between(curve, medians, levels[i - 1], levels[i], head(medians, levels[i])));
  }
  // A rise whose end is beyond the last size.
  if (!levels.empty() && levels.back().end < medians.size() &&
      medians.back() >= (1 + kLeastRise) * tail(medians, levels.back())) {
    const Level last{medians.size() - 1, medians.size()};
    steps.push_back(step_between(curve, medians, levels.back(), last, medians.back()));
    steps.back().settled = false;
  }
  return steps;
}

}  // namespace kts::analysis
