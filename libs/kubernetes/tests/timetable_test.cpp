// SPDX-License-Identifier: Apache-2.0
#include "kts/kubernetes/timetable.hpp"

#include <gtest/gtest.h>

#include "kts/scenario/built_in.hpp"

namespace kts::kubernetes::timetable_test {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

TEST(Timetable, IsAPlanThatPodsTake) {
  const auto scenario = scenario::load_built_in("study", "cuda").value();
  const Timetable timetable(scenario, true, {{1ms, 5ms}, 3s, {0, 0}});
  pod::Plan plan;
  plan.epoch_offset_ns = 1;
  const runner::Block* previous = nullptr;
  const auto blocks = runner::plan_blocks(scenario, true);
  std::int64_t after = 1'000'000'000;
  for (const runner::Block& block : blocks) {
    plan.blocks.push_back(
        timetable.place(block, static_cast<int>(plan.blocks.size()) + 1, previous, after, 0));
    after = pod::end_ns(plan.blocks.back());
    previous = &block;
  }
  const auto read = pod::parse_plan(to_json(plan));
  ASSERT_TRUE(read) << to_line(read.error());
  EXPECT_EQ(*read, plan);
}

TEST(Timetable, ABlockHoldsThirtyIterations) {
  const auto scenario = scenario::load_built_in("study", "cpu").value();
  const Timetable timetable(scenario, false, {{1ms, 100ms}, 0s, {0, 0}});
  const auto blocks = runner::plan_blocks(scenario, false);
  EXPECT_EQ(timetable.length_of(blocks[0]), scenario.plan.block);
  EXPECT_EQ(timetable.length_of(blocks[1]), 3s);
}

TEST(Timetable, ARepeatHasMoreRoom) {
  const auto scenario = scenario::load_built_in("study", "cpu").value();
  const Timetable timetable(scenario, false, {{1ms, 1ms}, 0s, {0, 0}});
  const auto block = runner::plan_blocks(scenario, false)[2];
  const pod::Block first = timetable.place(block, 1, &block, 0, 0);
  const pod::Block again = timetable.place(block, 2, &block, 0, 1);
  EXPECT_EQ(again.slot_ns, 2 * first.slot_ns);
  EXPECT_EQ(again.calibrate_ns, 2 * first.calibrate_ns);
  EXPECT_EQ(again.stop_ns - again.start_ns, first.stop_ns - first.start_ns);
}

TEST(Timetable, AWorkerThatWasAbsentHasTimeToStart) {
  const auto scenario = scenario::load_built_in("study", "cuda").value();
  const Timetable timetable(scenario, true, {{1ms, 1ms}, 4s, {0, 0}});
  const auto blocks = runner::plan_blocks(scenario, true);
  ASSERT_EQ(blocks[0].neighbours, runner::Neighbours::kAbsent);
  EXPECT_GE(timetable.place(blocks[1], 2, &blocks[0], 0, 0).calibrate_ns, Nanoseconds(6s).count());
}

// Two looks at the GPU's clock, 2 s apart, the first when the worker was ready.
TEST(Timetable, TheFirstBlockWaitsForTheClocksOfThoseWhoAreThere) {
  const auto scenario = scenario::load_built_in("study", "cuda").value();
  const std::int64_t second = Nanoseconds(1s).count();
  const Timetable timetable(scenario, true, {{1ms, 1ms}, 4s, {10 * second, 30 * second}});
  const auto blocks = runner::plan_blocks(scenario, true);
  ASSERT_EQ(blocks[0].alive(), std::vector<std::size_t>{0});
  const auto begins = [&](std::int64_t not_before) {
    return timetable.place(blocks[0], 1, nullptr, not_before, 0).calibrate_ns;
  };
  EXPECT_GE(begins(10 * second), 12 * second);
  EXPECT_LT(begins(10 * second), 13 * second);
  EXPECT_EQ(begins(20 * second), 20 * second);
}

}  // namespace
}  // namespace kts::kubernetes::timetable_test
