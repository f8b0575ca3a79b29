// SPDX-License-Identifier: Apache-2.0
#include "kts/workload/probe.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>

namespace kts::workload::probe_test {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::Ge;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

TEST(ProbeTask, SurvivesTheRoundTrip) {
  ProbeTask task{"spin"};
  task.set("length_ns", 400).set("start_ns", -3);
  task.arguments["kind"] = "membw";
  EXPECT_EQ(to_line(task), "spin kind=membw length_ns=400 start_ns=-3");
  const auto again = parse_probe_task(to_line(task));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->number("length_ns"), 400);
  EXPECT_EQ(again->number("start_ns"), -3);
  EXPECT_EQ(again->number("nothing", 7), 7);
  EXPECT_EQ(again->word("kind"), "membw");
}

TEST(ProbeTask, WithoutANameOrAValueIsRefused) {
  EXPECT_FALSE(parse_probe_task(""));
  EXPECT_FALSE(parse_probe_task("spin length_ns"));
  EXPECT_FALSE(parse_probe_task("spin length_ns="));
}

TEST(ProbeTrace, SurvivesTheRoundTrip) {
  ProbeTrace trace{"spin"};
  trace.values["clock_step_ns"] = 32;
  trace.series["gap_begin_ns"] = {1'764'172'800'000'000'032, 5};
  trace.series["gap_length_ns"] = {};
  const auto again = parse_probe_trace(to_text(trace), "t");
  ASSERT_TRUE(again) << to_line(again.error());
  EXPECT_EQ(to_text(*again), to_text(trace));
  EXPECT_THAT(again->all("gap_begin_ns"), ElementsAre(1'764'172'800'000'000'032, 5));
  EXPECT_THAT(again->all("gap_length_ns"), IsEmpty());
  EXPECT_EQ(again->value("nothing", -1), -1);
}

TEST(ProbeTrace, WhatIsWrongIsNamedWithItsLine) {
  const auto problem = [](const char* text) {
    const auto trace = parse_probe_trace(text, "t.txt");
    return trace ? std::string() : to_line(trace.error());
  };
  EXPECT_THAT(problem(""), HasSubstr("no end"));
  EXPECT_THAT(problem("a 1\n"), HasSubstr("t.txt:1: no trace has begun"));
  EXPECT_THAT(problem("KTS_PROBE,v1,begin,spin\na one\n"), HasSubstr("t.txt:2: is neither"));
  EXPECT_THAT(problem("KTS_PROBE,v1,begin,spin\na: 1 x\n"), HasSubstr("t.txt:2: isn't a series"));
  EXPECT_THAT(problem("KTS_PROBE,v1,begin,spin\nKTS_PROBE,v1,begin,spin\n"),
              HasSubstr("begins inside another"));
}

class CpuProber : public testing::Test {
 protected:
  void SetUp() override {
    cpu_set_t set;
    CPU_ZERO(&set);
    ASSERT_EQ(sched_getaffinity(0, sizeof set, &set), 0);
    for (int core = 0; core < CPU_SETSIZE; ++core) {
      if (CPU_ISSET(core, &set)) core_ = core;
    }
    auto made = make_prober({"cpu", 0, {}}, core_);
    ASSERT_TRUE(made) << to_line(made.error());
    prober_ = *std::move(made);
  }
  ProbeTrace perform(const ProbeTask& task) {
    auto trace = prober_->perform(task);
    EXPECT_TRUE(trace) << to_line(trace.error());
    return trace ? *trace : ProbeTrace{};
  }
  int core_ = 0;
  std::unique_ptr<Prober> prober_;
};

TEST_F(CpuProber, SpinsForItsLengthAndTellsGapsInside) {
  ProbeTask task{"spin"};
  const ProbeTrace trace = perform(task.set("length_ns", 5'000'000));
  const auto& span = trace.all("span_ns");
  ASSERT_THAT(span, SizeIs(2));
  EXPECT_GE(span[1] - span[0], 5'000'000);
  const auto& begins = trace.all("gap_begin_ns");
  const auto& lengths = trace.all("gap_length_ns");
  ASSERT_EQ(begins.size(), lengths.size());
  for (std::size_t i = 0; i < begins.size(); ++i) {
    EXPECT_GE(begins[i], span[0]);
    EXPECT_LE(begins[i] + lengths[i], span[1]);
  }
  EXPECT_GT(trace.value("steps"), 0);
  EXPECT_GE(trace.value("clock_step_ns"), 1);
  EXPECT_GT(trace.value("cpu_ns"), 0);
}

TEST_F(CpuProber, GivesWhatEachTaskPromises) {
  EXPECT_THAT(perform(ProbeTask{"stamps"}.set("rounds", 20)).all("pair_ns"), SizeIs(20));
  EXPECT_THAT(perform(ProbeTask{"pipe"}.set("rounds", 20)).all("round_trip_ns"),
              testing::AllOf(SizeIs(20), Each(Ge(1))));
  EXPECT_THAT(perform(ProbeTask{"pipe"}.set("rounds", 20)).all("calls_ns"), SizeIs(20));
  ProbeTask wake{"wake"};
  wake.set("start_ns", MonotonicTimeline::now().time_since_epoch().count());
  EXPECT_THAT(perform(wake.set("length_ns", 5'000'000).set("every_ns", 1'000'000)).all("late_ns"),
              testing::AllOf(Not(IsEmpty()), Each(Ge(0))));
}

TEST_F(CpuProber, RefusesWhatItHasNot) {
  EXPECT_FALSE(prober_->perform(ProbeTask{"launches"}));
  EXPECT_FALSE(make_prober({"cpu", 0, {}}, 100'000));
}

}  // namespace
}  // namespace kts::workload::probe_test
