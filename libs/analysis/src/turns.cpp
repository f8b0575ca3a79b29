// SPDX-License-Identifier: Apache-2.0
#include "kts/analysis/turns.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "kts/stats/interval.hpp"
#include "kts/stats/quantile.hpp"

namespace kts::analysis {
namespace {

// A gap this much shorter than those that make up most of the lost time is no turn of others.
constexpr double kTurnAtLeast = 0.1;
// Of a turn; what takes longer between two turns is a turn of somebody else.
constexpr double kSwitchAtMost = 0.5;
// No interval of a measurement.
constexpr std::int64_t kMostNs = 3'600'000'000'000;
constexpr double kNormal95 = 1.959964;

struct Turn {
  std::size_t context;
  std::int64_t begin_ns, end_ns;
};

// The length at which half of their sum is reached.
double typical_length(std::vector<double> lengths) {
  std::ranges::sort(lengths);
  const double half = std::accumulate(lengths.begin(), lengths.end(), 0.0) / 2;
  double sum = 0;
  for (const double length : lengths) {
    sum += length;
    if (sum >= half) return length;
  }
  return 0;
}

double typical_gap(std::span<const Spin> spins) {
  std::vector<double> lengths;
  for (const Spin& spin : spins) {
    for (const Spin::Gap& gap : spin.gaps) lengths.push_back(static_cast<double>(gap.length_ns));
  }
  return typical_length(std::move(lengths));
}

std::optional<double> same_order(const std::vector<Turn>& turns, std::size_t contexts) {
  if (contexts < 3 || turns.size() < 2 * contexts) return std::nullopt;
  std::vector<std::vector<std::uint64_t>> successors(contexts,
                                                     std::vector<std::uint64_t>(contexts));
  for (std::size_t i = 1; i < turns.size(); ++i) {
    ++successors[turns[i - 1].context][turns[i].context];
  }
  std::uint64_t usual = 0;
  for (const auto& row : successors) usual += *std::ranges::max_element(row);
  return static_cast<double>(usual) / static_cast<double>(turns.size() - 1);
}

std::vector<double> all_samples(const Blocks& blocks) {
  std::vector<double> all;
  all.reserve(count(blocks));
  for (const auto& block : blocks) all.insert(all.end(), block.begin(), block.end());
  return all;
}

// Half widths of an interval, or empty.
std::optional<double> side_below(const Estimate& e) {
  if (!e.value || !e.ci_low) return std::nullopt;
  return *e.value - *e.ci_low;
}
std::optional<double> side_above(const Estimate& e) {
  if (!e.value || !e.ci_high) return std::nullopt;
  return *e.ci_high - *e.value;
}

Estimate with_sides(double value, std::optional<double> low_a, std::optional<double> low_b,
                    std::optional<double> high_a, std::optional<double> high_b) {
  Estimate out{value, {}, {}};
  if (low_a && low_b) out.ci_low = value - std::hypot(*low_a, *low_b);
  if (high_a && high_b) out.ci_high = value + std::hypot(*high_a, *high_b);
  return out;
}

}  // namespace

std::optional<Spin> spin_of(const workload::ProbeTrace& trace) {
  const auto& span = trace.all("span_ns");
  const auto& begins = trace.all("gap_begin_ns");
  const auto& lengths = trace.all("gap_length_ns");
  const auto& cycles = trace.all("gap_cycles");
  if (trace.task != "spin" || span.size() != 2 || span[0] < 0 || span[1] <= span[0] ||
      begins.size() != lengths.size() || (!cycles.empty() && cycles.size() != begins.size())) {
    return std::nullopt;
  }
  Spin spin{span[0], span[1], trace.value("clock_step_ns"), {}};
  std::int64_t last = span[0];
  for (std::size_t i = 0; i < begins.size(); ++i) {
    if (begins[i] < last || lengths[i] <= 0 || lengths[i] > span[1] - begins[i]) {
      return std::nullopt;
    }
    last = begins[i] + lengths[i];
    spin.gaps.push_back(
        {begins[i], lengths[i], cycles.empty() ? std::nullopt : std::optional(cycles[i])});
  }
  return spin;
}

EventView event_view_of(const workload::ProbeTrace& trace) {
  const auto& all = trace.all("interval_ns");
  EventView view;
  const auto absurd = [](std::int64_t ns) { return ns <= 0 || ns > kMostNs; };
  if (trace.task != "metronome" || std::ranges::any_of(all, absurd)) return view;
  const std::size_t edge = all.size() / 10;
  const std::vector<double> intervals(all.begin() + static_cast<std::ptrdiff_t>(edge),
                                      all.end() - static_cast<std::ptrdiff_t>(edge));
  view.kernel_ns = quantile_of({intervals}, 0.5).value.value_or(0);
  std::vector<double> excess;
  for (const double interval : intervals) {
    if (interval > view.kernel_ns) excess.push_back(interval - view.kernel_ns);
  }
  // What is shorter is an interruption, which a run may have, or the kernels' own unevenness.
  const double least = std::max(kTurnAtLeast * typical_length(std::move(excess)), view.kernel_ns);
  bool began = false;
  double run = 0;
  for (const double interval : intervals) {
    const double gap = interval - view.kernel_ns;
    if (gap < least) {
      run += interval;
      continue;
    }
    view.gap_ns.push_back(gap);
    // The kernel that a gap is in belongs to the run before and the one after: all to the former,
    // which comes to the same in the mean.
    if (began) view.run_ns.push_back(run + view.kernel_ns);
    began = true;
    run = 0;
  }
  return view;
}

TurnStudy study_turns(std::span<const Spin> spins, double cycles_per_ns) {
  TurnStudy study;
  study.contexts = static_cast<int>(spins.size());
  if (spins.empty()) return study;
  std::int64_t from = spins[0].begin_ns;
  std::int64_t to = spins[0].end_ns;
  for (const Spin& spin : spins) {
    from = std::max(from, spin.begin_ns);
    to = std::min(to, spin.end_ns);
    study.clock_step_ns = std::max(study.clock_step_ns, spin.clock_step_ns);
  }
  if (to <= from) return study;
  study.window_ns = static_cast<double>(to - from);
  // Alone there are no others to take a turn.
  const double least = spins.size() < 2 ? INFINITY : kTurnAtLeast * typical_gap(spins);
  double in_gaps = 0;
  double in_short_gaps = 0;
  std::vector<Turn> turns;
  for (std::size_t context = 0; context < spins.size(); ++context) {
    std::optional<std::int64_t> began;
    for (const Spin::Gap& gap : spins[context].gaps) {
      const std::int64_t gap_end = gap.begin_ns + gap.length_ns;
      const auto length = static_cast<double>(gap.length_ns);
      const std::int64_t inside = std::min(gap_end, to) - std::max(gap.begin_ns, from);
      if (inside > 0) in_gaps += static_cast<double>(inside);
      if (length < least) {
        ++study.short_gaps;
        if (inside > 0) in_short_gaps += static_cast<double>(inside);
        continue;
      }
      if (gap.begin_ns >= from && gap_end <= to) {
        study.gap_ns.push_back(length);
        if (gap.cycles && cycles_per_ns > 0) {
          study.cycle_share.push_back(static_cast<double>(*gap.cycles) / (length * cycles_per_ns));
        }
      }
      if (began && *began >= from && gap.begin_ns <= to) {
        study.run_ns.push_back(static_cast<double>(gap.begin_ns - *began));
        turns.push_back({context, *began, gap.begin_ns});
      }
      began = gap_end;
    }
  }
  const double all_time = study.window_ns * static_cast<double>(spins.size());
  study.gap_share = in_gaps / all_time;
  study.short_gap_share = in_short_gaps / all_time;
  std::ranges::sort(turns, {}, &Turn::begin_ns);
  const double longest_switch = kSwitchAtMost * quantile_of({study.run_ns}, 0.5).value.value_or(0);
  for (std::size_t i = 1; i < turns.size(); ++i) {
    if (turns[i].context == turns[i - 1].context) continue;
    const auto took = static_cast<double>(turns[i].begin_ns - turns[i - 1].end_ns);
    if (took > longest_switch) {
      ++study.foreign_turns;
    } else {
      study.handover_ns.push_back(took);
    }
  }
  study.same_order_share = same_order(turns, spins.size());
  return study;
}

std::uint64_t count(const Blocks& blocks) {
  std::uint64_t n = 0;
  for (const auto& block : blocks) n += block.size();
  return n;
}

Estimate quantile_of(const Blocks& blocks, double p, double step) {
  std::vector<double> all = all_samples(blocks);
  stats::QuantileSelector<double> selector(all);
  Estimate out;
  out.value = selector.quantile(p);
  if (!out.value) return out;
  const auto n = static_cast<double>(all.size());
  std::vector<stats::BlockCount> counts;
  for (const auto& block : blocks) {
    counts.push_back({block.size(), static_cast<std::uint64_t>(std::ranges::count_if(
                                        block, [&](double x) { return x <= *out.value; }))});
  }
  std::optional<double> low;
  std::optional<double> high;
  if (const auto error = stats::share_error(counts)) {
    const stats::Interval at = stats::quantile_interval(p, all.size(), *error);
    low = at.low;
    high = at.high;
  } else {
    const double half = kNormal95 * std::sqrt(p * (1 - p) / n);
    if (all.size() >= stats::upper_bound_floor(std::max(p, 1 - p))) {
      low = p - half;
      high = p + half;
    }
  }
  if (low && *low >= 0) out.ci_low = std::min(*selector.quantile(*low), *out.value - step);
  if (high && *high <= 1) out.ci_high = std::max(*selector.quantile(*high), *out.value + step);
  return out;
}

Estimate mean_of(const Blocks& blocks) {
  std::vector<double> means;
  double sum = 0;
  std::uint64_t n = 0;
  for (const auto& block : blocks) {
    if (block.empty()) continue;
    const double total = std::accumulate(block.begin(), block.end(), 0.0);
    means.push_back(total / static_cast<double>(block.size()));
    sum += total;
    n += block.size();
  }
  if (n == 0) return {};
  Estimate out{sum / static_cast<double>(n), {}, {}};
  if (static_cast<int>(means.size()) < stats::kMinBlocks) return out;
  double squares = 0;
  for (const double mean : means) squares += (mean - *out.value) * (mean - *out.value);
  const auto b = static_cast<double>(means.size());
  const double half = stats::student_t_quantile(0.975, static_cast<int>(means.size()) - 1) *
                      std::sqrt(squares / (b - 1) / b);
  out.ci_low = *out.value - half;
  out.ci_high = *out.value + half;
  return out;
}

std::vector<double> spread_of(const Blocks& blocks, std::size_t points) {
  std::vector<double> all = all_samples(blocks);
  std::ranges::sort(all);
  if (all.size() <= points || points < 2) return all;
  std::vector<double> out;
  for (std::size_t i = 0; i < points; ++i) {
    out.push_back(all[i * (all.size() - 1) / (points - 1)]);
  }
  return out;
}

Estimate scaled(const Estimate& a, double factor) {
  const auto times = [factor](const std::optional<double>& x) {
    return x ? std::optional(*x * factor) : std::nullopt;
  };
  Estimate out{times(a.value), times(a.ci_low), times(a.ci_high)};
  if (factor < 0) std::swap(out.ci_low, out.ci_high);
  return out;
}

Estimate difference(const Estimate& a, const Estimate& b) {
  if (!a.value || !b.value) return {};
  return with_sides(*a.value - *b.value, side_below(a), side_above(b), side_above(a),
                    side_below(b));
}

Estimate ratio(const Estimate& a, const Estimate& b) {
  if (!a.value || !b.value || *b.value == 0) return {};
  Estimate out{*a.value / *b.value, {}, {}};
  if (*a.value > 0 && *b.value > 0) {
    const stats::Interval interval =
        stats::ratio_interval(*a.value, {a.ci_low, a.ci_high}, *b.value, {b.ci_low, b.ci_high});
    out.ci_low = interval.low;
    out.ci_high = interval.high;
  }
  return out;
}

Estimate switch_from_gap(const Estimate& gap, const Estimate& slice, int contexts) {
  return scaled(difference(gap, scaled(slice, contexts - 1)), 1.0 / contexts);
}

double gap_from(double slice, double context_switch, int contexts) {
  return (contexts - 1) * slice + contexts * context_switch;
}

std::vector<ShortTurn> short_turns(const Spin& busy, std::span<const std::int64_t> kernel_begin_ns,
                                   std::span<const std::int64_t> kernel_end_ns) {
  std::vector<ShortTurn> out;
  const std::size_t kernels = std::min(kernel_begin_ns.size(), kernel_end_ns.size());
  for (const Spin::Gap& gap : busy.gaps) {
    const std::int64_t gap_end = gap.begin_ns + gap.length_ns;
    std::size_t inside = 0;
    std::size_t which = 0;
    for (std::size_t i = 0; i < kernels; ++i) {
      if (kernel_begin_ns[i] < gap.begin_ns || kernel_end_ns[i] > gap_end) continue;
      ++inside;
      which = i;
    }
    if (inside != 1) continue;
    out.push_back({static_cast<double>(gap.length_ns),
                   static_cast<double>(kernel_begin_ns[which] - gap.begin_ns),
                   static_cast<double>(gap_end - kernel_end_ns[which])});
  }
  return out;
}

}  // namespace kts::analysis
