// SPDX-License-Identifier: Apache-2.0
#include "kts/runner/matrix_blocks.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

namespace kts::runner::matrix_blocks_test {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::size_t kTooMany = 500;

scenario::Scenario two_agents(int cycles) {
  auto scenario = scenario::parse(
      "schema: kts.scenario/1\nname: m\nplan: {cycles: " + std::to_string(cycles) + R"(}
agents:
  - {name: a, workload: {kind: fft, size: 8}, arrival: {process: poisson, rate: 10}}
  - {name: b, workload: {kind: gemm, size: 8}, arrival: {process: saturate}}
)",
      "m.yaml");
  return scenario::as_matrix(*std::move(scenario), 2).value();
}

// A run that measures what it is told to, with intervals as wide as a set's `width`.
class FakeRun {
 public:
  explicit FakeRun(scenario::Scenario scenario) : scenario_(std::move(scenario)) {}

  MatrixBlocks blocks(MatrixBlocks::Options options = {}) {
    options.now = [this] { return MonotonicTime(now_); };
    options.warn = [this](const std::string& text) { warnings_.push_back(text); };
    return {scenario_, std::move(options), [this] { return measured(); }};
  }
  // Runs them all, as far as it isn't without end.
  std::vector<Block> run(MatrixBlocks& source) {
    std::vector<Block> done;
    while (done.size() < kTooMany) {
      auto block = source.next();
      EXPECT_TRUE(block);
      if (!block || !*block) return done;
      done.push_back(**block);
      std::vector<std::string> names;
      for (const std::size_t agent : (*block)->active) {
        names.push_back(scenario_.agents[agent].name.substr(0, 1));
      }
      ++(spoilt_.contains(names) ? lost_ : count_)[names];
      now_ += 1s;
    }
    return done;
  }

  Result<analysis::Matrix> measured() const {
    const auto around = [](double width) {
      return analysis::Estimate{1, std::exp(-width), std::exp(width)};
    };
    analysis::Matrix matrix;
    for (const auto& [names, blocks] : count_) {
      const auto known = width_.find(names);
      const double width = known == width_.end() ? 0.01 : known->second;
      if (names.size() == 1) {
        analysis::AloneResult alone;
        alone.agent = names[0];
        alone.blocks = blocks;
        alone.p99 = around(width);
        matrix.alone.push_back(alone);
      } else {
        analysis::MatrixCell cell;
        cell.agent = names[0];
        cell.df = around(width);
        matrix.sets.push_back({names, blocks, {cell}, {}});
      }
    }
    for (const auto& [names, blocks] : lost_) {
      if (names.size() == 1) continue;
      if (find_set(matrix, names) == nullptr) matrix.sets.push_back({names, 0, {}, {}});
      for (analysis::SetResult& set : matrix.sets) {
        if (set.agents != names) continue;
        set.not_shared = blocks;
        set.why_not_shared = "somebody else was there";
      }
    }
    return matrix;
  }

  scenario::Scenario scenario_;
  std::map<std::vector<std::string>, int> count_;
  std::map<std::vector<std::string>, double> width_;
  std::set<std::vector<std::string>> spoilt_;  // whose blocks don't count
  std::map<std::vector<std::string>, int> lost_;
  std::vector<std::string> warnings_;
  Nanoseconds now_{0};
};

TEST(MatrixBlocks, EverySetComesOnceARoundAndEveryOtherRoundIsReversed) {
  FakeRun run(two_agents(4));
  MatrixBlocks source = run.blocks();
  const std::vector<Block> done = run.run(source);
  ASSERT_EQ(done.size(), 4U * 7);  // a, a, b, b, aa, ab, bb
  for (const auto& [names, blocks] : run.count_) EXPECT_EQ(blocks, names.size() == 1 ? 8 : 4);
  for (std::size_t i = 0; i < 7; ++i) EXPECT_EQ(done[i].active, done[13 - i].active);
  for (std::size_t i = 0; i < done.size(); ++i) EXPECT_EQ(done[i].index, static_cast<int>(i) + 1);
  EXPECT_EQ(source.ending(), "all have 4 blocks");
}

TEST(MatrixBlocks, WhatIsToComeIsAllRoundsOrTheTimeThatIsLeft) {
  FakeRun run(two_agents(4));
  MatrixBlocks source = run.blocks();
  ASSERT_TRUE(source.next().value());
  EXPECT_EQ(source.ahead().size(), 6U);
  EXPECT_EQ(source.to_come().times, 3);
  EXPECT_EQ(source.to_come().blocks.size(), 7U);
  EXPECT_FALSE(source.deadline());
  run.run(source);
  EXPECT_EQ(source.to_come().times, 0);

  MatrixBlocks::Options limited;
  limited.deadline = MonotonicTime(100s);
  FakeRun other(two_agents(4));
  MatrixBlocks timed = other.blocks(std::move(limited));
  ASSERT_TRUE(timed.next().value());
  EXPECT_EQ(timed.to_come().times, 0);
  EXPECT_EQ(timed.deadline(), MonotonicTime(100s));
}

TEST(MatrixBlocks, OthersAreParked) {
  FakeRun run(two_agents(1));
  MatrixBlocks source = run.blocks();
  for (const Block& block : run.run(source)) {
    EXPECT_EQ(block.active.size() + block.parked.size(), 4U);
    EXPECT_EQ(block.phase, block.active.size() == 1 ? Phase::kSolo : Phase::kShared);
  }
}

TEST(MatrixBlocks, OrAbsentWhenAskedTo) {
  FakeRun run(two_agents(1));
  MatrixBlocks source = run.blocks({.others_absent = true});
  for (const Block& block : run.run(source)) EXPECT_THAT(block.parked, IsEmpty());
}

