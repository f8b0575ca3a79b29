// SPDX-License-Identifier: Apache-2.0
#include "left_out.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string_view>
#include <vector>

#include "differences.hpp"
#include "lengths.hpp"
#include "ranked.hpp"

namespace kts::analysis {
namespace {

// A claim that is off by this much of itself must not have passed.
constexpr double kOff = 0.5;
// Nor one that is off by this much of the latency, if that is more: less changes no decision.
constexpr double kNegligible = 0.05;
// A claim that is off by no more than this of itself, or that, is right, however sure one is.
constexpr double kRight = 0.1;
constexpr double kCheckedQuantile = 0.95;

struct MeanLatency {
  std::optional<double> ms, variance;
};

MeanLatency mean_latency(const Group& group) {
  RankedSums sums(group, {}, RankedSums::kParts);
  const std::vector<double> no_parts(RankedSums::kParts, std::numeric_limits<double>::quiet_NaN());
  double ns = 0;
  std::uint64_t n = 0;
  for (std::size_t b = 0; b < group.blocks.size(); ++b) {
    for_each_length(*group.blocks[b], Measure::kLatency, [&](std::int64_t length) {
      sums.add(b, length, no_parts);
      ns += static_cast<double>(length);
      ++n;
    });
  }
  if (n == 0) return {};
  return {ns / static_cast<double>(n) / 1e6, sums.windows(1).front().latency_variance};
}

Estimate drop_of(const MeanLatency& with, int with_blocks, const MeanLatency& without,
                 int without_blocks) {
  const std::optional<double> drop = rounded(difference(with.ms, without.ms));
  const stats::Interval interval =
      TwoSpreads{with_blocks, without_blocks}.around(drop, with.variance, without.variance);
  return {drop, interval.low, interval.high};
}

Estimate drop_of(const Estimate& with, const Estimate& without) {
  const stats::Interval interval = difference_interval(with, without);
  return {rounded(difference(with.value, without.value)), interval.low, interval.high};
}

const Wait* find_wait(const Summary& summary, const LeftOut& entry) {
  const auto found = std::ranges::find_if(summary.waits, [&](const Wait& wait) {
    return wait.agent == entry.agent && wait.on == entry.left_out && wait.at == entry.at;
  });
  return found == summary.waits.end() ? nullptr : &*found;
}

}  // namespace

void judge(LeftOut& entry, std::optional<double> latency_ms) {
  entry.agreement = LeftOutCheck::kCannotTell;
  entry.cycles_needed.reset();
  entry.missing.clear();
  if (!entry.drop.value || !latency_ms) {
    entry.missing = "there is no iteration to compare";
    return;
  }
  if (!entry.predicted.value) {
    entry.missing = "how long it waits for the other isn't known";
    return;
  }
  const double off = *entry.drop.value - *entry.predicted.value;
  const double tolerated = std::max(kOff * *entry.predicted.value, kNegligible * *latency_ms);
  const double right = std::max(kRight * *entry.predicted.value, kNegligible * *latency_ms);
  const stats::Interval interval = difference_interval(entry.drop, entry.predicted);
  const bool is_right = std::abs(off) <= right;
  if (!is_right && ((interval.low && *interval.low > 0) || (interval.high && *interval.high < 0))) {
    entry.agreement = LeftOutCheck::kDiffers;
    return;
  }
  if (!interval.low || !interval.high) {
    entry.missing = "there is no interval";
    if (entry.blocks < stats::kMinBlocks) entry.cycles_needed = stats::kMinBlocks;
    return;
  }
  if (*interval.low > -tolerated && *interval.high < tolerated) {
    entry.agreement = LeftOutCheck::kAgrees;
    return;
  }
  entry.missing = "the interval would fit a claim that is off by half as well";
  // Narrower than `off` it differs; together with it inside what is tolerated it agrees.
  const double reach = std::max(off - *interval.low, *interval.high - off);
  const double enough = std::max(std::abs(off), tolerated - std::abs(off));
  if (enough > 0) {
    const double ratio = reach / enough;
    entry.cycles_needed = static_cast<std::uint64_t>(
        std::max(entry.blocks + 1.0, std::min(1e9, std::ceil(entry.blocks * ratio * ratio))));
  }
}

void check_left_out(const std::vector<GrowthSubject>& subjects, std::size_t place,
                    std::span<const ModelDrop> drops, Summary& summary) {
  const GrowthSubject& subject = subjects[place];
  if (subject.left_out.empty() || !subject.shared || !subject.shared_latency || !subject.told) {
    return;
  }
  const MeanLatency with = mean_latency(*subject.shared);
  const int with_blocks = blocks_with_samples(*subject.shared);
  const QuantilePoint* with_tail = subject.shared_latency->at(kCheckedQuantile);
  for (const auto& [left_out, group] : subject.left_out) {
    LeftOut entry;
    entry.agent = subject.agent;
    entry.left_out = left_out;
    entry.at = "mean";
    entry.blocks = blocks_with_samples(*group);
    const Distribution without =
        distribution_of(*group, Measure::kLatency, {kCheckedQuantile}, nullptr);
    entry.n = without.n;
    entry.drop = drop_of(with, with_blocks, mean_latency(*group), entry.blocks);
    if (const Wait* wait = find_wait(summary, entry)) entry.waited = wait->ms;
    const auto model = std::ranges::find_if(drops, [&](const ModelDrop& drop) {
      return drop.subject == place && subjects[drop.left_out].agent == entry.left_out;
    });
    entry.by_model = model != drops.end() && model->mean_ms.value;
    entry.predicted = entry.by_model ? model->mean_ms : entry.waited;
    judge(entry, with.ms);
    LeftOut tail = entry;
    summary.left_out.push_back(std::move(entry));

    const QuantilePoint* without_tail = without.at(kCheckedQuantile);
    tail.at = "p95";
    const Wait* wait = find_wait(summary, tail);
    if (!with_tail || !without_tail || !wait) continue;
    tail.drop = drop_of(with_tail->ms, without_tail->ms);
    tail.waited = wait->ms;
    tail.predicted = tail.by_model ? model->p95_ms : tail.waited;
    // The samples' floors: without intervals of both there is nothing to check.
    if (!tail.drop.ci_low || !tail.drop.ci_high || !tail.waited.ci_low) continue;
    judge(tail, with_tail->ms.value);
    summary.left_out.push_back(std::move(tail));
  }
}

}  // namespace kts::analysis
