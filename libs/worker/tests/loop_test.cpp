// SPDX-License-Identifier: Apache-2.0
#include "kts/worker/loop.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "fakes.hpp"

namespace kts::worker::loop_test {
namespace {

using record::Measure;
using workload::ArrivalProcess;
using workload::ArrivalSpec;

const ArrivalSpec kThousandPerSecond{ArrivalProcess::kPoisson, 1000, 0ns};
const ArrivalSpec kSaturate{ArrivalProcess::kSaturate, 0, 0ns};

class LoopTest : public testing::Test {
 protected:
  BlockOutcome run(const LoopSpec& spec, const BlockPlan& plan) {
    sink_.records.clear();
    Loop loop(engine_, pacing_, sink_, spec);
    BlockOutcome outcome = loop.run(plan);
    lateness_ = loop.lateness();
    return outcome;
  }
  static BlockPlan plan(Nanoseconds start, Nanoseconds stop) {
    BlockPlan plan;
    plan.start = at(start);
    plan.stop = at(stop);
    return plan;
  }
  [[nodiscard]] std::vector<std::int64_t> dues() const {
    std::vector<std::int64_t> result;
    for (const auto& i : sink_.records) result.push_back(i.due_ns);
    return result;
  }
  // What the schedule makes due in [start, stop).
  static std::vector<std::int64_t> schedule(const LoopSpec& spec, const BlockPlan& plan) {
    workload::ArrivalSchedule arrivals(spec.arrival, workload::block_seed(spec.seed, plan.block));
    std::vector<std::int64_t> result;
    for (MonotonicTime due = plan.start + arrivals.next()->gap; due < plan.stop;
         due += arrivals.next()->gap) {
      result.push_back(due.time_since_epoch().count());
    }
    return result;
  }

