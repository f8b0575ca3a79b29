// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "kts/scenario/built_in.hpp"
#include "kts/scenario/scenario.hpp"

namespace kts::scenario::chains_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string with_chains(const std::string& chains, const std::string& guard = "chain}") {
  return "schema: kts.scenario/1\nname: s\nagents:\n"
         "  - name: router\n    workload: {kind: fft, size: 64}\n    arrival: {process: chain}\n"
         "  - name: batch\n    workload: {kind: gemm, size: 64}\n    arrival: {process: saturate}\n"
         "  - name: guard\n    workload: {kind: fft, size: 64}\n    arrival: {process: " +
         guard + "\n" + chains;
}
std::string why(const std::string& yaml) {
  const auto scenario = parse(yaml, "s.yaml");
  return scenario ? "" : to_line(scenario.error());
}

constexpr const char* kAnswer =
    "chains:\n  - name: answer\n    arrival: {process: poisson, rate: 5}\n"
    "    steps: [router, guard, router]\n";

TEST(Chains, AreReadAndWrittenBack) {
  const std::string slo = std::string(kAnswer) + "    slo: {quantile: 0.95, latency: 20ms}\n";
  const Scenario scenario = parse(with_chains(slo), "s.yaml").value();
  ASSERT_EQ(scenario.chains.size(), 1U);
  const Chain& chain = scenario.chains[0];
  EXPECT_EQ(chain.name, "answer");
  EXPECT_EQ(chain.arrival.rate_per_s, 5);
  EXPECT_THAT(steps_of(chain), ElementsAre(ChainStep{"router", {}}, ChainStep{"guard", {0}},
                                           ChainStep{"router", {1}}));
  EXPECT_THAT(forks_of(chain), testing::IsEmpty());
  EXPECT_EQ(describe_way(chain), "router → guard → router");
  EXPECT_EQ(chain.slo->quantile, 0.95);
  EXPECT_NE(chain.seed, 0U);
  EXPECT_EQ(parse(to_yaml(scenario), "again").value(), scenario);
}

Scenario with_way(const std::string& steps) {
  std::string yaml = kAnswer;
  yaml.replace(yaml.find("[router"), std::string::npos, steps + "\n");
  return parse(with_chains(yaml), "s.yaml").value();
}

TEST(Chains, ForksJoinBeforeTheNextStep) {
  const Scenario scenario = with_way("[router, [guard, [router, guard]], [guard, guard], router]");
  const Chain& chain = scenario.chains.at(0);
  EXPECT_THAT(steps_of(chain), ElementsAre(ChainStep{"router", {}}, ChainStep{"guard", {0}},
                                           ChainStep{"router", {0}}, ChainStep{"guard", {2}},
                                           ChainStep{"guard", {1, 3}}, ChainStep{"guard", {1, 3}},
                                           ChainStep{"router", {4, 5}}));
  EXPECT_EQ(describe_way(chain), "router → (guard | router → guard) → (guard | guard) → router");
  EXPECT_THAT(to_yaml(scenario),
              HasSubstr("steps: [router, [guard, [router, guard]], [guard, guard], router]\n"));
  EXPECT_EQ(parse(to_yaml(scenario), "again").value(), scenario);
  const std::vector<ChainFork> forks = forks_of(chain);
  ASSERT_EQ(forks.size(), 2U);
  EXPECT_EQ(forks[0].branches.at(1).words, "router → guard");
  EXPECT_THAT(forks[0].branches.at(1).heads, ElementsAre(2));
  EXPECT_THAT(forks[1].branches.at(0).heads, ElementsAre(4));
}

TEST(Chains, AWayMayBeginAndEndByAForkAndForkWithinOne) {
  const Chain chain = with_way("[[router, [[guard, router], guard]]]").chains.at(0);
  EXPECT_THAT(steps_of(chain), ElementsAre(ChainStep{"router", {}}, ChainStep{"guard", {}},
                                           ChainStep{"router", {}}, ChainStep{"guard", {1, 2}}));
  EXPECT_EQ(describe_way(chain), "(router | (guard | router) → guard)");
  const std::vector<ChainFork> forks = forks_of(chain);
  ASSERT_EQ(forks.size(), 2U);
  EXPECT_THAT(forks[0].branches.at(1).heads, ElementsAre(1, 2));
  EXPECT_EQ(forks[1].branches.at(0).words, "guard");
}

