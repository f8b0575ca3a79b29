// SPDX-License-Identifier: Apache-2.0
#include "kts/analysis/matrix.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "synthetic.hpp"

namespace kts::analysis::matrix_test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr int kBlocks = 8;
constexpr int kPerBlock = 400;

// A run of light, heavy and light-2, a copy of light. `wait_ms` is what light waits in a set.
class MatrixTest : public testing::Test {
 protected:
  MatrixTest() {
    for (const char* name : {"light", "heavy", "light-2"}) {
      AgentInfo info;
      info.name = name;
      data_.header.agents.push_back(info);
    }
    data_.baseline = {{"light", "light"}, {"heavy", "heavy"}, {"light-2", "light"}};
    for (const char* name : {"light", "heavy"}) {
      for (int b = 0; b < kBlocks; ++b) add({name}, name, Phase::kSolo, 0, kPerBlock);
    }
  }

  void add(const std::vector<std::string>& active, const std::string& agent, Phase phase,
           double wait_ms, int iterations, int number = -1) {
    AgentBlock block = open_block(agent, number < 0 ? number_++ : number, phase, 1000);
    block.active = active;
    for (int i = 0; i < iterations; ++i) {
      add_iteration(block, {0, 0.05 + wait_ms, random_.uniform(0.9, 1.1), 0.01});
    }
    data_.blocks.push_back(std::move(block));
  }
  void add_set(const std::vector<std::string>& active, double wait_ms, int iterations) {
    for (int b = 0; b < kBlocks; ++b) {
      const int number = number_++;
      for (const std::string& agent : active) {
        add(active, agent, Phase::kShared, wait_ms, iterations, number);
      }
    }
  }

  RunData data_;
  Random random_{11};
  int number_ = 0;
};

TEST_F(MatrixTest, EachSetIsJudgedByItsOwnBlocks) {
  add_set({"light", "heavy"}, 2, kPerBlock / 2);
  add_set({"light", "light-2"}, 0, kPerBlock);
  const Matrix matrix = contention(data_);
  ASSERT_EQ(matrix.sets.size(), 2U);

  const SetResult* beside_heavy = find_set(matrix, {"heavy", "light"});
  ASSERT_NE(beside_heavy, nullptr);
  EXPECT_EQ(beside_heavy->blocks, kBlocks);
  const MatrixCell* light = find_cell(*beside_heavy, "light");
  ASSERT_NE(light, nullptr);
  EXPECT_EQ(light->verdict, Verdict::kHurt);
  EXPECT_NEAR(*light->df.value, (1.16 + 2) / 1.16, 0.05);
  EXPECT_NEAR(*light->kept.value, 0.5, 1e-9);
  EXPECT_NEAR(*light->gpu_time_df.value, 1, 0.02);

  const SetResult* twins = find_set(matrix, {"light", "light"});
  ASSERT_NE(twins, nullptr);
  EXPECT_THAT(twins->agents, ElementsAre("light", "light"));
  ASSERT_EQ(twins->cells.size(), 1U);
  EXPECT_EQ(twins->cells[0].verdict, Verdict::kFree);
}

TEST_F(MatrixTest, CopiesArePooledAndKeptIsOfOne) {
  add_set({"light", "light-2"}, 0, kPerBlock / 2);
  const Matrix matrix = contention(data_);
  const MatrixCell& cell = matrix.sets.at(0).cells.at(0);
  EXPECT_EQ(cell.copies, 2);
  EXPECT_EQ(cell.n, static_cast<std::uint64_t>(kBlocks * kPerBlock));
  EXPECT_EQ(cell.blocks, kBlocks);
  EXPECT_NEAR(*cell.kept.value, 0.5, 1e-9);
  EXPECT_NEAR(*matrix.sets[0].kept_sum.value, 1, 1e-9);
}

TEST_F(MatrixTest, CopiesAreNoAgentsOfTheirOwn) {
  add_set({"light", "light-2"}, 0, kPerBlock);
  const Matrix matrix = contention(data_);
  ASSERT_EQ(matrix.header.agents.size(), 2U);
  ASSERT_EQ(matrix.alone.size(), 2U);
  EXPECT_EQ(matrix.alone[0].agent, "light");
  EXPECT_NEAR(*matrix.alone[0].rate_per_s.value, kPerBlock, 1e-9);
}

