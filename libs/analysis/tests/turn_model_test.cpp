// SPDX-License-Identifier: Apache-2.0
#include "kts/analysis/turn_model.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace kts::analysis::turn_model_test {
namespace {

constexpr double kSlice = 2.0;
constexpr double kSwitch = 0.15;
constexpr double kForEver = 1e6;

TurnAgent open_agent(std::vector<double> due, double service, double launch = 0) {
  TurnAgent agent;
  for (const double at : due) agent.work.push_back({at, 0, launch, service, 0});
  return agent;
}

TurnAgent saturating(std::size_t iterations, double service) {
  TurnAgent agent;
  agent.closed = true;
  agent.work.assign(iterations, {0, 0, 0, service, 0});
  return agent;
}

TEST(TurnModel, AloneNobodyWaitsAndNothingIsSwitched) {
  const auto done = take_turns({kSlice, kSwitch}, {open_agent({0, 10}, 5, 0.1)}, kForEver);
  ASSERT_EQ(done[0].size(), 2U);
  EXPECT_DOUBLE_EQ(done[0][0].start_ms, 0.1);
  EXPECT_DOUBLE_EQ(done[0][0].end_ms, 5.1);
  EXPECT_DOUBLE_EQ(done[0][1].start_ms, 10.1);
}

// The gap of a context that always wants the device beside k - 1 others.
TEST(TurnModel, GapIsTheOthersSlicesAndASwitchBeforeEachTurn) {
  for (const int k : {2, 4, 8}) {
    std::vector<TurnAgent> agents(static_cast<std::size_t>(k), saturating(1, 100));
    const auto done = take_turns({kSlice, kSwitch}, agents, kForEver);
    const double gap = (k - 1) * kSlice + k * kSwitch;
    // 100 ms of work are fifty slices with 49 gaps between them.
    EXPECT_NEAR(done[0][0].end_ms - done[0][0].start_ms, 100 + 49 * gap, 1e-6) << k;
  }
}

TEST(TurnModel, WhoArrivesInASliceWaitsForItsEndAndASwitch) {
  const auto done =
      take_turns({kSlice, kSwitch}, {saturating(1, 50), open_agent({0.5}, 0.2)}, kForEver);
  EXPECT_NEAR(done[1][0].start_ms, kSlice + kSwitch, 1e-9);
  EXPECT_NEAR(done[1][0].end_ms, kSlice + kSwitch + 0.2, 1e-9);
  // It gives the rest of its slice up.
  EXPECT_NEAR(done[0][0].end_ms, 50 + 0.2 + 2 * kSwitch, 1e-9);
}

TEST(TurnModel, ATurnThatIsNotGivenUpLastsItsSlice) {
  TurnRules rules{kSlice, kSwitch};
  rules.work_conserving = false;
  const auto done = take_turns(rules, {saturating(1, 50), open_agent({0.5}, 0.2)}, kForEver);
  EXPECT_NEAR(done[0][0].end_ms, 50 + kSlice + 2 * kSwitch, 1e-9);
}

TEST(TurnModel, AnIdleTurnIsGivenUpAfterTheHold) {
  TurnRules rules{kSlice, kSwitch};
  rules.idle_hold_ms = 0.3;
  const auto done = take_turns(rules, {saturating(1, 50), open_agent({0.5}, 0.2)}, kForEver);
  EXPECT_NEAR(done[0][0].end_ms, 50 + 0.2 + 0.3 + 2 * kSwitch, 1e-9);
}

TEST(TurnModel, RequestsOfOneAgentQueue) {
  const auto done = take_turns({kSlice, kSwitch}, {open_agent({0, 0.1, 0.2}, 1)}, kForEver);
  EXPECT_DOUBLE_EQ(done[0][2].submit_ms, 2);
  EXPECT_DOUBLE_EQ(done[0][2].due_ms, 0.2);
  EXPECT_DOUBLE_EQ(done[0][2].done_ms, 3);
}

TEST(TurnModel, ABatchIsEnqueuedAtOnce) {
  TurnAgent agent = saturating(4, 1);
  agent.in_flight = 4;
  const auto done = take_turns({kSlice, kSwitch}, {agent}, kForEver);
  EXPECT_DOUBLE_EQ(done[0][3].submit_ms, 0);
  EXPECT_DOUBLE_EQ(done[0][3].start_ms, 3);
}

TEST(TurnModel, WorkIsNeitherLostNorInvented) {
  std::vector<TurnAgent> agents{saturating(20, 2.7), open_agent({1, 2, 3, 30, 31}, 0.4),
                                saturating(15, 0.3)};
  const auto done = take_turns({kSlice, kSwitch}, agents, kForEver);
  double work = 0;
  double end = 0;
  for (std::size_t a = 0; a < agents.size(); ++a) {
    ASSERT_EQ(done[a].size(), agents[a].work.size());
    for (std::size_t i = 0; i < done[a].size(); ++i) {
      work += agents[a].work[i].service_ms;
      end = std::max(end, done[a][i].end_ms);
      EXPECT_GE(done[a][i].end_ms - done[a][i].start_ms, agents[a].work[i].service_ms - 1e-9);
    }
  }
  EXPECT_GE(end, work);
}

TEST(TurnModel, NoAgentsNoTurns) { EXPECT_TRUE(take_turns({kSlice, kSwitch}, {}, 10).empty()); }

}  // namespace
}  // namespace kts::analysis::turn_model_test
