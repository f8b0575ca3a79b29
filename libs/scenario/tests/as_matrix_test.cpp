// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kts/scenario/scenario.hpp"

namespace kts::scenario::as_matrix_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kAgents = R"(
agents:
  - {name: a, workload: {kind: fft, size: 8}, arrival: {process: poisson, rate: 10}}
  - {name: b, workload: {kind: gemm, size: 8}, arrival: {process: saturate}}
)";

Result<Scenario> parsed(const std::string& plan) {
  return parse("schema: kts.scenario/1\nname: m\n" + plan + kAgents, "m.yaml");
}

std::vector<std::string> names(const Scenario& scenario) {
  std::vector<std::string> out;
  for (const AgentSpec& agent : scenario.agents) out.push_back(agent.name);
  return out;
}

TEST(AsMatrix, MakesAllMultisetsUpToTheSlots) {
  const auto matrix = as_matrix(*parsed(""), 3);
  ASSERT_TRUE(matrix) << matrix.error().message;
  EXPECT_EQ(matrix->plan.order, Order::kMatrix);
  EXPECT_THAT(names(*matrix), ElementsAre("a", "b", "a-2", "b-2", "a-3", "b-3"));
  EXPECT_THAT(matrix->plan.sets,
              ElementsAre(ElementsAre("a", "a-2"), ElementsAre("a", "b"), ElementsAre("b", "b-2"),
                          ElementsAre("a", "a-2", "a-3"), ElementsAre("a", "a-2", "b"),
                          ElementsAre("a", "b", "b-2"), ElementsAre("b", "b-2", "b-3")));
}

TEST(AsMatrix, CopiesDifferInNameAndSeedAlone) {
  const auto matrix = as_matrix(*parsed(""), 2);
  const AgentSpec& original = matrix->agents[0];
  const AgentSpec& copy = matrix->agents[2];
  EXPECT_TRUE(same_baseline(original, copy));
  EXPECT_NE(original.seed, copy.seed);
}

TEST(AsMatrix, KeepsTheSetsThatAScenarioLists) {
  const auto matrix = as_matrix(*parsed("plan: {order: matrix, sets: [[a, b, b], [b, a]]}"), 2);
  ASSERT_TRUE(matrix) << matrix.error().message;
  EXPECT_THAT(matrix->plan.sets, ElementsAre(ElementsAre("a", "b", "b-2"), ElementsAre("b", "a")));
}

TEST(AsMatrix, WithTheOthersAbsentNoMoreThanASetIsThereAtOnce) {
  auto matrix = as_matrix(*parsed(""), 3).value();
  EXPECT_EQ(most_alive(matrix), 6U);
  matrix.plan.others_absent = true;
  EXPECT_EQ(most_alive(matrix), 3U);
  const auto again = parse(to_yaml(matrix), "scenario.yaml");
  ASSERT_TRUE(again) << to_line(again.error());
  EXPECT_EQ(*again, matrix);
}

TEST(AsMatrix, OthersAreOfAMatrixAlone) {
  const auto refused = parsed("plan: {others: absent}");
  ASSERT_FALSE(refused);
  EXPECT_THAT(to_line(refused.error()), HasSubstr("order: matrix"));
  EXPECT_FALSE(parsed("plan: {order: matrix, others: gone}"));
}

TEST(AsMatrix, WhatItMadeReadsBackAsItself) {
  const auto matrix = as_matrix(*parsed(""), 3);
  const auto again = parse(to_yaml(*matrix), "scenario.yaml");
  ASSERT_TRUE(again) << to_line(again.error());
  EXPECT_EQ(*again, *matrix);
  EXPECT_EQ(*as_matrix(*again, 2), *matrix);
}

TEST(AsMatrix, ACopyGetsAFreeName) {
  Scenario scenario = *parsed("");
  scenario.agents[1].name = "a-2";
  const auto matrix = as_matrix(scenario, 2);
  EXPECT_THAT(names(*matrix), ElementsAre("a", "a-2", "a-2-copy", "a-2-2"));
}

TEST(AsMatrix, TooManyAgentsOrSetsAreRefused) {
  std::string wide = "plan: {order: matrix, sets: [[a";
  for (int i = 0; i < 62; ++i) wide += ", a";
  EXPECT_THAT(as_matrix(*parsed(wide + "], [b, b, b]]}"), 2).error().message,
              HasSubstr("more than 64 agents"));
  Scenario many = *parsed("");
  for (int i = 0; i < 60; ++i) {
    many.agents.push_back(many.agents[0]);
    many.agents.back().name = "x" + std::to_string(i);
  }
  EXPECT_THAT(as_matrix(many, 3).error().message, HasSubstr("more than 500 sets"));
}

TEST(Sets, UnknownAgentIsNamedWithTheNearest) {
  const auto scenario = parsed("plan: {order: matrix, sets: [[a, b], [a, bb]]}");
  ASSERT_FALSE(scenario);
  EXPECT_THAT(to_line(scenario.error()), HasSubstr("no agent is called 'bb'"));
}

TEST(Sets, NeedTheOrderAndTwoAgents) {
  EXPECT_THAT(to_line(parsed("plan: {sets: [[a, b]]}").error()), HasSubstr("order: matrix"));
  EXPECT_THAT(to_line(parsed("plan: {order: matrix, sets: [[a]]}").error()),
              HasSubstr("a set of 1"));
}

}  // namespace
}  // namespace kts::scenario::as_matrix_test