  FakeClock clock_;
  FakeEngine engine_{clock_, {3us, 10us, 2us}, 4};
  FakePacing pacing_{clock_};
  VectorSink sink_;
  Histogram lateness_;
};

TEST_F(LoopTest, OpenLoopGeneratesItsScheduleAndNothingElse) {
  const LoopSpec spec{kThousandPerSecond, 1, 5};
  const auto outcome = run(spec, plan(1s, 2s));
  EXPECT_EQ(dues(), schedule(spec, plan(1s, 2s)));
  EXPECT_EQ(outcome.iterations, sink_.records.size());
  EXPECT_EQ(outcome.generation_start, at(1s));
  EXPECT_EQ(outcome.generation_stop, at(2s));
  EXPECT_FALSE(outcome.interrupted);
}

TEST_F(LoopTest, DueTimesDoNotDependOnHowSlowTheDeviceIs) {
  const LoopSpec spec{kThousandPerSecond, 1, 5};
  run(spec, plan(1s, 2s));
  const auto fast = dues();
  engine_.times.work = 5ms;
  run(spec, plan(1s, 2s));
  EXPECT_EQ(dues(), fast);
}

TEST_F(LoopTest, PlantedPartsComeBackAsThoseParts) {
  run({{ArrivalProcess::kUniform, 100, 0ns}, 1, 5}, plan(1s, 2s));
  ASSERT_FALSE(sink_.records.empty());
  for (const auto& i : sink_.records) {
    EXPECT_EQ(length_ns(i, Measure::kBacklog), 0);
    EXPECT_EQ(length_ns(i, Measure::kGpuWait), 3'000);
    EXPECT_EQ(length_ns(i, Measure::kGpuTime), 10'000);
    EXPECT_EQ(length_ns(i, Measure::kNotify), 2'000);
    EXPECT_EQ(length_ns(i, Measure::kLatency), 15'000);
  }
}

TEST_F(LoopTest, QueueingBehindOnesOwnRequestsIsBacklog) {
  engine_.times = {0us, 15ms, 0us};  // requests every 10 ms
  run({{ArrivalProcess::kUniform, 100, 0ns}, 1, 5}, plan(1s, 2s));
  ASSERT_GT(sink_.records.size(), 50U);
  for (std::size_t k = 1; k < sink_.records.size(); ++k) {
    EXPECT_EQ(sink_.records[k].submit_ns, sink_.records[k - 1].done_ns);
    EXPECT_EQ(
        length_ns(sink_.records[k], Measure::kBacklog),
        length_ns(sink_.records[0], Measure::kBacklog) + static_cast<std::int64_t>(k) * 5'000'000);
  }
}

TEST_F(LoopTest, WhatIsDueBeforeTheStopIsDoneAfterIt) {
  engine_.times = {0us, 15ms, 0us};
  const LoopSpec spec{{ArrivalProcess::kUniform, 100, 0ns}, 1, 5};
  const auto outcome = run(spec, plan(1s, 2s));
  EXPECT_EQ(dues(), schedule(spec, plan(1s, 2s)));
  EXPECT_GT(outcome.last_done_ns, 2'400'000'000);
  EXPECT_EQ(outcome.generation_stop, at(2s));
}

TEST_F(LoopTest, OpenBlockLastsToItsStopEvenWithoutRequests) {
  const auto outcome = run({{ArrivalProcess::kPoisson, 1e-6, 0ns}, 1, 5}, plan(1s, 2s));
  EXPECT_EQ(outcome.iterations, 0U);
  EXPECT_EQ(clock_.now(), at(2s));
  EXPECT_EQ(outcome.generation_stop, at(2s));
}

TEST_F(LoopTest, StopRequestEndsGenerationAndDrainsWhatIsDue) {
  engine_.times = {0us, 15ms, 0us};
  pacing_.stop_at = at(1500ms);
  pacing_.request = StopRequest::kStop;
  const LoopSpec spec{{ArrivalProcess::kUniform, 100, 0ns}, 1, 5};
  const auto outcome = run(spec, plan(1s, 3s));
  // It is noticed between two iterations.
  EXPECT_GE(outcome.generation_stop, at(1500ms));
  EXPECT_LE(outcome.generation_stop, at(1515ms));
  auto shortened = plan(1s, 3s);
  shortened.stop = outcome.generation_stop;
  EXPECT_EQ(dues(), schedule(spec, shortened));
  EXPECT_FALSE(outcome.interrupted);
}

TEST_F(LoopTest, GivingUpDropsAndCountsWhatIsDueButNotBegun) {
  engine_.times = {0us, 15ms, 0us};  // requests every 10 ms
  pacing_.stop_at = at(2200ms);
  pacing_.request = StopRequest::kGiveUp;
  const LoopSpec spec{{ArrivalProcess::kUniform, 100, 0ns}, 1, 5};
  const auto outcome = run(spec, plan(1s, 2s));
  EXPECT_GE(outcome.last_done_ns, 2'200'000'000);
  EXPECT_LE(outcome.last_done_ns, 2'215'000'000);
  EXPECT_EQ(outcome.iterations, sink_.records.size());
  EXPECT_GT(outcome.abandoned, 0U);
  EXPECT_EQ(outcome.iterations + outcome.abandoned, schedule(spec, plan(1s, 2s)).size());
  EXPECT_EQ(outcome.generation_stop, at(2s));
  EXPECT_FALSE(outcome.interrupted);
}

TEST_F(LoopTest, GivingUpBeforeTheStopCountsNothingThatIsNotDueYet) {
  engine_.times = {0us, 15ms, 0us};
  pacing_.stop_at = at(1500ms);
  pacing_.request = StopRequest::kGiveUp;
  const LoopSpec spec{{ArrivalProcess::kUniform, 100, 0ns}, 1, 5};
  const auto outcome = run(spec, plan(1s, 3s));
  auto shortened = plan(1s, 3s);
  shortened.stop = outcome.generation_stop;
  EXPECT_LE(outcome.generation_stop, at(1515ms));
  EXPECT_EQ(outcome.iterations + outcome.abandoned, schedule(spec, shortened).size());
}

// A million a second for eleven days: one by one they would be counted for hours.
TEST_F(LoopTest, WhatIsGivenUpIsCountedInBoundedTime) {
  constexpr auto kLength = 1'000'000s;
  pacing_.request = StopRequest::kGiveUp;
  for (const auto process : {ArrivalProcess::kPoisson, ArrivalProcess::kUniform}) {
    pacing_.stop_at = clock_.now() + kLength;
    engine_.times = {0us, kLength, 0us};
    const LoopSpec spec{{process, 1e6, 0ns}, 1, 5};
    BlockPlan plan;
    plan.start = clock_.now();
    plan.stop = plan.start + kLength;
    const auto outcome = run(spec, plan);
    EXPECT_NEAR(static_cast<double>(outcome.iterations + outcome.abandoned), 1e12, 2e9);
  }
}

TEST_F(LoopTest, GivingUpEndsAClosedLoopLikeAStop) {
  pacing_.stop_at = at(1500ms);
  pacing_.request = StopRequest::kGiveUp;
  const auto outcome = run({{ArrivalProcess::kClosed, 0, 10s}, 1, 5}, plan(1s, 100s));
  EXPECT_EQ(outcome.iterations, 1U);
  EXPECT_EQ(outcome.abandoned, 0U);
  EXPECT_EQ(outcome.generation_stop, at(1500ms));
}

TEST_F(LoopTest, StopRequestWakesAnIdleAgent) {
  pacing_.stop_at = at(1500ms);
  pacing_.request = StopRequest::kStop;
  const auto outcome = run({{ArrivalProcess::kClosed, 0, 10s}, 1, 5}, plan(1s, 100s));
  EXPECT_EQ(outcome.iterations, 1U);
  EXPECT_EQ(outcome.generation_stop, at(1500ms));
}

TEST_F(LoopTest, InterruptLeavesAfterTheIterationUnderWay) {
  engine_.times = {0us, 15ms, 0us};
  pacing_.stop_at = at(1500ms);
  pacing_.request = StopRequest::kInterrupt;
  const auto outcome = run({{ArrivalProcess::kUniform, 100, 0ns}, 1, 5}, plan(1s, 3s));
  EXPECT_TRUE(outcome.interrupted);
  EXPECT_GE(outcome.last_done_ns, 1'500'000'000);
  EXPECT_LE(outcome.last_done_ns, 1'515'000'000);
  EXPECT_EQ(outcome.iterations, sink_.records.size());
}

TEST_F(LoopTest, InterruptBeforeTheStartDoesNothing) {
  pacing_.stop_at = at(0s);
  pacing_.request = StopRequest::kInterrupt;
  const auto outcome = run({kSaturate, 1, 5}, plan(1s, 2s));
  EXPECT_TRUE(outcome.interrupted);
  EXPECT_EQ(outcome.iterations, 0U);
  EXPECT_LE(outcome.generation_start, outcome.generation_stop);
}

TEST_F(LoopTest, ClosedLoopThinksAfterDoneAndIsDueWhenSubmitted) {
  run({{ArrivalProcess::kClosed, 0, 5ms}, 1, 5}, plan(1s, 2s));
  ASSERT_GT(sink_.records.size(), 100U);
  for (std::size_t k = 0; k < sink_.records.size(); ++k) {
    EXPECT_EQ(sink_.records[k].due_ns, sink_.records[k].submit_ns);
    const std::int64_t free_ns = k > 0 ? sink_.records[k - 1].done_ns : 995'000'000;
    EXPECT_EQ(sink_.records[k].due_ns, free_ns + 5'000'000);
  }
}

TEST_F(LoopTest, NoRequestIsGeneratedAtTheStopOrLater) {
  run({kSaturate, 1, 5}, plan(1s, 2s));
  EXPECT_LT(sink_.records.back().due_ns, 2'000'000'000);
  EXPECT_GE(sink_.records.back().done_ns, 2'000'000'000 - 15'000);
}

TEST_F(LoopTest, InFlightQueuesAllBeforeItWaitsInOrder) {
  engine_.times = {0us, 1ms, 0us};
  run({kSaturate, 4, 5}, plan(1s, 1020ms));
  ASSERT_EQ(sink_.records.size(), 20U);
  for (std::size_t k = 0; k < sink_.records.size(); ++k) {
    const auto& i = sink_.records[k];
    const auto round = static_cast<std::int64_t>(k / 4) * 4;
    const auto place = static_cast<std::int64_t>(k);
    EXPECT_EQ(i.seq, k);
    EXPECT_EQ(i.submit_ns, 1'000'000'000 + round * 1'000'000);
    EXPECT_EQ(i.done_ns, 1'000'000'000 + (place + 1) * 1'000'000);
    EXPECT_EQ(engine_.submitted[k], static_cast<int>(k % 4));
  }
}

TEST_F(LoopTest, NumberOfIterationsIsAnUpperLimit) {
  auto limited = plan(1s, 100s);
  limited.iterations = 6;
  const auto outcome = run({kSaturate, 4, 5}, limited);
  EXPECT_EQ(outcome.iterations, 6U);
  EXPECT_THAT(engine_.submitted, testing::ElementsAre(0, 1, 2, 3, 0, 1));
  EXPECT_EQ(run({kThousandPerSecond, 1, 5}, limited).iterations, 6U);
}

TEST_F(LoopTest, SeqCountsFromZeroInEachBlock) {
  Loop loop(engine_, pacing_, sink_, {kSaturate, 1, 5});
  EXPECT_GT(loop.run(plan(1s, 1001ms)).iterations, 0U);
  sink_.records.clear();
  EXPECT_GT(loop.run(plan(2s, 2001ms)).iterations, 0U);
  for (std::size_t k = 0; k < sink_.records.size(); ++k) EXPECT_EQ(sink_.records[k].seq, k);
}

TEST_F(LoopTest, BlocksHaveSchedulesOfTheirOwn) {
  const LoopSpec spec{kThousandPerSecond, 1, 5};
  auto first = plan(1s, 2s);
  auto second = plan(1s, 2s);
  second.block = 1;
  run(spec, first);
  const auto one = dues();
  run(spec, second);
  EXPECT_NE(dues(), one);
  EXPECT_EQ(dues(), schedule(spec, second));
}

TEST_F(LoopTest, BlocksOfOneCycleHaveOneSchedule) {
  const LoopSpec spec{kThousandPerSecond, 1, 5};
  auto solo = plan(1s, 2s);
  solo.cycle = 3;
  auto shared = solo;
  shared.block = 1;
  run(spec, solo);
  const auto one = dues();
  run(spec, shared);
  EXPECT_EQ(dues(), one);
}

class TraceLoopTest : public LoopTest {
 protected:
  TraceLoopTest() {
    workload::Trace trace;
    trace.rows = {{10'000'000, 100, 3}, {20'000'000, 200, 1}, {500'000'000, 300, 2}};
    trace.period_ns = 1'000'000'000;
    spec_.trace = std::make_shared<const workload::Trace>(trace);
    spec_.arrival.process = ArrivalProcess::kTrace;
    spec_.arrival.trace.file = "t.csv";
    spec_.arrival.trace.wrap = false;
    engine_.output_tokens = 7;
  }
  LoopSpec spec_;
};

TEST_F(TraceLoopTest, RequestsComeAtTheirTimesWithTheirTokens) {
  const auto outcome = run(spec_, plan(1s, 2s));
  EXPECT_EQ(dues(), (std::vector<std::int64_t>{1'010'000'000, 1'020'000'000, 1'500'000'000}));
  ASSERT_EQ(sink_.records.size(), 3U);
  EXPECT_EQ(sink_.records[0].input_tokens, 100);
  EXPECT_EQ(sink_.records[0].output_tokens, 3);
  EXPECT_EQ(sink_.records[2].input_tokens, 300);
  EXPECT_EQ(outcome.tokens, 3U);  // 2, none and 1 after the first
  ASSERT_EQ(sink_.tokens.size(), 3U);
  EXPECT_EQ(sink_.tokens[0].seq, 0U);
  EXPECT_EQ(sink_.tokens[0].index, 1U);
  EXPECT_EQ(sink_.tokens[1].done_ns, sink_.records[0].gpu_end_ns);
  EXPECT_EQ(sink_.tokens[2].seq, 2U);
}

TEST_F(TraceLoopTest, BlockLastsToItsStopWhenTheTraceHasEnded) {
  const auto outcome = run(spec_, plan(1s, 5s));
  EXPECT_EQ(outcome.iterations, 3U);
  EXPECT_EQ(outcome.generation_stop, at(5s));
  EXPECT_FALSE(outcome.interrupted);
}

TEST_F(TraceLoopTest, StopAndInterruptReachAnAgentWhoseTraceHasEnded) {
  pacing_.stop_at = at(1700ms);
  pacing_.request = StopRequest::kStop;
  EXPECT_EQ(run(spec_, plan(1s, 5s)).generation_stop, at(1700ms));
  pacing_.stop_at = at(7s);
  pacing_.request = StopRequest::kInterrupt;
  EXPECT_TRUE(run(spec_, plan(6s, 9s)).interrupted);
}

TEST_F(TraceLoopTest, WithoutAStopTheTracesEndIsTheEnd) {
  BlockPlan endless;
  endless.start = at(1s);
  EXPECT_EQ(run(spec_, endless).iterations, 3U);
}

TEST_F(TraceLoopTest, GivingUpCountsTheRestOfTheTrace) {
  engine_.times.work = 100ms;
  pacing_.stop_at = at(1050ms);
  pacing_.request = StopRequest::kGiveUp;
  const auto outcome = run(spec_, plan(1s, 2s));
  EXPECT_EQ(outcome.iterations, 1U);
  EXPECT_EQ(outcome.abandoned, 1U);  // the third isn't due when it is given up
}

TEST_F(LoopTest, RequestsOfNoTraceHaveTheWorkloadsOwnShape) {
  engine_.output_tokens = 7;
  auto limited = plan(1s, 100s);
  limited.iterations = 2;
  LoopSpec spec{kSaturate, 1, 5};
  spec.shape = {256, 4};
  run(spec, limited);
  ASSERT_EQ(sink_.records.size(), 2U);
  EXPECT_EQ(sink_.records[1].input_tokens, 256);
  EXPECT_EQ(sink_.records[1].output_tokens, 4);
  EXPECT_EQ(engine_.shapes[1].input_tokens, 256);
  EXPECT_EQ(sink_.tokens.size(), 6U);
}

TEST_F(LoopTest, TokensWithoutRoomAreCounted) {
  engine_.output_tokens = 5;
  sink_.token_capacity = 6;
  auto limited = plan(1s, 100s);
  limited.iterations = 3;
  const auto outcome = run({kSaturate, 1, 5}, limited);
  EXPECT_TRUE(outcome.has_requests);
  EXPECT_EQ(outcome.tokens, 12U);
  EXPECT_EQ(outcome.tokens_lost, 6U);
  EXPECT_EQ(outcome.lost, 0U);
}

TEST_F(LoopTest, LateStartKeepsTheScheduleAndShowsTheBacklog) {
  clock_.advance(1500ms);
  const LoopSpec spec{kThousandPerSecond, 1, 5};
  const auto outcome = run(spec, plan(1s, 2s));
  EXPECT_EQ(dues(), schedule(spec, plan(1s, 2s)));
  EXPECT_EQ(outcome.generation_start, at(1500ms));
  EXPECT_GT(length_ns(sink_.records.front(), Measure::kBacklog), 400'000'000);
}

TEST_F(LoopTest, FullSinkIsACountedLossAndLeavesAHoleInSeq) {
  sink_.capacity = 10;
  auto limited = plan(1s, 100s);
  limited.iterations = 15;
  const auto outcome = run({kSaturate, 1, 5}, limited);
  EXPECT_EQ(outcome.iterations, 15U);
  EXPECT_EQ(outcome.lost, 5U);
  EXPECT_EQ(sink_.records.size(), 10U);
}

TEST_F(LoopTest, DeviceInstantsOutsideTheBracketAreCountedAndNeverClamped) {
  auto bounded = plan(1s, 100s);
  bounded.iterations = 10;
  bounded.clock_bound_ns = 5'000;
  engine_.clock_error = -8us;  // submit is 3 us before the start: 5 us early, just within the bound
  EXPECT_EQ(run({kSaturate, 1, 5}, bounded).out_of_bracket, 0U);
  engine_.clock_error = -8us - 1ns;
  EXPECT_EQ(run({kSaturate, 1, 5}, bounded).out_of_bracket, 10U);
  EXPECT_EQ(length_ns(sink_.records[0], Measure::kGpuWait), -5'001);
  engine_.clock_error = 7us;
  EXPECT_EQ(run({kSaturate, 1, 5}, bounded).out_of_bracket, 0U);
  engine_.clock_error = 7us + 1ns;
  EXPECT_EQ(run({kSaturate, 1, 5}, bounded).out_of_bracket, 10U);
}

TEST_F(LoopTest, DeviceWithoutAClockLeavesItsInstantsEmpty) {
  engine_.has_device_clock = false;
  const auto outcome = run({kSaturate, 1, 5}, plan(1s, 1001ms));
  EXPECT_EQ(outcome.out_of_bracket, 0U);
  for (const auto& i : sink_.records) {
    EXPECT_EQ(i.gpu_start_ns, record::kUnavailable);
    EXPECT_EQ(length_ns(i, Measure::kGpuTime), record::kUnavailable);
    EXPECT_EQ(length_ns(i, Measure::kLatency), 15'000);
  }
}

TEST_F(LoopTest, DeviceFailureEndsTheBlockWithWhatWasDone) {
  engine_.fails_at = 8;
  const auto outcome = run({kSaturate, 1, 5}, plan(1s, 2s));
  ASSERT_FALSE(outcome.device);
  EXPECT_EQ(outcome.device.error().message, "the device fell off the bus");
  EXPECT_EQ(outcome.iterations, 7U);
  EXPECT_EQ(sink_.records.size(), 7U);
}

TEST_F(LoopTest, OversleepingIsLatenessAndWaitingForThePreviousIsNot) {
  pacing_.oversleep = 7us;
  run({{ArrivalProcess::kUniform, 100, 0ns}, 1, 5}, plan(1s, 2s));
  EXPECT_EQ(lateness_.max().value_or(-1), 7'000);
  EXPECT_NEAR(static_cast<double>(lateness_.quantile(0.5).value_or(-1)), 7'000, 14);

  pacing_.oversleep = 0us;
  engine_.times.work = 15ms;
  run({{ArrivalProcess::kUniform, 100, 0ns}, 1, 5}, plan(3s, 4s));
  EXPECT_EQ(lateness_.max().value_or(-1), 0);
}

TEST_F(LoopTest, ClosedLoopsLatenessIsAgainstThePlannedEndOfThinking) {
  pacing_.oversleep = 7us;
  run({{ArrivalProcess::kClosed, 0, 5ms}, 1, 5}, plan(1s, 2s));
  EXPECT_EQ(lateness_.max().value_or(-1), 7'000);
}

}  // namespace
}  // namespace kts::worker::loop_test
