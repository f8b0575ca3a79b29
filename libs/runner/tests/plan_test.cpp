// SPDX-License-Identifier: Apache-2.0
#include "kts/runner/plan.hpp"

#include <gtest/gtest.h>

#include <map>

namespace kts::runner::plan_test {
namespace {

scenario::Scenario agents(int count, int cycles) {
  scenario::Scenario scenario;
  scenario.plan.cycles = cycles;
  for (int i = 0; i < count; ++i) {
    scenario::AgentSpec agent;
    agent.name = std::string(1, static_cast<char>('a' + i));
    agent.workload = workload::complete("fft", {{"size", std::to_string(64 + i)}}).value();
    scenario.agents.push_back(agent);
  }
  return scenario;
}

// "a b S | S b a"; absent solo blocks in capitals after "-".
std::string order_of(const scenario::Scenario& scenario, bool ends_absent) {
  std::string text;
  int cycle = 0;
  for (const Block& block : plan_blocks(scenario, ends_absent)) {
    if (cycle != 0) text += block.cycle == cycle ? " " : " | ";
    cycle = block.cycle;
    if (block.phase == Phase::kShared) {
      text += "S";
    } else {
      text += (block.neighbours == Neighbours::kAbsent ? "-" : "") +
              scenario.agents[block.active.front()].name;
    }
  }
  return text;
}

TEST(Plan, CyclesAreMirroredInTurn) {
  EXPECT_EQ(order_of(agents(2, 3), false), "a b S | S b a | a b S");
  EXPECT_EQ(order_of(agents(3, 2), false), "a b c S | S c b a");
}

TEST(Plan, FirstAndLastSoloBlocksRunWithTheOthersAbsent) {
  EXPECT_EQ(order_of(agents(2, 4), true), "-a -b S | S b a | a b S | S -b -a");
  EXPECT_EQ(order_of(agents(2, 3), true), "-a -b S | S b a | S -b -a");
  EXPECT_EQ(order_of(agents(2, 1), true), "-a -b S");
}

TEST(Plan, TheStudysOrderIsEachAloneThenTogether) {
  scenario::Scenario study = agents(2, 1);
  study.plan.order = scenario::Order::kStudy;
  EXPECT_EQ(order_of(study, false), "a b S");
}

TEST(Plan, EachAgentIsParkedOnceACycleWhenOneIsLeftOut) {
  scenario::Scenario scenario = agents(3, 2);
  scenario.plan.leave_one_out = true;
  std::string text;
  for (const Block& block : plan_blocks(scenario, false)) {
    if (block.phase != Phase::kShared) continue;
    EXPECT_EQ(block.active.size() + block.parked.size(), 3U);
    text += block.parked.empty() ? "S" : scenario.agents[block.parked.front()].name;
  }
  EXPECT_EQ(text, "SabccbaS");
}

TEST(Plan, EqualAgentsShareOneBaseline) {
  scenario::Scenario scenario = agents(3, 2);
  scenario.agents[2].workload = scenario.agents[0].workload;
  EXPECT_EQ(order_of(scenario, false), "a b S | S b a");
}

TEST(Plan, ALoneAgentHasNobodyToParkAndNobodyToShareWith) {
  EXPECT_EQ(order_of(agents(1, 2), false), "-a | -a");
}

TEST(Plan, EveryAgentIsActiveOrParkedUnlessAbsent) {
  const auto blocks = plan_blocks(agents(3, 4), true);
  int index = 0;
  for (const Block& block : blocks) {
    EXPECT_EQ(block.index, ++index);
    EXPECT_EQ(block.alive().size(), block.neighbours == Neighbours::kAbsent ? 1U : 3U);
    EXPECT_EQ(block.active.size(), block.phase == Phase::kShared ? 3U : 1U);
  }
}

TEST(Plan, AgentsOfAChainAreMeasuredAloneTogether) {
  scenario::Scenario scenario = agents(3, 2);
  for (const std::size_t place : {0U, 2U}) {
    scenario.agents[place].arrival.process = workload::ArrivalProcess::kChain;
  }
  scenario::Chain& way = scenario.chains.emplace_back();
  way.name = "way";
  way.way = {{"c"}, {"a"}, {"c"}};
  EXPECT_EQ(order_of(scenario, false), "a b S | S b a");
  const auto blocks = plan_blocks(scenario, false);
  EXPECT_EQ(blocks[0].active, (std::vector<std::size_t>{0, 2}));
  EXPECT_EQ(blocks[0].parked, (std::vector<std::size_t>{1}));
  EXPECT_EQ(folder_name(blocks[0], scenario, 6), "01-solo-way");
  EXPECT_EQ(blocks[1].active, (std::vector<std::size_t>{1}));
  EXPECT_EQ(blocks[1].parked, (std::vector<std::size_t>{0, 2}));
  // Nobody else: nothing to share with.
  scenario.agents.erase(scenario.agents.begin() + 1);
  EXPECT_EQ(order_of(scenario, false), "-a | -a");
}

TEST(Plan, FolderNamesSortInTimeOrder) {
  const scenario::Scenario scenario = agents(2, 40);
  const auto blocks = plan_blocks(scenario, false);
  ASSERT_EQ(blocks.size(), 120U);
  std::string previous;
  for (const Block& block : blocks) {
    const std::string name = folder_name(block, scenario, blocks.size());
    EXPECT_LT(previous, name);
    previous = name;
  }
  EXPECT_EQ(folder_name(blocks[0], scenario, blocks.size()), "001-solo-a");
  EXPECT_EQ(folder_name(blocks[2], scenario, 30), "03-shared");
}

}  // namespace
}  // namespace kts::runner::plan_test
