// SPDX-License-Identifier: Apache-2.0
#include "kts/workload/arrival.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>
#include <string>
#include <vector>

namespace kts::workload::arrival_test {
namespace {

using namespace std::chrono_literals;

ArrivalSpec poisson(double rate) {
  return {.process = ArrivalProcess::kPoisson, .rate_per_s = rate};
}
ArrivalSpec uniform(double rate) {
  return {.process = ArrivalProcess::kUniform, .rate_per_s = rate};
}
ArrivalSpec gamma(double rate, double cv) {
  return {.process = ArrivalProcess::kGamma, .rate_per_s = rate, .cv = cv};
}
ArrivalSpec on_off(double rate, Nanoseconds on, Nanoseconds off,
                   PhaseLengths phases = PhaseLengths::kExponential) {
  return {.process = ArrivalProcess::kOnOff,
          .rate_per_s = rate,
          .on = on,
          .off = off,
          .phases = phases};
}

std::vector<std::int64_t> gaps(const ArrivalSpec& spec, std::uint64_t seed, int count) {
  ArrivalSchedule schedule(spec, seed);
  std::vector<std::int64_t> result;
  for (int i = 0; i < count; ++i) result.push_back(schedule.next().value().gap.count());
  return result;
}

struct Moments {
  double mean = 0;
  double cv = 0;
};
// Of the gaps after the first.
Moments moments(const ArrivalSpec& spec, std::uint64_t seed, int count) {
  auto found = gaps(spec, seed, count + 1);
  found.erase(found.begin());
  double sum = 0;
  double squares = 0;
  for (const auto gap : found) sum += static_cast<double>(gap);
  const double mean = sum / count;
  for (const auto gap : found) squares += std::pow(static_cast<double>(gap) - mean, 2);
  return {mean, std::sqrt(squares / count) / mean};
}

// Arrivals in [0, length) over many seeds, a second on average.
double rate_of(const ArrivalSpec& spec, Nanoseconds length, int seeds) {
  double count = 0;
  for (int seed = 0; seed < seeds; ++seed) {
    ArrivalSchedule schedule(spec, static_cast<std::uint64_t>(seed) * 7919);
    for (Nanoseconds due = schedule.next()->gap; due < length; due += schedule.next()->gap) ++count;
  }
  return count / seeds / std::chrono::duration<double>(length).count();
}

TEST(Arrival, NamesAreReadBack) {
  for (const ArrivalInfo& entry : arrival_processes()) {
    EXPECT_EQ(arrival_process_from_name(name(entry.process)), entry.process);
    EXPECT_LE(entry.required, entry.parameters.size());
    for (const auto parameter : entry.parameters) EXPECT_FALSE(arrival_flag(parameter).empty());
  }
  EXPECT_EQ(arrival_process_from_name("Poisson"), std::nullopt);
}

TEST(Arrival, IsDescribedWithItsParameters) {
  EXPECT_EQ(describe(poisson(200)), "poisson 200/s");
  EXPECT_EQ(describe(ArrivalSpec{.process = ArrivalProcess::kClosed, .think = 100ms}),
            "closed, 100ms think");
  EXPECT_EQ(describe(ArrivalSpec{}), "saturate");
  EXPECT_EQ(describe(gamma(200, 2.5)), "gamma 200/s, cv 2.5");
  EXPECT_EQ(describe(on_off(400, 200ms, 1s)), "on-off 400/s, 200ms on, 1s off");
  EXPECT_EQ(describe(on_off(400, 200ms, 1s, PhaseLengths::kFixed)),
            "on-off 400/s, 200ms on, 1s off, fixed");
  ArrivalSpec trace{.process = ArrivalProcess::kTrace};
  trace.trace = {.file = "/data/azure-code.csv", .scale = 2};
  EXPECT_EQ(describe(trace), "trace azure-code.csv, 2x");
  trace.trace.from = 10min;
  trace.trace.length = 90s;
  trace.trace.wrap = false;
  EXPECT_EQ(describe(trace), "trace azure-code.csv, 2x, from 600s, for 90s, once");
}

TEST(Arrival, ArgumentsNameWhatTheProcessTakesAndNothingElse) {
  EXPECT_EQ(arguments_of(ArrivalSpec{}), (std::vector<std::string>{"--arrival", "saturate"}));
  EXPECT_EQ(arguments_of(gamma(12.5, 3)),
            (std::vector<std::string>{"--arrival", "gamma", "--rate", "12.5", "--cv", "3"}));
  EXPECT_EQ(arguments_of(on_off(400, 200ms, 1s)),
            (std::vector<std::string>{"--arrival", "on-off", "--rate", "400", "--on", "200ms",
                                      "--off", "1s", "--phases", "exponential"}));
  ArrivalSpec trace{.process = ArrivalProcess::kTrace};
  trace.trace.file = "t.csv";
  EXPECT_EQ(
      arguments_of(trace),
      (std::vector<std::string>{"--arrival", "trace", "--trace", "t.csv", "--time-scale", "1",
                                "--wrap", "true", "--trace-from", "0s", "--trace-length", "0s"}));
}

TEST(Arrival, RangesAreChecked) {
  const auto wrong = [](const ArrivalSpec& spec) {
    const auto problem = problem_of(spec);
    return problem ? std::string(problem->parameter) : std::string();
  };
  EXPECT_EQ(wrong(poisson(200)), "");
  for (const double rate : {0.0, -1.0, 1e7, std::nan("")}) EXPECT_EQ(wrong(poisson(rate)), "rate");
  EXPECT_EQ(wrong(gamma(200, 3)), "");
  for (const double cv : {0.0, -1.0, 100.0, std::nan("")}) EXPECT_EQ(wrong(gamma(200, cv)), "cv");
  EXPECT_EQ(wrong(on_off(400, 200ms, 1s)), "");
  EXPECT_EQ(wrong(on_off(400, 0ns, 1s)), "on");
  EXPECT_EQ(wrong(on_off(400, 1s, 2h)), "off");
  EXPECT_EQ(wrong(on_off(1, 1ms, 1s)), "rate");
  ArrivalSpec trace{.process = ArrivalProcess::kTrace};
  EXPECT_EQ(wrong(trace), "file");
  trace.trace.file = "t.csv";
  EXPECT_EQ(wrong(trace), "");
  trace.trace.scale = 0;
  EXPECT_EQ(wrong(trace), "scale");
  trace.trace.file = "t\n.csv";
  EXPECT_EQ(wrong(trace), "file");
}

// Values fixed: they must be the same on every platform and in every release.
TEST(Arrival, SeedGivesTheseGapsEverywhere) {
  EXPECT_EQ(gaps(poisson(1000), 1, 3), (std::vector<std::int64_t>{836006, 1369562, 3540554}));
  EXPECT_EQ(gaps(gamma(1000, 3), 1, 5), (std::vector<std::int64_t>{4884350, 68, 13, 1745, 2670}));
  EXPECT_EQ(gaps(gamma(1000, 0.5), 1, 3), (std::vector<std::int64_t>{628460, 1904636, 1084197}));
  EXPECT_EQ(gaps(on_off(1000, 10ms, 30ms), 1, 3),
            (std::vector<std::int64_t>{41674498, 587463, 1439250}));
  EXPECT_EQ(gaps(on_off(1000, 2ms, 30ms, PhaseLengths::kFixed), 1, 3),
            (std::vector<std::int64_t>{15239592, 63540554, 587633}));
}

TEST(Arrival, PoissonGapsAreExponential) {
  constexpr int kCount = 100'000;
  const auto found = gaps(poisson(1000), 7, kCount);
  double mean = 0;
  int longer_than_mean = 0;
  for (const auto gap : found) {
    mean += static_cast<double>(gap) / kCount;
    longer_than_mean += gap > 1'000'000;
  }
  EXPECT_NEAR(mean, 1e6, 1e4);
  EXPECT_NEAR(static_cast<double>(longer_than_mean) / kCount, std::exp(-1), 0.01);
}

TEST(Arrival, UniformGapsAreEqualAfterARandomFirst) {
  const auto one = gaps(uniform(200), 1, 4);
  const auto two = gaps(uniform(200), 2, 4);
  EXPECT_LT(one[0], 5'000'000);
  EXPECT_NE(one[0], two[0]);
  for (int i = 1; i < 4; ++i) EXPECT_EQ(one[static_cast<std::size_t>(i)], 5'000'000);
}

TEST(Arrival, GammaGapsHaveTheirMeanAndVariation) {
  for (const double cv : {0.1, 0.5, 1.0, 2.0, 4.0}) {
    const Moments found = moments(gamma(1000, cv), 7, 400'000);
    // The mean's standard error is cv / sqrt(n); that of a bursty cv itself is larger.
    EXPECT_NEAR(found.mean, 1e6, 1e6 * 0.03) << cv;
    EXPECT_NEAR(found.cv, cv, 0.04 * cv) << cv;
  }
}

TEST(Arrival, GammaOfVariationOneIsPoisson) {
  const auto found = gaps(gamma(1000, 1), 3, 100'000);
  const auto longer =
      std::ranges::count_if(found, [](std::int64_t gap) { return gap > 1'000'000; });
  EXPECT_NEAR(static_cast<double>(longer) / 100'000, std::exp(-1), 0.01);
}

TEST(Arrival, OnOffGapsHaveTheLongRunsMean) {
  for (const auto phases : {PhaseLengths::kExponential, PhaseLengths::kFixed}) {
    const ArrivalSpec spec = on_off(1000, 50ms, 150ms, phases);
    EXPECT_EQ(mean_rate_per_s(spec), 250);
    const Moments found = moments(spec, 5, 400'000);
    EXPECT_NEAR(found.mean, 4e6, 4e6 * 0.05);
    EXPECT_GT(found.cv, 3);
  }
}

// An interrupted Poisson process is a renewal process of hyperexponential gaps (Kuczura 1973).
TEST(Arrival, OnOffOfExponentialPhasesVariesAsAnInterruptedPoissonProcess) {
  const double rate = 1000;
  const double a = 1 / 0.050;  // leaves on
  const double b = 1 / 0.150;  // leaves off
  const double expected = std::sqrt(1 + 2 * rate * a / ((a + b) * (a + b)));
  const Moments found = moments(on_off(rate, 50ms, 150ms), 11, 400'000);
  EXPECT_NEAR(found.cv, expected, 0.05 * expected);
}

TEST(Arrival, FixedPhasesAreSilentForTheirLength) {
  ArrivalSchedule schedule(on_off(10'000, 10ms, 30ms, PhaseLengths::kFixed), 4);
  // Relative to the first silence's end, all arrivals fall in the first 10 of every 40 ms.
  std::int64_t at = 0;
  std::int64_t on_since = -1;
  for (int i = 0; i < 5000; ++i) {
    const std::int64_t gap = schedule.next()->gap.count();
    at += gap;
    if (gap > 25'000'000) on_since = at;
    if (on_since < 0) continue;
    EXPECT_LT(at - on_since, 10'000'000);
  }
  EXPECT_GT(on_since, 0);
}

// However short the block and however bursty the process: no burst at the start, no silence.
TEST(Arrival, RateIsRightFromTheStart) {
  EXPECT_NEAR(rate_of(uniform(100), 15ms, 20'000), 100, 3);
  EXPECT_NEAR(rate_of(gamma(100, 3), 15ms, 60'000), 100, 6);
  EXPECT_NEAR(rate_of(gamma(100, 0.3), 15ms, 20'000), 100, 3);
  EXPECT_NEAR(rate_of(on_off(400, 20ms, 60ms), 15ms, 60'000), 100, 5);
  EXPECT_NEAR(rate_of(on_off(400, 20ms, 60ms, PhaseLengths::kFixed), 15ms, 60'000), 100, 5);
}

TEST(Arrival, BlocksOfOneSeedDiffer) {
  EXPECT_EQ(block_seed(1, 3), block_seed(1, 3));
  EXPECT_NE(block_seed(1, 3), block_seed(1, 4));
  EXPECT_NE(block_seed(1, 3), block_seed(2, 3));
}

TEST(Arrival, TinyRateDoesNotOverflow) {
  for (const ArrivalSpec& spec : {poisson(1e-12), gamma(1e-12, 20)}) {
    for (const auto gap : gaps(spec, 1, 100)) {
      EXPECT_GE(gap, 0);
      EXPECT_LE(gap, 32'000'000'000'000'000);
    }
  }
}

Trace small_trace() {
  Trace trace;
  trace.rows = {{0, 10, 1}, {100'000'000, 20, 2}, {400'000'000, 30, 3}, {700'000'000, 0, 4}};
  trace.period_ns = 1'000'000'000;
  return trace;
}

ArrivalSpec replay(double scale, bool wrap) {
  ArrivalSpec spec{.process = ArrivalProcess::kTrace};
  spec.trace = {.file = "small.csv", .scale = scale, .wrap = wrap};
  return spec;
}

TEST(TraceReplay, OnceGivesEveryRequestAtItsTimeAndThenNone) {
  const Trace trace = small_trace();
  ArrivalSchedule schedule(replay(2, false), 9, &trace);
  std::vector<std::int64_t> gaps;
  std::vector<std::int64_t> inputs;
  while (const auto arrival = schedule.next()) {
    gaps.push_back(arrival->gap.count());
    inputs.push_back(arrival->shape.input_tokens);
  }
  EXPECT_EQ(gaps, (std::vector<std::int64_t>{0, 50'000'000, 150'000'000, 150'000'000}));
  EXPECT_EQ(inputs, (std::vector<std::int64_t>{10, 20, 30, 1}));
  EXPECT_FALSE(schedule.next());
}

TEST(TraceReplay, WrapsAroundFromARandomInstant) {
  const Trace trace = small_trace();
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    ArrivalSchedule schedule(replay(1, true), seed, &trace);
    std::vector<Arrival> arrivals;
    for (int i = 0; i < 12; ++i) arrivals.push_back(*schedule.next());
    EXPECT_LT(arrivals[0].gap, 300ms);
    for (std::size_t i = 1; i + 4 < arrivals.size(); ++i) {
      EXPECT_EQ(arrivals[i].gap, arrivals[i + 4].gap);
      EXPECT_EQ(arrivals[i].shape.output_tokens, arrivals[i + 4].shape.output_tokens);
    }
    const auto second = std::next(arrivals.begin());
    EXPECT_EQ(std::accumulate(second, second + 4, 0ns,
                              [](Nanoseconds sum, const Arrival& a) { return sum + a.gap; }),
              1s);
  }
}

TEST(TraceReplay, SeedsBeginElsewhereAndOneSeedBeginsAlike) {
  const Trace trace = small_trace();
  const auto first = [&](std::uint64_t seed) {
    return ArrivalSchedule(replay(1, true), seed, &trace).next()->gap;
  };
  EXPECT_EQ(first(block_seed(1, 1)), first(block_seed(1, 1)));
  EXPECT_NE(first(block_seed(1, 1)), first(block_seed(1, 2)));
}

TEST(TraceReplay, AfterCenturiesInstantsStandStillAndDoNotGoBack) {
  Trace trace;
  trace.rows = {{0, 1, 1}, {94'600'000'000'000'000, 1, 1}};  // three years
  trace.period_ns = 190'000'000'000'000'000;
  ArrivalSchedule schedule(replay(3, true), 1, &trace);
  for (int i = 0; i < 300; ++i) ASSERT_GE(schedule.next()->gap, 0ns) << i;
}
TEST(TraceReplay, RoundingDoesNotAddUp) {
  Trace trace;
  for (std::int64_t i = 0; i < 1000; ++i) trace.rows.push_back({i * 1'000'001, 1, 1});
  trace.period_ns = 1000 * 1'000'001;
  ArrivalSchedule schedule(replay(3, false), 1, &trace);
  Nanoseconds at{0};
  while (const auto arrival = schedule.next()) at += arrival->gap;
  EXPECT_EQ(at.count(), std::llround(999 * 1'000'001 / 3.0));
}

}  // namespace
}  // namespace kts::workload::arrival_test