TEST_F(MatrixTest, ASetThatWasNeverSharedIsThereAndSaysWhy) {
  add_set({"light", "heavy"}, 0, kPerBlock);
  const auto leave_out = [this](std::vector<std::string> active, const std::string& why) {
    data_.not_shared.push_back({number_++, std::move(active), why});
  };
  leave_out({"light", "light-2"}, "a foreign process");
  leave_out({"light", "heavy"}, "a foreign process");
  leave_out({"light", "light-2"}, "no overlap");
  const Matrix matrix = contention(data_);
  ASSERT_EQ(matrix.sets.size(), 2U);

  const SetResult* twins = find_set(matrix, {"light", "light"});
  ASSERT_NE(twins, nullptr);
  EXPECT_EQ(twins->blocks, 0);
  EXPECT_EQ(twins->not_shared, 2);
  EXPECT_EQ(twins->why_not_shared, "no overlap");
  ASSERT_EQ(twins->cells.size(), 1U);
  EXPECT_EQ(twins->cells[0].why, "none of its 2 blocks was shared: no overlap");
  EXPECT_FALSE(twins->cells[0].df.value || twins->cells[0].kept.value || twins->kept_sum.value);

  const SetResult* pair = find_set(matrix, {"light", "heavy"});
  ASSERT_NE(pair, nullptr);
  EXPECT_EQ(pair->blocks, kBlocks);
  EXPECT_EQ(pair->not_shared, 1);
  EXPECT_EQ(pair->cells.at(0).why, "");
}

TEST_F(MatrixTest, SegmentsOfOneBlockCountAsOne) {
  for (AgentBlock& block : data_.blocks) {
    if (block.agent == "light") block.block = 1;
  }
  EXPECT_EQ(contention(data_).alone.at(0).blocks, 1);
}

TEST_F(MatrixTest, AnAgentOfFewIterationsIsJudgedAtALowerQuantile) {
  data_.blocks.clear();
  for (int b = 0; b < kBlocks; ++b) add({"heavy"}, "heavy", Phase::kSolo, 0, 20);
  add_set({"heavy", "light"}, 1, 20);
  const Matrix matrix = contention(data_);
  const MatrixCell* heavy = find_cell(matrix.sets.at(0), "heavy");
  ASSERT_NE(heavy, nullptr);
  EXPECT_LT(heavy->quantile, 0.99);
  EXPECT_TRUE(heavy->df.ci_low && heavy->df.ci_high);
  // A verdict is of p99 alone.
  EXPECT_EQ(heavy->verdict, Verdict::kCannotConclude);
}

// Eight blocks of these many each. The floors of stats::upper_bound_floor are 72, 36, 13 and 6; a
// bound also takes samples above the quantile.
TEST_F(MatrixTest, TheHighestQuantileThatTheSamplesSupportStandsIn) {
  for (const auto& [per_block, quantile] : {std::pair(20, 0.95), {10, 0.9}, {5, 0.75}, {1, 0.5}}) {
    data_.blocks.clear();
    for (int b = 0; b < kBlocks; ++b) add({"heavy"}, "heavy", Phase::kSolo, 0, per_block);
    add_set({"heavy", "light"}, 1, per_block);
    const Matrix matrix = contention(data_);
    const MatrixCell* heavy = find_cell(matrix.sets.at(0), "heavy");
    ASSERT_NE(heavy, nullptr);
    EXPECT_EQ(heavy->quantile, quantile) << heavy->n;
    EXPECT_TRUE(heavy->df.ci_low && heavy->df.ci_high) << heavy->n;
    if (per_block == 1) continue;
    EXPECT_TRUE(heavy->p75.value && heavy->p90.value && matrix.alone.at(0).p90.value);
  }
}

// What one gains another loses: each alone is uncertain, their sum isn't.
TEST_F(MatrixTest, TheSumOfKeptHasTheIntervalOfTheSum) {
  for (int b = 0; b < kBlocks; ++b) {
    const int number = number_++;
    const int more = b % 2 == 0 ? 60 : -60;
    add({"light", "heavy"}, "light", Phase::kShared, 0, 200 + more, number);
    add({"light", "heavy"}, "heavy", Phase::kShared, 0, 200 - more, number);
  }
  Matrix matrix = contention(data_);
  const Estimate& sum = matrix.sets.at(0).kept_sum;
  EXPECT_NEAR(*sum.value, 1, 1e-9);
  EXPECT_NEAR(*sum.ci_low, 1, 1e-9);
  EXPECT_NEAR(*sum.ci_high, 1, 1e-9);
  const Estimate& kept = matrix.sets[0].cells.at(0).kept;
  EXPECT_GT(*kept.ci_high - *kept.ci_low, 0.1);

  // A baseline's doubt is the sum's.
  for (AgentBlock& block : data_.blocks) {
    if (block.phase == Phase::kSolo && block.agent == "light") {
      block.completed_in_window += block.block % 2 == 0 ? 80 : 0;
      block.completed_in_window -= block.block % 2 == 0 ? 0 : 80;
    }
  }
  matrix = contention(data_);
  // Of eight rates of 400 ± 80 the mean is known to 71.5 (t(7) 2.3646, s 85.5); half of it counts.
  EXPECT_NEAR(*matrix.sets.at(0).kept_sum.ci_low, 1 - 0.5 * (1 - 400 / 471.5), 1e-3);
  EXPECT_NEAR(*matrix.sets[0].kept_sum.ci_high, 1 + 0.5 * (400 / 328.5 - 1), 1e-3);
}

