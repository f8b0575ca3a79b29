// SPDX-License-Identifier: Apache-2.0
#include "kts/analysis/summarize.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <vector>

#include "synthetic.hpp"

namespace kts::analysis::summarize_test {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::MatchesRegex;
using testing::SizeIs;

using Make = std::function<Parts(Random&)>;

// Alternating solo and shared blocks of one agent, `per_block` iterations each.
struct Planned {
  int blocks_per_phase = 10;
  int per_block = 500;
  Make solo = [](Random& random) { return Parts{0, 0.05, random.uniform(0.9, 1.1), 0.01}; };
  Make shared = solo;
  std::string agent = "light";

  void add_to(RunData& data) const {
    Random random(7);
    for (int b = 0; b < 2 * blocks_per_phase; ++b) {
      const Phase phase = b % 2 == 0 ? Phase::kSolo : Phase::kShared;
      AgentBlock block = open_block(agent, b, phase, 1000);
      const Make& make = phase == Phase::kSolo ? solo : shared;
      for (int i = 0; i < per_block; ++i) add_iteration(block, make(random));
      data.blocks.push_back(std::move(block));
    }
  }
  [[nodiscard]] RunData data() const {
    RunData result;
    add_to(result);
    return result;
  }
};

Make later_by(double ms) {
  return [=](Random& random) { return Parts{0, 0.05 + ms, random.uniform(0.9, 1.1), 0.01}; };
}

void ask_for(RunData& data, const std::string& agent, double p, double ms) {
  AgentInfo info;
  info.name = agent;
  info.slo_quantile = p;
  info.slo_latency_ms = ms;
  data.header.agents.push_back(info);
}

TEST(Summarize, PoolsTheBlocksOfAPhase) {
  RunData data;
  for (int b = 0; b < 2; ++b) {
    AgentBlock block = open_block("light", b, Phase::kShared, 1000);
    for (int i = 1; i <= 50; ++i) add_iteration(block, {0, 0, 50.0 * b + i, 0});
    block.trimmed = 3;
    data.blocks.push_back(std::move(block));
  }
  const Summary summary = summarize(data);
  const MeasureResult* row = find_result(summary, "light", Phase::kShared, Measure::kLatency);
  ASSERT_NE(row, nullptr);
  EXPECT_EQ(row->n, 100U);
  EXPECT_EQ(row->blocks, 2);
  EXPECT_EQ(row->trimmed, 6U);
  EXPECT_DOUBLE_EQ(*row->mean, 50.5);
  EXPECT_DOUBLE_EQ(*row->p50.value, 50.5);
  EXPECT_DOUBLE_EQ(*row->p95.value, 95.05);
  EXPECT_DOUBLE_EQ(*row->p99.value, 99.01);
  EXPECT_DOUBLE_EQ(*row->max, 100);
  EXPECT_DOUBLE_EQ(*row->jitter, 99.01 / 50.5);
  EXPECT_DOUBLE_EQ(*row->rate_proxy_per_s, 1000 / 50.5);
  EXPECT_DOUBLE_EQ(*row->rate_achieved.value, 50);
  EXPECT_FALSE(row->rate_achieved.ci_low) << "two blocks have no interval";
}

TEST(Summarize, ARatesIntervalIsOfItsBlocksAndHoldsIt) {
  const Summary summary = summarize(Planned().data());
  const MeasureResult* row = find_result(summary, "light", Phase::kShared, Measure::kLatency);
  ASSERT_TRUE(row->rate_achieved.ci_low && row->rate_achieved.ci_high);
  EXPECT_LE(*row->rate_achieved.ci_low, *row->rate_achieved.value);
  EXPECT_GE(*row->rate_achieved.ci_high, *row->rate_achieved.value);
}

TEST(Summarize, EstimateBeyondTheSamplesResolutionIsEmpty) {
  Planned run;
  run.per_block = 50;
  const Summary summary = summarize(run.data());
  const MeasureResult* row = find_result(summary, "light", Phase::kSolo, Measure::kLatency);
  EXPECT_TRUE(row->p99.value);
  EXPECT_FALSE(row->p999.value);
}

TEST(Summarize, UnavailablePartsHaveNoValues) {
  Planned run;
  run.solo = run.shared = [](Random&) { return Parts{0, std::nullopt, 1.0, 0}; };
  const Summary summary = summarize(run.data());
  for (const Measure measure : {Measure::kGpuWait, Measure::kNotify}) {
    const MeasureResult* row = find_result(summary, "light", Phase::kShared, measure);
    ASSERT_NE(row, nullptr);
    EXPECT_EQ(row->n, 0U);
    EXPECT_FALSE(row->mean || row->p50.value || row->max);
  }
  EXPECT_EQ(find_result(summary, "light", Phase::kShared, Measure::kGpuTime)->n, 5000U);
}

TEST(Summarize, NotifyIsWhatTheOtherPartsLeaveOfLatency) {
  Planned run;
  run.solo = [](Random&) { return Parts{0.25, 0.5, 1, 0.125}; };
  const Summary summary = summarize(run.data());
  EXPECT_DOUBLE_EQ(*find_result(summary, "light", Phase::kSolo, Measure::kNotify)->p50.value,
                   0.125);
}

// LLM requests: each has a first token after `ttft` ms and two more, `itl` ms apart.
RunData requests(double solo_itl, double shared_itl, std::uint64_t tokens_lost = 0) {
  Random random(11);
  RunData data;
  for (int b = 0; b < 12; ++b) {
    const Phase phase = b % 2 == 0 ? Phase::kSolo : Phase::kShared;
    AgentBlock block = open_block("thinker", b, phase, 1000);
    const double itl = phase == Phase::kSolo ? solo_itl : shared_itl;
    for (int i = 0; i < 200; ++i) {
      const double ttft = random.uniform(9, 11);
      add_iteration(block, {0, 0.1, ttft + 2 * itl, 0});
      block.ttft.append(to_ns(ttft));
      for (int gap = 0; gap < 2; ++gap) block.itl.append(to_ns(itl * random.uniform(0.99, 1.01)));
      block.output_tokens_in_window += 3;
    }
    block.tokens_lost = tokens_lost;
    data.blocks.push_back(std::move(block));
  }
  return data;
}

TEST(Summarize, RequestsHaveFirstTokensGapsAndATokenRate) {
  const Summary summary = summarize(requests(2, 6));
  const auto row = [&](Phase phase, Measure measure) {
    return find_result(summary, "thinker", phase, measure);
  };
  ASSERT_NE(row(Phase::kSolo, Measure::kTtft), nullptr);
  EXPECT_EQ(row(Phase::kSolo, Measure::kTtft)->n, 1200U);
  EXPECT_NEAR(*row(Phase::kSolo, Measure::kTtft)->p50.value, 10, 0.1);
  EXPECT_EQ(row(Phase::kShared, Measure::kItl)->n, 2400U);
  EXPECT_NEAR(*row(Phase::kShared, Measure::kItl)->p99.value, 6.06, 0.01);
  EXPECT_TRUE(row(Phase::kShared, Measure::kItl)->p99.ci_high);
  EXPECT_DOUBLE_EQ(*row(Phase::kSolo, Measure::kLatency)->output_tokens_per_s, 600);
  EXPECT_FALSE(row(Phase::kSolo, Measure::kTtft)->output_tokens_per_s);

  const Degradation* itl = find_degradation(summary, "thinker", Measure::kItl, 0.99);
  ASSERT_NE(itl, nullptr);
  EXPECT_NEAR(*itl->ratio.value, 3, 0.02);
  EXPECT_TRUE(itl->ratio.ci_low && itl->ratio.ci_high);
  EXPECT_EQ(itl->verdict, Verdict::kCannotConclude);  // a verdict is of latency alone
  EXPECT_NEAR(*find_degradation(summary, "thinker", Measure::kTtft, 0.99)->ratio.value, 1, 0.02);
  const auto curves = std::ranges::count_if(
      summary.ccdfs, [](const Ccdf& curve) { return curve.measure != Measure::kLatency; });
  EXPECT_EQ(curves, 4);
}

TEST(Summarize, AgentsWithoutRequestsHaveNoRowsOfTokens) {
  const Summary summary = summarize(Planned().data());
  for (const MeasureResult& row : summary.results) {
    EXPECT_NE(row.measure, Measure::kTtft);
    EXPECT_NE(row.measure, Measure::kItl);
    EXPECT_FALSE(row.output_tokens_per_s);
  }
  EXPECT_EQ(find_degradation(summary, "light", Measure::kTtft, 0.99), nullptr);
  for (const Ccdf& curve : summary.ccdfs) EXPECT_EQ(curve.measure, Measure::kLatency);
}

TEST(Summarize, LostTokensLeaveTheTailsOfGapsWithoutAnInterval) {
  const Summary summary = summarize(requests(2, 6, 3));  // 18 of some 2,400 a phase
  const MeasureResult* itl = find_result(summary, "thinker", Phase::kSolo, Measure::kItl);
  EXPECT_TRUE(itl->p50.ci_low);
  EXPECT_FALSE(itl->p99.ci_low || itl->p99.ci_high);
  EXPECT_TRUE(find_result(summary, "thinker", Phase::kSolo, Measure::kTtft)->p99.ci_low);
  EXPECT_THAT(summary.warnings, Contains(HasSubstr("of its tokens of solo blocks are lost")));
}

TEST(Summarize, LengthsBeyondThirtyTwoBitsStayExact) {
  Planned run;
  run.shared = [](Random&) { return Parts{5000.000001, 0.1, 3000.000002, 0}; };
  const Summary summary = summarize(run.data());
  EXPECT_DOUBLE_EQ(*find_result(summary, "light", Phase::kShared, Measure::kLatency)->p50.value,
                   8000.100003);
  EXPECT_DOUBLE_EQ(*find_result(summary, "light", Phase::kShared, Measure::kGpuTime)->max,
                   3000.000002);
  EXPECT_DOUBLE_EQ(*find_result(summary, "light", Phase::kShared, Measure::kNotify)->max, 0);
}

TEST(Summarize, GrowthBeyondFivePercentIsHurt) {
  Planned run;
  run.shared = later_by(2);
  const Summary summary = summarize(run.data());
  const Degradation* p99 = find_degradation(summary, "light", Measure::kLatency, 0.99);
  ASSERT_NE(p99, nullptr);
  EXPECT_EQ(p99->verdict, Verdict::kHurt);
  EXPECT_NEAR(*p99->ratio.value, 3.158 / 1.158, 0.01);
  EXPECT_LT(*p99->ratio.ci_low, *p99->ratio.value);
  EXPECT_GT(*p99->ratio.ci_high, *p99->ratio.value);
  EXPECT_EQ(p99->baseline, Neighbours::kParked);
  EXPECT_THAT(summary.degradation, SizeIs(6));
  EXPECT_THAT(summary.inconclusive, IsEmpty());
  EXPECT_EQ(exit_code(summary), 0);
}

TEST(Summarize, SameAgainIsFree) {
  const Summary summary = summarize(Planned{}.data());
  EXPECT_EQ(find_degradation(summary, "light", Measure::kLatency, 0.99)->verdict, Verdict::kFree);
}

TEST(Summarize, FewerThanFiveBlocksCannotConclude) {
  Planned run;
  run.blocks_per_phase = 4;
  run.shared = later_by(2);
  const Summary summary = summarize(run.data());
  const Degradation* p99 = find_degradation(summary, "light", Measure::kLatency, 0.99);
  EXPECT_TRUE(p99->ratio.value);
  EXPECT_FALSE(p99->ratio.ci_low || p99->ratio.ci_high);
  EXPECT_EQ(p99->verdict, Verdict::kCannotConclude);
  EXPECT_THAT(
      summary.inconclusive,
      ElementsAre(HasSubstr("light has 4 solo blocks with samples, and an interval takes 5")));
  EXPECT_EQ(exit_code(summary), 5);
}

TEST(Summarize, TooFewSamplesForATailCannotConclude) {
  Planned run;
  run.per_block = 30;
  const Summary summary = summarize(run.data());
  EXPECT_THAT(summary.inconclusive,
              ElementsAre(HasSubstr("300 solo samples, and latency p99 takes 368")));
}

TEST(Summarize, RatioThatSpansVerdictsSaysHowManySamplesItTakes) {
  Planned run;
  run.solo = [](Random& random) { return Parts{0, 0, random.exponential(1), 0}; };
  run.shared = [](Random& random) { return Parts{0, 0, random.exponential(1.1), 0}; };
  const Summary summary = summarize(run.data());
  const Degradation* p99 = find_degradation(summary, "light", Measure::kLatency, 0.99);
  EXPECT_EQ(p99->verdict, Verdict::kCannotConclude);
  ASSERT_TRUE(p99->samples_needed);
  EXPECT_GT(*p99->samples_needed, 5000U);
  EXPECT_THAT(
      summary.inconclusive,
      ElementsAre(MatchesRegex(".* samples a phase, [0-9.]+ times as many, would settle it")));
}

TEST(Summarize, RunWithoutRecordsSaysSo) {
  RunData data;
  ask_for(data, "light", 0.99, 5);
  const Summary summary = summarize(data);
  EXPECT_THAT(summary.inconclusive, ElementsAre("light has no shared blocks to judge"));
  EXPECT_EQ(exit_code(summary), 5);
}

TEST(Summarize, KeepsWhatTheLoaderSaid) {
  RunData data = Planned{}.data();
  data.header.run_id = "20261121T013000Z-study";
  data.header.warnings = {"first"};
  data.header.inconclusive = {"not shared"};
  const Summary summary = summarize(data);
  EXPECT_EQ(summary.run_id, data.header.run_id);
  EXPECT_EQ(summary.warnings.front(), "first");
  EXPECT_THAT(summary.inconclusive, ElementsAre("not shared"));
}

TEST(Summarize, LostRecordsTakeTheTailsIntervals) {
  Planned run;
  run.shared = later_by(2);
  RunData data = run.data();
  data.blocks[3].lost = 10;  // of 5,010
  const Summary summary = summarize(data);
  const MeasureResult* row = find_result(summary, "light", Phase::kShared, Measure::kLatency);
  EXPECT_EQ(row->lost, 10U);
  EXPECT_TRUE(row->p50.ci_low && row->p99.value);
  EXPECT_FALSE(row->p95.ci_low || row->p99.ci_low || row->p99.ci_high);
  EXPECT_THAT(summary.warnings, ElementsAre(HasSubstr("0.2 % of its records of shared blocks")));
  EXPECT_THAT(summary.inconclusive, ElementsAre(HasSubstr("lost too many records")));
}

TEST(Summarize, FewLostRecordsChangeNothing) {
  RunData data = Planned{}.data();
  data.blocks[3].lost = 5;  // of 5,005
  const Summary summary = summarize(data);
  EXPECT_THAT(summary.warnings, IsEmpty());
  EXPECT_THAT(summary.inconclusive, IsEmpty());
}

RunData with_blocks_changed(int how_many, const std::function<void(AgentBlock&)>& change) {
  RunData data = Planned{}.data();
  for (AgentBlock& block : data.blocks) {
    if (block.phase == Phase::kShared && how_many-- > 0) change(block);
  }
  return data;
}

void grow_backlog(AgentBlock& block) {
  block.backlog_median_first_third_ns = 1e6;
  block.backlog_median_last_third_ns = 9e6;
  block.due_in_window = 800;
}

TEST(Overload, BacklogThatGrowsInMostBlocksMeansNoDegradation) {
  const Summary summary = summarize(with_blocks_changed(6, grow_backlog));
  EXPECT_THAT(summary.degradation, IsEmpty());
  EXPECT_THAT(summary.inconclusive,
              ElementsAre(HasSubstr("light is overloaded in its shared blocks: the backlog keeps "
                                    "growing in 6 of 10 blocks; offered 680/s, completed 500/s")));
  EXPECT_EQ(exit_code(summary), 5);
  ASSERT_THAT(summary.loads, SizeIs(2));
  EXPECT_FALSE(summary.loads[0].overloaded);
  EXPECT_TRUE(summary.loads[1].overloaded);
}

TEST(Overload, HalfOfTheBlocksIsNotMost) {
  const Summary summary = summarize(with_blocks_changed(5, grow_backlog));
  EXPECT_THAT(summary.inconclusive, IsEmpty());
}

TEST(Overload, BacklogShorterThanAnIterationIsNone) {
  const Summary summary = summarize(with_blocks_changed(
      10, [](AgentBlock& block) { block.backlog_median_last_third_ns = 0.5e6; }));
  EXPECT_THAT(summary.inconclusive, IsEmpty());
}

TEST(Overload, DrainingLongerThanFivePercentOfTheBlockCounts) {
  const Summary slow = summarize(
      with_blocks_changed(10, [](AgentBlock& block) { block.end->drain_ns = 51'000'000; }));
  EXPECT_THAT(slow.inconclusive, ElementsAre(HasSubstr("draining takes longer than 5 %")));
  const Summary quick = summarize(
      with_blocks_changed(10, [](AgentBlock& block) { block.end->drain_ns = 49'000'000; }));
  EXPECT_THAT(quick.inconclusive, IsEmpty());
}

void give_up(AgentBlock& block) {
  block.abandoned = block.end->abandoned = 300;
  block.due_in_window += 300;
  block.end->drain_ns = 2'000'000'000;
}

TEST(Overload, AQueueThatWasGivenUpCountsAndItsRequestsWereOffered) {
  const Summary summary = summarize(with_blocks_changed(10, give_up));
  EXPECT_THAT(summary.degradation, IsEmpty());
  EXPECT_THAT(summary.inconclusive,
              ElementsAre(HasSubstr("light is overloaded in its shared blocks: its queue had to be "
                                    "given up in 10 of 10 blocks, with 3000 requests never begun; "
                                    "offered 800/s, completed 500/s")));
  EXPECT_THAT(summary.warnings, IsEmpty());
  ASSERT_THAT(summary.loads, SizeIs(2));
  EXPECT_EQ(summary.loads[0].abandoned, 0U);
  EXPECT_EQ(summary.loads[1].abandoned, 3000U);
  EXPECT_EQ(exit_code(summary), 5);
}

TEST(Overload, LeavesAnObjectiveUnjudged) {
  RunData data = with_blocks_changed(10, give_up);
  ask_for(data, "light", 0.99, 50);
  const Summary summary = summarize(data);
  ASSERT_THAT(summary.slos, SizeIs(1));
  EXPECT_FALSE(summary.slos[0].met || summary.slos[0].missed || summary.slos[0].shared.value);
}

TEST(Overload, OneGivenUpQueueIsNoOverloadButItsTailIsNotKnown) {
  Planned run;
  run.shared = later_by(2);
  RunData data = run.data();
  give_up(data.blocks[3]);
  const Summary summary = summarize(data);
  EXPECT_FALSE(summary.loads[1].overloaded);
  EXPECT_FALSE(find_result(summary, "light", Phase::kShared, Measure::kLatency)->p99.ci_low);
  EXPECT_THAT(summary.warnings,
              ElementsAre(HasSubstr("light: 300 requests of its shared blocks were never begun")));
  EXPECT_THAT(summary.inconclusive, ElementsAre(HasSubstr("light never began too many requests")));
}

TEST(Overload, OfAnAgentThatDoesNotDecideIsAWarning) {
  RunData data = Planned{.agent = "first"}.data();
  Planned{}.add_to(data);
  for (AgentBlock& block : data.blocks) {
    if (block.agent == "light") give_up(block);
  }
  const Summary summary = summarize(data);
  EXPECT_THAT(summary.inconclusive, IsEmpty());
  EXPECT_EQ(exit_code(summary), 0);
  EXPECT_THAT(summary.warnings,
              testing::Contains(AllOf(HasSubstr("light is overloaded in its solo"),
                                      HasSubstr("3000 requests never begun"))));
  EXPECT_EQ(find_degradation(summary, "light", Measure::kLatency, 0.99), nullptr);
}

TEST(Overload, OfManyAgentsOneIsNamedAndTheOthersAreCounted) {
  RunData data = Planned{.agent = "first"}.data();
  for (const char* agent : {"a", "b", "c"}) Planned{.agent = agent}.add_to(data);
  for (AgentBlock& block : data.blocks) {
    if (block.agent != "first" && block.phase == Phase::kShared) give_up(block);
  }
  const Summary summary = summarize(data);
  EXPECT_THAT(summary.warnings,
              ElementsAre(AllOf(HasSubstr("a is overloaded in its shared blocks"),
                                HasSubstr("lower its rate (2 others likewise)"))));
  EXPECT_EQ(std::ranges::count_if(summary.loads, &Load::overloaded), 3);
}

TEST(Overload, DrainingTheIterationsInProgressIsNone) {
  Planned run;
  run.shared = later_by(30);
  RunData data = run.data();
  for (AgentBlock& block : data.blocks) block.end->drain_ns = 60'000'000;
  const Summary summary = summarize(data);
  EXPECT_FALSE(summary.loads[1].overloaded);
}

TEST(Overload, ClosedAgentsAreNeverOverloaded) {
  RunData data = with_blocks_changed(10, grow_backlog);
  for (AgentBlock& block : data.blocks) block.meta->arrival = "saturate";
  const Summary summary = summarize(data);
  EXPECT_THAT(summary.loads, IsEmpty());
  EXPECT_THAT(summary.inconclusive, IsEmpty());
}

TEST(Overload, TimeSegmentsOfOneBlockAreHeldAgainstTheWholeBlock) {
  RunData data = Planned{}.data();
  for (AgentBlock& block : data.blocks) {
    block.block = block.phase == Phase::kSolo ? 0 : 1;
    block.end->drain_ns = 60'000'000;  // of ten segments of a second
  }
  EXPECT_FALSE(summarize(data).loads[1].overloaded);
}

// Ten solo blocks, the first and the last without neighbours.
RunData with_absent(double parked_ms, double absent_ms) {
  RunData data = Planned{}.data();
  Random random(13);
  int number = 0;
  for (AgentBlock& block : data.blocks) {
    if (block.phase != Phase::kSolo) continue;
    const bool absent = number == 0 || number == 18;
    AgentBlock fresh = open_block("light", number, Phase::kSolo, 1000);
    if (absent) fresh.neighbours = Neighbours::kAbsent;
    const Make make = later_by(absent ? absent_ms : parked_ms);
    for (int i = 0; i < 500; ++i) add_iteration(fresh, make(random));
    block = std::move(fresh);
    number += 2;
  }
  return data;
}

TEST(Baseline, IsParkedWhenParkedIsLikeAbsent) {
  const Summary summary = summarize(with_absent(0, 0));
  EXPECT_EQ(find_degradation(summary, "light", Measure::kLatency, 0.99)->baseline,
            Neighbours::kParked);
  const MeasureResult* row = find_result(summary, "light", Phase::kSolo, Measure::kLatency);
  EXPECT_EQ(row->neighbours, Neighbours::kParked);
  EXPECT_EQ(row->blocks, 8);
  EXPECT_THAT(summary.warnings, IsEmpty());
}

TEST(Baseline, IsAbsentWhenParkedNeighboursChangeTheTail) {
  const Summary summary = summarize(with_absent(1, 0));
  EXPECT_THAT(summary.warnings,
              ElementsAre(HasSubstr("parked processes are not free here, so DF uses absent")));
  EXPECT_THAT(summarize(with_absent(0, 1)).warnings,
              ElementsAre(HasSubstr("the two differ, so DF uses absent")));
  const Degradation* p99 = find_degradation(summary, "light", Measure::kLatency, 0.99);
  EXPECT_EQ(p99->baseline, Neighbours::kAbsent);
  EXPECT_NEAR(*p99->ratio.value, 1, 0.02);
  EXPECT_EQ(p99->verdict, Verdict::kFree);
  EXPECT_EQ(find_result(summary, "light", Phase::kSolo, Measure::kLatency)->blocks, 2);
}

TEST(Baseline, OfAnAgentWithoutSoloBlocksIsItsEqual) {
  RunData data;
  Planned run;
  run.add_to(data);
  run.agent = "twin";
  run.shared = later_by(2);
  RunData twin = run.data();
  std::erase_if(twin.blocks, [](const AgentBlock& block) { return block.phase == Phase::kSolo; });
  for (AgentBlock& block : twin.blocks) data.blocks.push_back(std::move(block));
  data.baseline = {{"light", "light"}, {"twin", "light"}};
  const Summary summary = summarize(data);
  EXPECT_EQ(find_degradation(summary, "twin", Measure::kLatency, 0.99)->verdict, Verdict::kHurt);
  EXPECT_EQ(find_result(summary, "twin", Phase::kSolo, Measure::kLatency)->agent, "light");
  EXPECT_EQ(summary.agents.at(1).baseline, "light");
}

TEST(Slo, MissedWhenTheWholeIntervalIsAboveTheTarget) {
  RunData data = Planned{}.data();
  ask_for(data, "light", 0.99, 0.5);
  const Summary summary = summarize(data);
  ASSERT_THAT(summary.slos, SizeIs(1));
  EXPECT_TRUE(summary.slos[0].missed);
  EXPECT_EQ(exit_code(summary), 3);
}

TEST(Summarize, NearlyAsManySamplesAreAFewMore) {
  EXPECT_EQ(times_as_many(610, 620), ", a few more than there were,");
  EXPECT_EQ(times_as_many(610, 890), ", 1.5 times as many,");
  EXPECT_EQ(times_as_many(240, 21'400), ", 89 times as many,");
  EXPECT_EQ(times_as_many(0, 620), "");
}

TEST(Slo, MetWhenTheWholeIntervalIsBelowTheTarget) {
  RunData data = Planned{}.data();
  ask_for(data, "light", 0.9, 5);
  const Summary summary = summarize(data);
  EXPECT_TRUE(summary.slos[0].met);
  EXPECT_NEAR(*summary.slos[0].shared.value, 1.14, 0.01);
  EXPECT_EQ(exit_code(summary), 0);
}

TEST(Slo, IntervalAcrossTheTargetIsInconclusive) {
  RunData data = Planned{}.data();
  ask_for(data, "light", 0.5, 1.06);
  const Summary summary = summarize(data);
  EXPECT_FALSE(summary.slos[0].met || summary.slos[0].missed);
  EXPECT_THAT(summary.inconclusive, ElementsAre(HasSubstr("doesn't settle its SLO of 1.06 ms")));
  EXPECT_EQ(exit_code(summary), 5);
}

TEST(Slo, OnlyAgentsThatHaveOneDecide) {
  RunData data;
  Planned short_run;
  short_run.blocks_per_phase = 3;
  short_run.agent = "batch";
  short_run.add_to(data);
  Planned{}.add_to(data);
  data.header.agents.emplace_back().name = "batch";
  EXPECT_EQ(exit_code(summarize(data)), 5);
  ask_for(data, "light", 0.99, 5);
  EXPECT_EQ(exit_code(summarize(data)), 0);
}

TEST(ExitCode, InconclusiveComesBeforeMissed) {
  Summary summary;
  EXPECT_EQ(exit_code(summary), 0);
  summary.slos.emplace_back().missed = true;
  EXPECT_EQ(exit_code(summary), 3);
  summary.inconclusive.emplace_back("not shared");
  EXPECT_EQ(exit_code(summary), 5);
}

TEST(Finding, EventTimeMissesAWaitOutsideTheEvents) {
  Planned run;
  run.shared = later_by(5);
  const Summary summary = summarize(run.data());
  ASSERT_THAT(summary.findings, SizeIs(1));
  const Finding& finding = summary.findings[0];
  EXPECT_TRUE(finding.event_time_misses_it);
  EXPECT_GT(*finding.latency_p99_ratio, 5);
  EXPECT_NEAR(*finding.gpu_time_p99_ratio, 1, 0.01);
  EXPECT_NEAR(*finding.rate_achieved_ratio, 1, 1e-9);
  EXPECT_NEAR(*finding.rate_proxy_ratio, 1, 0.01);
}

TEST(Finding, EventTimeSeesWhatHappensBetweenTheEvents) {
  Planned run;
  run.shared = [](Random& random) { return Parts{0, 0.05, random.uniform(4, 5), 0.01}; };
  const Summary summary = summarize(run.data());
  EXPECT_FALSE(summary.findings.at(0).event_time_misses_it);
  EXPECT_LT(*summary.findings.at(0).rate_proxy_ratio, 0.3);
}

TEST(Attribution, NeedsAHundredIterationsInItsWindow) {
  Planned run;
  run.shared = later_by(2);
  const Summary summary = summarize(run.data());  // 5,000 a phase: 50 around p99, 250 around p95
  ASSERT_THAT(summary.attribution, SizeIs(4));
  EXPECT_EQ(summary.attribution[2].at, "p95");
  EXPECT_NEAR(*summary.attribution[2].parts[1].growth_ms, 2, 0.01);
  EXPECT_EQ(summary.attribution[3].at, "p99");
  EXPECT_EQ(summary.attribution[3].solo_n, 50U);
  EXPECT_FALSE(summary.attribution[3].parts[1].growth_ms || summary.attribution[3].residue_ms);
  EXPECT_TRUE(summary.attribution[3].latency_growth_ms);
}

TEST(Attribution, OfMeansLeavesNoResidue) {
  Planned run;
  run.shared = later_by(2);
  const Summary summary = summarize(run.data());
  EXPECT_EQ(summary.attribution[0].at, "mean");
  EXPECT_NEAR(*summary.attribution[0].residue_ms, 0, 1e-9);
}

TEST(Attribution, UnavailablePartsStandInTheResidue) {
  Planned run;
  run.solo = [](Random&) { return Parts{0, std::nullopt, 1, 0.5}; };
  run.shared = [](Random&) { return Parts{0, std::nullopt, 2, 3.5}; };
  const Attribution mean = summarize(run.data()).attribution.at(0);
  EXPECT_FALSE(mean.parts[1].growth_ms);
  EXPECT_NEAR(*mean.parts[2].growth_ms, 1, 1e-9);
  EXPECT_NEAR(*mean.residue_ms, 3, 1e-9);
}

TEST(Ccdf, IsThinnedButKeepsItsTail) {
  Planned run;
  run.per_block = 5000;
  run.shared = [](Random& random) { return Parts{0, 0, random.exponential(1), 0}; };
  const RunData data = run.data();
  const Summary summary = summarize(data);
  const Ccdf& ccdf = summary.ccdfs.at(1);
  EXPECT_EQ(ccdf.phase, Phase::kShared);
  EXPECT_LE(ccdf.latency_ms.size(), 300U);
  ASSERT_EQ(ccdf.latency_ms.size(), ccdf.share_above.size());
  EXPECT_TRUE(std::ranges::is_sorted(ccdf.latency_ms));
  EXPECT_TRUE(std::ranges::is_sorted(ccdf.share_above, std::greater<>()));
  EXPECT_DOUBLE_EQ(ccdf.share_above.front(), 1);
  EXPECT_DOUBLE_EQ(ccdf.share_above.back(), 1.0 / 50'000);
  std::vector<std::int64_t> latencies;
  for (const AgentBlock& block : data.blocks) {
    if (block.phase != Phase::kShared) continue;
    for (std::size_t i = 0; i < block.latency.size(); ++i) latencies.push_back(block.latency[i]);
  }
  std::ranges::sort(latencies, std::greater<>());
  for (std::size_t i = 0; i < 100; ++i) {
    EXPECT_DOUBLE_EQ(ccdf.latency_ms.rbegin()[static_cast<std::ptrdiff_t>(i)],
                     static_cast<double>(latencies[i]) / 1e6);
  }
}

TEST(FindResult, KnowsOnlyWhatWasMeasured) {
  const Summary summary = summarize(Planned{}.data());
  EXPECT_EQ(find_result(summary, "nobody", Phase::kSolo, Measure::kLatency), nullptr);
  EXPECT_EQ(find_degradation(summary, "light", Measure::kBacklog, 0.99), nullptr);
}

}  // namespace
}  // namespace kts::analysis::summarize_test