TEST(MatrixBlocks, OnAGpuTheFirstSoloBlocksRunAbsent) {
  FakeRun run(two_agents(2));
  MatrixBlocks source = run.blocks({.first_solo_absent = true});
  const std::vector<Block> done = run.run(source);
  for (std::size_t i = 0; i < done.size(); ++i) {
    if (done[i].phase != Phase::kSolo) continue;
    EXPECT_EQ(done[i].neighbours, i < 2 ? Neighbours::kAbsent : Neighbours::kParked) << i;
  }
}

TEST(MatrixBlocks, TheBudgetGoesWhereIntervalsAreWide) {
  FakeRun run(two_agents(10));
  run.width_[{"a", "b"}] = 0.4;
  MatrixBlocks source = run.blocks({.deadline = MonotonicTime(60s)});
  run.run(source);
  EXPECT_EQ((run.count_[{"b", "b"}]), 5);
  // With each of them its agents alone, so that drift meets both: (60 - 35) / 3 rounds.
  EXPECT_NEAR((run.count_[{"a", "b"}]), 5 + 8, 1);
  EXPECT_NEAR((run.count_[{"a"}]), 10 + 8, 1);
  EXPECT_EQ(source.ending(), "the time is up");
}

TEST(MatrixBlocks, EndsBeforeTheDeadlineWhenAllIsSettled) {
  FakeRun run(two_agents(10));
  MatrixBlocks source = run.blocks({.deadline = MonotonicTime(1h)});
  EXPECT_EQ(run.run(source).size(), 35U);
  EXPECT_EQ(source.ending(), "nothing is left to settle");
}

TEST(MatrixBlocks, ASetWhoseBlocksDoNotCountIsGivenUpAndTheOthersGoOn) {
  FakeRun run(two_agents(4));
  run.spoilt_ = {{"a", "b"}};
  MatrixBlocks source = run.blocks();
  EXPECT_EQ(run.run(source).size(), 4U * 6 + 3);
  EXPECT_EQ((run.lost_[{"a", "b"}]), 3);
  EXPECT_EQ((run.count_[{"b", "b"}]), 4);
  EXPECT_THAT(run.warnings_, ElementsAre("a + b is given up, since 3 blocks in a row don't count: "
                                         "somebody else was there"));
  EXPECT_EQ(source.ending(), "all others have 4 blocks");
}

TEST(MatrixBlocks, NoBudgetGoesIntoBlocksThatDoNotCount) {
  FakeRun run(two_agents(10));
  run.spoilt_ = {{"a", "b"}};
  run.width_[{"b", "b"}] = 0.4;
  MatrixBlocks source = run.blocks({.deadline = MonotonicTime(60s)});
  run.run(source);
  EXPECT_EQ((run.lost_[{"a", "b"}]), 3);
  // All that the five of each leave: with its agent alone.
  EXPECT_NEAR((run.count_[{"b", "b"}]), 5 + (60 - 33) / 2, 1);
  EXPECT_EQ(source.ending(), "the time is up");
}

TEST(MatrixBlocks, NorIntoWhatRestsOnAnAgentThatHasNoneAlone) {
  FakeRun run(two_agents(10));
  run.spoilt_ = {{"a"}};
  for (const char* other : {"a", "b"}) run.width_[{"a", other}] = 0.4;
  MatrixBlocks source = run.blocks({.deadline = MonotonicTime(1h)});
  run.run(source);
  EXPECT_EQ((run.count_[{"a", "b"}]), stats::kMinBlocks);
  EXPECT_THAT(run.warnings_, ElementsAre("a alone is given up, since 4 blocks in a row don't "
                                         "count: it has no samples"));
  EXPECT_EQ(source.ending(), "nothing is left to settle");
}

TEST(MatrixBlocks, WhatCountsAgainAfterABadBlockGoesOn) {
  FakeRun run(two_agents(4));
  run.spoilt_ = {{"a", "b"}};
  MatrixBlocks source = run.blocks();
  int bad = 0;
  while (const auto block = source.next().value()) {
    std::vector<std::string> names;
    for (const std::size_t agent : block->active) {
      names.push_back(run.scenario_.agents[agent].name.substr(0, 1));
    }
    // Two of three don't count.
    const bool counts = names != std::vector<std::string>{"a", "b"} || ++bad % 3 == 0;
    ++(counts ? run.count_ : run.lost_)[names];
  }
  EXPECT_EQ((run.count_[{"a", "b"}]), 4);
  EXPECT_THAT(run.warnings_, IsEmpty());
}

TEST(MatrixBlocks, EndsWhenNothingCounts) {
  FakeRun run(two_agents(4));
  run.spoilt_ = {{"a"}, {"b"}, {"a", "a"}, {"a", "b"}, {"b", "b"}};
  MatrixBlocks source = run.blocks();
  EXPECT_LT(run.run(source).size(), kTooMany);
  EXPECT_EQ(source.ending(), "nothing is left that has blocks which count");
}

TEST(MatrixBlocks, ContinuesWhereAnEarlierRunEnded) {
  FakeRun run(two_agents(3));
  MatrixBlocks first = run.blocks({.deadline = MonotonicTime(7s)});
  EXPECT_EQ(run.run(first).size(), 7U);
  MatrixBlocks second = run.blocks({.first_block = 8});
  const std::vector<Block> done = run.run(second);
  EXPECT_EQ(done.front().index, 8);
  for (const auto& [names, blocks] : run.count_) {
    EXPECT_GE(blocks, names.size() == 1 ? 6 : 3);
    EXPECT_LE(blocks, names.size() == 1 ? 7 : 3);
  }
}

}  // namespace
}  // namespace kts::runner::matrix_blocks_test