TEST(Chains, GroupsThatAreNoForksAreNamed) {
  const auto why_not = [](const std::string& steps) {
    std::string yaml = kAnswer;
    yaml.replace(yaml.find("[router"), std::string::npos, steps + "\n");
    return why(with_chains(yaml));
  };
  EXPECT_THAT(
      why_not("[router, [], guard]"),
      testing::AllOf(HasSubstr("s.yaml:16: chains[0].steps[1]"), HasSubstr("an empty group")));
  EXPECT_THAT(why_not("[router, [guard]]"), HasSubstr("a group of one branch"));
  EXPECT_THAT(why_not("[router, [guard, [router]]]"), HasSubstr("a group of one step"));
  EXPECT_THAT(why_not("[router, [guard, gaurd]]"),
              testing::AllOf(HasSubstr("steps[1][1]"), HasSubstr("did you mean 'guard'?")));
  EXPECT_THAT(why_not("[[batch, router]]"), HasSubstr("'batch' has arrivals of its own"));
  EXPECT_THAT(why_not("[]"), HasSubstr("0 steps"));
  // What a cycle would take.
  EXPECT_THAT(why_not("&way [router, *way]"), HasSubstr("write the value out"));
  EXPECT_THAT(why_not("[router, {agent: guard}]"), HasSubstr("steps[1]"));
  std::string deep = "[router, guard]";
  for (int i = 0; i < 17; ++i) deep = "[router, " + deep + "]";
  EXPECT_THAT(why_not(deep), HasSubstr("lists more than 16 deep"));
  std::string many = "[router";
  for (int i = 0; i < 32; ++i) many += ", [guard, router]";
  EXPECT_THAT(why_not(many + "]"), HasSubstr("65 steps"));
}

TEST(Chains, AgentsOfAChainAreOneParty) {
  const Scenario scenario = parse(with_chains(kAnswer), "s.yaml").value();
  EXPECT_THAT(party_of(scenario, 0), ElementsAre(0, 2));
  EXPECT_THAT(party_of(scenario, 2), ElementsAre(0, 2));
  EXPECT_THAT(party_of(scenario, 1), ElementsAre(1));
  EXPECT_EQ(party_name(scenario, {0, 2}), "answer");
  EXPECT_EQ(party_name(scenario, {1}), "batch");
  // Though their work and words are the same.
  EXPECT_FALSE(same_baseline(scenario.agents[0], scenario.agents[2]));
}

TEST(Chains, WhatIsWrongIsNamedWithLineAndKey) {
  EXPECT_THAT(why(with_chains("chains:\n  - name: a\n    steps: [router, guard]\n")),
              HasSubstr("arrival"));
  EXPECT_THAT(why(with_chains("chains:\n  - name: a\n    arrival: {process: poisson, rate: 5}\n"
                              "    steps: [router, gaurd]\n")),
              testing::AllOf(HasSubstr("s.yaml:16"), HasSubstr("steps[1]"),
                             HasSubstr("did you mean 'guard'?")));
  EXPECT_THAT(why(with_chains("chains:\n  - name: a\n    arrival: {process: poisson, rate: 5}\n"
                              "    steps: [router, batch]\n")),
              HasSubstr("'batch' has arrivals of its own"));
  EXPECT_THAT(why(with_chains("chains:\n  - name: a\n    arrival: {process: poisson, rate: 5}\n"
                              "    steps: [router]\n")),
              HasSubstr("1 step"));
  EXPECT_THAT(why(with_chains("chains:\n  - name: batch\n    arrival: {process: poisson, rate: 5}\n"
                              "    steps: [router, guard]\n")),
              HasSubstr("an agent is called 'batch' already"));
  for (const char* process : {"saturate", "chain", "closed, think: 1ms", "trace, file: a.csv"}) {
    EXPECT_THAT(why(with_chains(std::string("chains:\n  - name: a\n    arrival: {process: ") +
                                process + "}\n    steps: [router, guard]\n")),
                HasSubstr("a chain can't begin by"));
  }
  EXPECT_THAT(why(with_chains("chains:\n  - name: a\n    arrival: {process: poisson, rate: 5}\n"
                              "    steps: [router, {guard: {after: router}}]\n")),
              testing::AllOf(HasSubstr("chains[0].steps[1]"), HasSubstr("a step has no keys"),
                             HasSubstr("no step can wait for a later one")));
  EXPECT_THAT(why(with_chains(std::string(kAnswer) + "    stpes: []\n")),
              HasSubstr("did you mean 'steps'?"));
  EXPECT_THAT(why(with_chains(std::string(kAnswer) + std::string(kAnswer).substr(8))),
              HasSubstr("two chains are called 'answer'"));
  EXPECT_THAT(why(with_chains("chains: []\n")), HasSubstr("0 chains"));
}

TEST(Chains, AnAgentThatWaitsForAChainMustBeInOne) {
  EXPECT_THAT(why(with_chains("")),
              testing::AllOf(HasSubstr("agents[0].arrival"), HasSubstr("no chain has this agent")));
}

TEST(Chains, SomeWaysOfMeasuringHaveNone) {
  Scenario scenario = parse(with_chains(kAnswer), "s.yaml").value();
  EXPECT_FALSE(as_matrix(scenario, 2));
  EXPECT_TRUE(check_demands(scenario));
  scenario.sharing = "streams";
  EXPECT_TRUE(check_demands(scenario));
  EXPECT_THAT(
      why("schema: kts.scenario/1\nplan: {order: matrix}\n" + with_chains(kAnswer).substr(23)),
      HasSubstr("a matrix has no chains"));
}

TEST(Chains, TheBuiltInOneMeetsTheThinkerTwice) {
  for (const char* kind : {"cpu", "cuda"}) {
    const Scenario chain = load_built_in("chain", kind).value();
    EXPECT_EQ(describe_way(chain.chains.at(0)),
              "router → (guard | tool) → thinker → tool → thinker");
    EXPECT_EQ(party_of(chain, 0).size(), 4U);
  }
}

}  // namespace
}  // namespace kts::scenario::chains_test
