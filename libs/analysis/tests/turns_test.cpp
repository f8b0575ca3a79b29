// SPDX-License-Identifier: Apache-2.0
#include "kts/analysis/turns.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "kts/analysis/latency_steps.hpp"
#include "kts/base/files.hpp"
#include "places.hpp"

namespace kts::analysis::turns_test {
namespace {

using testing::Each;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

// Contexts that take turns strictly, each seen through a clock of `step` ns.
struct Card {
  double slice = 2'091'000;
  double change = 152'000;
  int contexts = 2;
  std::int64_t step = 32;
  double jitter = 300;
  std::int64_t length = 1'000'000'000;

  [[nodiscard]] std::vector<Spin> spin(std::uint64_t seed = 1) const {
    std::mt19937_64 random(seed);
    std::normal_distribution<double> noise(0, jitter);
    std::vector<Spin> spins(static_cast<std::size_t>(contexts));
    const auto read = [&](double t) { return static_cast<std::int64_t>(t) / step * step; };
    std::vector<double> last_seen(spins.size(), -1);
    double now = 1.764e18;
    const double begin = now;
    for (Spin& s : spins) s.clock_step_ns = static_cast<double>(step);
    while (now < begin + static_cast<double>(length)) {
      for (std::size_t i = 0; i < spins.size(); ++i) {
        if (last_seen[i] < 0) {
          spins[i].begin_ns = read(now);
        } else {
          const std::int64_t from = read(last_seen[i]);
          spins[i].gaps.push_back({from, read(now) - from, {}});
        }
        now += slice + noise(random);
        last_seen[i] = now;
        spins[i].end_ns = read(now);
        now += change + noise(random);
      }
    }
    return spins;
  }
};

double median(std::vector<double> values) { return *quantile_of({std::move(values)}, 0.5).value; }

TEST(Turns, SliceSwitchAndOrderComeBackForAnyNumberOfContexts) {
  for (const int contexts : {2, 3, 4, 8}) {
    Card card;
    card.contexts = contexts;
    const TurnStudy study = study_turns(card.spin());
    EXPECT_EQ(study.contexts, contexts);
    EXPECT_NEAR(median(study.run_ns), card.slice, 0.001 * card.slice) << contexts;
    EXPECT_NEAR(median(study.handover_ns), card.change, 0.01 * card.change) << contexts;
    EXPECT_NEAR(median(study.gap_ns), gap_from(card.slice, card.change, contexts),
                0.001 * card.slice);
    EXPECT_EQ(study.foreign_turns, 0U);
    EXPECT_DOUBLE_EQ(study.same_order_share.value_or(1), 1);
    EXPECT_EQ(study.same_order_share.has_value(), contexts > 2);
  }
}

TEST(Turns, AClockOfAMicrosecondIsEnough) {
  Card card;
  card.step = 1000;
  const TurnStudy study = study_turns(card.spin());
  EXPECT_EQ(study.clock_step_ns, 1000);
  EXPECT_NEAR(median(study.run_ns), card.slice, 1000);
  const Estimate slice = quantile_of({study.run_ns}, 0.5, study.clock_step_ns);
  EXPECT_LE(*slice.ci_low, *slice.value - 1000);
  EXPECT_GE(*slice.ci_high, *slice.value + 1000);
}

TEST(Turns, ShortInterruptionsDontCutATurn) {
  Card card;
  std::vector<Spin> spins = card.spin();
  for (Spin& spin : spins) {
    std::vector<Spin::Gap> more;
    for (const Spin::Gap& gap : spin.gaps) {
      more.push_back(gap);
      more.push_back({gap.begin_ns + gap.length_ns + 700'000, 9'000, {}});
    }
    more.pop_back();
    spin.gaps = more;
  }
  const TurnStudy study = study_turns(spins);
  EXPECT_NEAR(median(study.run_ns), card.slice, 0.001 * card.slice);
  EXPECT_GT(study.short_gaps, 100U);
}

TEST(Turns, AThirdContextThatNobodyAsksForIsSeen) {
  Card card;
  card.contexts = 3;
  std::vector<Spin> spins = card.spin();
  spins.pop_back();
  const TurnStudy study = study_turns(spins);
  EXPECT_GT(study.foreign_turns, 50U);
  EXPECT_NEAR(median(study.handover_ns), card.change, 0.01 * card.change);
}

TEST(Turns, AloneThereAreNone) {
  Card card;
  card.contexts = 1;
  Spin spin = card.spin()[0];
  spin.gaps = {{spin.begin_ns + 1000, 20'000, {}}};
  const TurnStudy study = study_turns(std::vector{spin});
  EXPECT_THAT(study.run_ns, IsEmpty());
  EXPECT_THAT(study.gap_ns, IsEmpty());
  EXPECT_EQ(study.short_gaps, 1U);
  EXPECT_GT(study.gap_share, 0);
  EXPECT_THAT(study_turns({}).run_ns, IsEmpty());
}

TEST(Turns, WhatLiesOutsideTheCommonTimeDoesntCount) {
  Card card;
  std::vector<Spin> spins = card.spin();
  // The second one came late: until then the first ran on without gaps of a turn's length.
  spins[1].begin_ns += 500'000'000;
  std::erase_if(spins[1].gaps, [&](const auto& gap) { return gap.begin_ns < spins[1].begin_ns; });
  const TurnStudy study = study_turns(spins);
  EXPECT_NEAR(static_cast<double>(study.gap_ns.size()), 2 * 0.5e9 / 4.486e6, 4);
}

TEST(Turns, ClocksThatStandStillAreTold) {
  Card card;
  std::vector<Spin> spins = card.spin();
  for (Spin& spin : spins) {
    for (Spin::Gap& gap : spin.gaps) gap.cycles = 120;
  }
  EXPECT_THAT(study_turns(spins, 1.98).cycle_share, Each(testing::Lt(0.001)));
}

TEST(SpinOf, RefusesWhatMakesNoSense) {
  workload::ProbeTrace trace{"spin"};
  trace.series["span_ns"] = {100, 1000};
  trace.series["gap_begin_ns"] = {200, 400};
  trace.series["gap_length_ns"] = {50, 60};
  EXPECT_TRUE(spin_of(trace));
  trace.series["gap_begin_ns"] = {400, 200};
  EXPECT_FALSE(spin_of(trace));
  trace.series["gap_begin_ns"] = {200, 990};
  EXPECT_FALSE(spin_of(trace)) << "a gap beyond the end";
  trace.series["gap_begin_ns"] = {200};
  EXPECT_FALSE(spin_of(trace));
  trace.series["span_ns"] = {100};
  EXPECT_FALSE(spin_of(trace));
}

// A context's equal kernels on `card`, each with an event behind it.
workload::ProbeTrace metronome(const Card& card, double kernel, double unevenness) {
  std::mt19937_64 random(7);
  std::normal_distribution<double> noise(0, card.jitter);
  std::uniform_real_distribution<double> more(0, unevenness);
  const double gap = gap_from(card.slice, card.change, card.contexts);
  workload::ProbeTrace trace{"metronome"};
  double left = 0.3 * card.slice;  // of the turn
  for (int i = 0; i < 2000; ++i) {
    double interval = kernel + more(random);
    left -= interval;
    if (card.contexts > 1 && left < 0) {
      interval += gap + noise(random);
      left += card.slice + noise(random);
    }
    trace.series["interval_ns"].push_back(static_cast<std::int64_t>(interval));
  }
  return trace;
}

TEST(EventView, SliceAndSwitchComeBackThoughATurnEndsAnywhereInAKernel) {
  const Card card;
  for (const double unevenness : {0.0, 11'000.0}) {
    const EventView view = event_view_of(metronome(card, 203'000, unevenness));
    EXPECT_NEAR(view.kernel_ns, 203'000 + unevenness / 2, 600);
    EXPECT_NEAR(static_cast<double>(view.gap_ns.size()), 0.8 * 2000 * view.kernel_ns / card.slice,
                2);
    const Estimate slice = mean_of({view.run_ns});
    EXPECT_NEAR(*slice.value, card.slice, 0.002 * card.slice);
    const Estimate change = switch_from_gap(quantile_of({view.gap_ns}, 0.5), slice, 2);
    EXPECT_NEAR(*change.value, card.change, 0.02 * card.change);
  }
}

TEST(EventView, ShortInterruptionsDontCutARun) {
  const Card card;
  workload::ProbeTrace trace = metronome(card, 203'000, 0);
  for (std::size_t i = 0; i < 2000; i += 3) trace.series["interval_ns"][i] += 9'000;
  EXPECT_NEAR(*mean_of({event_view_of(trace).run_ns}).value, card.slice + 31'000, 5'000)
      << "what they take is the run's";
}

TEST(EventView, IsEmptyOfWhatIsNoSuchTrace) {
  Card card;
  card.contexts = 1;
  EXPECT_THAT(event_view_of(metronome(card, 203'000, 11'000)).gap_ns, IsEmpty()) << "alone";
  EXPECT_THAT(event_view_of({"metronome"}).run_ns, IsEmpty());
  card.contexts = 2;
  workload::ProbeTrace trace = metronome(card, 203'000, 0);
  trace.series["interval_ns"][100] = -1;
  EXPECT_THAT(event_view_of(trace).gap_ns, IsEmpty());
  trace = metronome(card, 203'000, 0);
  trace.task = "spin";
  EXPECT_THAT(event_view_of(trace).gap_ns, IsEmpty());
}

TEST(ShortTurns, AreSplitIntoSwitchWorkAndRelease) {
  Spin busy{0, 100'000, 32, {{10'000, 5'000, {}}, {50'000, 5'000, {}}, {80'000, 5'000, {}}}};
  const std::vector<std::int64_t> begins{11'000, 51'000, 52'500};
  const std::vector<std::int64_t> ends{12'000, 52'000, 53'000};
  const auto turns = short_turns(busy, begins, ends);
  ASSERT_THAT(turns, SizeIs(1)) << "one had two kernels, one none";
  EXPECT_EQ(turns[0].taken_ns, 5'000);
  EXPECT_EQ(turns[0].switch_in_ns, 1'000);
  EXPECT_EQ(turns[0].release_ns, 3'000);
}

TEST(Estimates, KeepTheirIntervals) {
  const Estimate slice{2.0, 1.9, 2.1};
  const Estimate gap{2.3, 2.2, 2.4};
  const Estimate change = switch_from_gap(gap, slice, 2);
  EXPECT_NEAR(*change.value, 0.15, 1e-12);
  EXPECT_NEAR(*change.ci_high - *change.value, std::hypot(0.1, 0.1) / 2, 1e-12);
  EXPECT_EQ(difference(gap, {2.0, {}, 2.1}).ci_high, std::nullopt);
  EXPECT_EQ(difference(gap, {}).value, std::nullopt);
  EXPECT_NEAR(*ratio(gap, slice).value, 1.15, 1e-12);
  EXPECT_EQ(ratio(gap, {0.0, {}, {}}).value, std::nullopt);
}

TEST(Estimates, OfFewSamplesHaveNoBound) {
  EXPECT_EQ(quantile_of({}, 0.5).value, std::nullopt);
  EXPECT_EQ(quantile_of({{1, 2, 3}}, 0.5).ci_high, std::nullopt);
  EXPECT_EQ(quantile_of({{1, 2, 3}}, 0.99).ci_low, std::nullopt);
  EXPECT_EQ(mean_of({{1, 2}, {3}}).ci_low, std::nullopt);
  EXPECT_EQ(*mean_of({{1, 2}, {3}}).value, 2);
}

TEST(Estimates, CoverTheTruthAboutAsOftenAsTheySay) {
  int covered = 0;
  constexpr int kTrials = 200;
  for (int trial = 0; trial < kTrials; ++trial) {
    std::mt19937_64 random(static_cast<std::uint64_t>(trial));
    std::normal_distribution<double> normal(10, 1);
    Blocks blocks(5);
    for (auto& block : blocks) {
      for (int i = 0; i < 40; ++i) block.push_back(normal(random));
    }
    const Estimate e = quantile_of(blocks, 0.5);
    covered += *e.ci_low <= 10 && 10 <= *e.ci_high;
  }
  EXPECT_GE(covered, kTrials * 92 / 100);
}

// A memory whose levels reach so far and cost so much, at four sizes an octave.
struct Memory {
  struct Layer {
    double reach_mib, ns;
  };
  std::vector<Layer> layers = {};
  double last_ns = 0;
  double noise = 0.005;     // of a latency
  double ramp_octaves = 0;  // from one level to the next
  double largest_mib = 32'768;

  [[nodiscard]] LatencyCurve chase(std::uint64_t seed = 1) const {
    std::mt19937_64 random(seed);
    std::normal_distribution<double> normal(1, noise);
    LatencyCurve curve;
    for (double octave = 3; std::exp2(octave) <= largest_mib; octave += 0.25) {
      curve.size_bytes.push_back(std::exp2(octave + 20));
    }
    for (int r = 0; r < 5; ++r) {
      auto& round = curve.rounds.emplace_back();
      for (const double bytes : curve.size_bytes) round.push_back(at(bytes) * normal(random));
    }
    return curve;
  }
  [[nodiscard]] double at(double bytes) const {
    double ns = layers.empty() ? last_ns : layers[0].ns;
    for (std::size_t i = 0; i < layers.size(); ++i) {
      const double next = i + 1 < layers.size() ? layers[i + 1].ns : last_ns;
      const double beyond = std::log2(bytes / 1'048'576 / layers[i].reach_mib);
      if (beyond <= 1e-9) break;
      ns += (next - ns) * (ramp_octaves > 0 ? std::min(1.0, beyond / ramp_octaves) : 1);
    }
    return ns;
  }
};

TEST(LatencySteps, PlantedStepsComeBack) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const Memory memory{.layers = {{32, 210}, {4096, 290}}, .last_ns = 620};
    const auto steps = latency_steps(memory.chase(seed));
    ASSERT_THAT(steps, SizeIs(2)) << seed;
    for (std::size_t i = 0; i < 2; ++i) {
      const double reach = memory.layers[i].reach_mib * 1'048'576;
      EXPECT_DOUBLE_EQ(*steps[i].reach_bytes.value, reach);
      EXPECT_DOUBLE_EQ(*steps[i].reach_bytes.ci_low, reach);
      EXPECT_NEAR(*steps[i].reach_bytes.ci_high, reach * std::exp2(0.25), 1);
      EXPECT_TRUE(steps[i].settled);
      const Estimate before = mean_of(steps[i].before_ns);
      EXPECT_NEAR(*before.value, memory.layers[i].ns, 0.01 * memory.layers[i].ns);
      EXPECT_TRUE(before.ci_low && before.ci_high);
    }
    EXPECT_NEAR(*mean_of(steps[0].after_ns).value, 290, 3);
    EXPECT_NEAR(*mean_of(steps[1].after_ns).value, 620, 6);
  }
}

// Sets that overflow one after the other make a slope of a step.
TEST(LatencySteps, ASlopeEndsALevelWhereItBegins) {
  const Memory memory{.layers = {{1024, 300}}, .last_ns = 600, .ramp_octaves = 1.5};
  const auto steps = latency_steps(memory.chase());
  ASSERT_THAT(steps, SizeIs(1));
  EXPECT_NEAR(std::log2(*steps[0].reach_bytes.value / 1'048'576), 10.25, 0.26);
  EXPECT_NEAR(*mean_of(steps[0].before_ns).value, 300, 12);
  EXPECT_NEAR(*mean_of(steps[0].after_ns).value, 600, 12);
}

TEST(LatencySteps, WhatStillRisesAtTheLastSizeIsNoLevel) {
  const Memory memory{.layers = {{16'384, 300}}, .last_ns = 900, .ramp_octaves = 2};
  const auto steps = latency_steps(memory.chase());
  ASSERT_THAT(steps, SizeIs(1));
  EXPECT_FALSE(steps[0].settled);
  EXPECT_NEAR(std::log2(*steps[0].reach_bytes.value / 1'048'576), 14.25, 0.26);
}

TEST(LatencySteps, NeitherNoiseNorDriftNorAStraySizeIsAStep) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    EXPECT_THAT(latency_steps(Memory{.last_ns = 250, .noise = 0.02}.chase(seed)), IsEmpty())
        << seed;
  }
  LatencyCurve curve = Memory{.last_ns = 250}.chase();
  for (auto& round : curve.rounds) {
    for (std::size_t i = 0; i < round.size(); ++i) round[i] *= 1 + 0.006 * static_cast<double>(i);
  }
  EXPECT_THAT(latency_steps(curve), IsEmpty());
  curve = Memory{.last_ns = 250}.chase();
  for (auto& round : curve.rounds) round[20] *= 1.5;
  EXPECT_THAT(latency_steps(curve), IsEmpty());
  EXPECT_THAT(latency_steps({}), IsEmpty());
}

TEST(LatencySteps, RoundsThatDisagreeWidenTheInterval) {
  LatencyCurve curve = Memory{.layers = {{256, 250}}, .last_ns = 400}.chase();
  // One round's last two sizes are slow already.
  const auto last = std::ranges::find(curve.size_bytes, 256.0 * 1'048'576);
  const auto at = static_cast<std::size_t>(last - curve.size_bytes.begin());
  curve.rounds[3][at] = curve.rounds[3][at - 1] = 400;
  const auto steps = latency_steps(curve);
  ASSERT_THAT(steps, SizeIs(1));
  EXPECT_DOUBLE_EQ(*steps[0].reach_bytes.value, curve.size_bytes[at]);
  EXPECT_DOUBLE_EQ(*steps[0].reach_bytes.ci_low, curve.size_bytes[at - 2]);
}

TEST(LatencySteps, ACurveIsOfChasesOfTheSameSizes) {
  workload::ProbeTrace chase{"chase"};
  chase.values["loads"] = 100;
  chase.series["size_bytes"] = {1024, 2048};
  chase.series["took_ns"] = {20'000, 30'000};
  const LatencyCurve curve = curve_of({chase, chase});
  ASSERT_THAT(curve.rounds, SizeIs(2));
  EXPECT_THAT(curve.rounds[1], testing::ElementsAre(200, 300));
  workload::ProbeTrace other = chase;
  other.series["size_bytes"] = {1024, 4096};
  EXPECT_THAT(curve_of({chase, other}).rounds, IsEmpty());
  other.series["size_bytes"] = {2048, 1024};
  EXPECT_THAT(curve_of({other}).rounds, IsEmpty());
  other = chase;
  other.series["took_ns"] = {0, 30'000};
  EXPECT_THAT(curve_of({other}).rounds, IsEmpty());
  other = chase;
  other.task = "spin";
  EXPECT_THAT(curve_of({other}).rounds, IsEmpty());
}

// tests/data/turns-*.txt: traces of kts probe, recorded on a CPU core that others used as well.
TEST(Recorded, ACoresTracesComeToASliceAndASwitch) {
  std::vector<Spin> spins;
  for (const char* file : {"turns-cpu-0.txt", "turns-cpu-1.txt"}) {
    const std::filesystem::path path = in_source("libs/analysis/tests/data/") + file;
    const auto trace = workload::parse_probe_trace(read_file(path).value(), file);
    ASSERT_TRUE(trace) << to_line(trace.error());
    auto spin = spin_of(*trace);
    ASSERT_TRUE(spin);
    spins.push_back(*std::move(spin));
  }
  const TurnStudy study = study_turns(spins);
  ASSERT_THAT(study.run_ns, Not(IsEmpty()));
  ASSERT_THAT(study.handover_ns, Not(IsEmpty()));
  EXPECT_GT(median(study.run_ns), 1e6);
  EXPECT_LT(median(study.run_ns), 10e6);
  EXPECT_LT(median(study.handover_ns), 100e3);
}

}  // namespace
}  // namespace kts::analysis::turns_test