TEST_F(MatrixTest, SmallerSetsComeFirst) {
  add_set({"light", "heavy", "light-2"}, 1, 50);
  add_set({"light", "heavy"}, 1, 50);
  const Matrix matrix = contention(data_);
  ASSERT_EQ(matrix.sets.size(), 2U);
  EXPECT_EQ(matrix.sets[0].agents.size(), 2U);
  EXPECT_EQ(matrix.sets[1].agents.size(), 3U);
}

TEST_F(MatrixTest, TheLargestSetIsTheOneThatHoldsMostMemory) {
  add_set({"light", "heavy"}, 1, 50);
  add_set({"light", "light-2"}, 1, 50);
  EXPECT_FALSE(contention(data_).largest);
  MemoryUse memory;
  memory.device = 100;
  for (const auto& [name, bytes] : {std::pair("light", 5), {"heavy", 40}, {"light-2", 5}}) {
    AgentMemory agent;
    agent.agent = name;
    agent.predicted = static_cast<std::uint64_t>(bytes);
    memory.agents.push_back(agent);
  }
  data_.header.memory = memory;
  const Matrix matrix = contention(data_);
  ASSERT_TRUE(matrix.largest);
  EXPECT_THAT(matrix.largest->agents, ElementsAre("light", "heavy"));
  EXPECT_EQ(matrix.largest->predicted, 45U);
  EXPECT_DOUBLE_EQ(*matrix.largest->share, 0.45);
  data_.header.memory->agents[1].predicted.reset();
  EXPECT_FALSE(contention(data_).largest);
}

TEST_F(MatrixTest, FailsToConcludeOnlyWhenNothingCanBeSaidOfTheAgentThatMatters) {
  const Matrix empty = contention(data_);
  EXPECT_EQ(exit_code(empty), 5);
  EXPECT_THAT(empty.header.inconclusive,
              ElementsAre("light has no verdict on its p99 latency in any set"));
  add_set({"light", "heavy"}, 2, kPerBlock);
  EXPECT_EQ(exit_code(contention(data_)), 0);
  // heavy has an objective, and too few iterations for a verdict.
  data_.header.agents[1].slo_quantile = 0.99;
  data_.header.agents[1].slo_latency_ms = 100;
  for (AgentBlock& block : data_.blocks) {
    if (block.agent == "heavy")
      block.latency = block.backlog = block.gpu_wait = block.gpu_time = {};
  }
  EXPECT_EQ(exit_code(contention(data_)), 5);
}

TEST_F(MatrixTest, WhatIsOpenSaysThatLowerQuantilesHaveNoVerdict) {
  // Enough for the median, in five blocks, and not for p99.
  add_set({"light", "heavy"}, 2, 10);
  const Matrix matrix = contention(data_);
  const MatrixCell* light = find_cell(matrix.sets.front(), "light");
  ASSERT_LT(light->quantile, 0.99);
  EXPECT_EQ(exit_code(matrix), 5);
  EXPECT_THAT(matrix.open, ElementsAre("light has no verdict on its p99 latency in any set; DFs of "
                                       "a lower quantile are given without one"));
  EXPECT_EQ(matrix.header.inconclusive, matrix.open);
}

TEST_F(MatrixTest, DamagedBlocksAreWhyItEndsInconclusive) {
  add_set({"light", "heavy"}, 2, kPerBlock);
  data_.damage =
      data_.header.inconclusive = {"1 of 3 blocks is damaged and left out: blocks/03-shared"};
  const Matrix matrix = contention(data_);
  EXPECT_EQ(exit_code(matrix), 5);
  EXPECT_THAT(matrix.open, IsEmpty());
  EXPECT_EQ(matrix.damage, data_.damage);
  EXPECT_EQ(matrix.header.inconclusive, data_.damage);
}

}  // namespace
}  // namespace kts::analysis::matrix_test
