// SPDX-License-Identifier: Apache-2.0
#include "kts/scenario/built_in.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kts::scenario::built_in_test {
namespace {

using testing::HasSubstr;
using namespace std::chrono_literals;

TEST(BuiltIn, EveryBuiltInIsValidAndForItsDevice) {
  for (const BuiltIn& built_in : built_ins()) {
    const auto scenario = load_built_in(built_in.name, built_in.device_kind);
    ASSERT_TRUE(scenario) << to_line(scenario.error());
    EXPECT_EQ(scenario->name, built_in.name);
    EXPECT_EQ(scenario->device, built_in.device_kind);
  }
}

TEST(BuiltIn, StudyGivesTheLightAgentTwoThousandIterationsAPhaseAndNoSlo) {
  for (const char* kind : {"cpu", "cuda"}) {
    const Scenario study = load_built_in("study", kind).value();
    const AgentSpec& light = study.agents.at(0);
    const double seconds = std::chrono::duration<double>(study.plan.block).count() *
                           static_cast<double>(study.plan.cycles);
    EXPECT_GE(light.arrival.rate_per_s * seconds * 0.95, 2000) << kind;
    for (const AgentSpec& agent : study.agents) EXPECT_FALSE(agent.slo);
  }
}

TEST(BuiltIn, StudyOnACpuFitsIntoAMinute) {
  const Plan plan = load_built_in("study", "cpu").value().plan;
  EXPECT_LE(plan.block * plan.cycles * 3, 50s);
}

TEST(BuiltIn, AgentsAreARouterAskedInBurstsBesideLlmRequests) {
  for (const char* kind : {"cpu", "cuda"}) {
    const Scenario agents = load_built_in("agents", kind).value();
    const AgentSpec& router = agents.agents.at(0);
    const double seconds = std::chrono::duration<double>(agents.plan.block).count() *
                           static_cast<double>(agents.plan.cycles);
    EXPECT_EQ(router.arrival.process, workload::ArrivalProcess::kGamma);
    EXPECT_GT(router.arrival.cv, 1);
    EXPECT_GE(router.arrival.rate_per_s * seconds * 0.95, 2000) << kind;
    EXPECT_EQ(agents.agents.at(1).workload.kind(), "request");
    EXPECT_LE(agents.plan.block * agents.plan.cycles * 3, 60s);
  }
}

TEST(BuiltIn, EnginesOfItsDeviceCanDoWhatItAsks) {
  for (const BuiltIn& built_in : built_ins()) {
    const Scenario scenario = load_built_in(built_in.name, built_in.device_kind).value();
    EXPECT_TRUE(check_engines(scenario, built_in.device_kind)) << built_in.name;
  }
}

TEST(BuiltIn, UnknownNameOffersTheNearest) {
  const auto scenario = load_built_in("stduy", "cpu");
  ASSERT_FALSE(scenario);
  EXPECT_THAT(to_line(scenario.error()), HasSubstr("did you mean 'study'?"));
}

TEST(BuiltIn, QuickenedRunsAreTenCyclesOfShortBlocks) {
  const Plan plan = quickened(load_built_in("study", "cpu").value()).plan;
  EXPECT_EQ(plan, (Plan{10, 400ms, Order::kInterleaved}));
  EXPECT_EQ(quickened(load_built_in("study-closed", "cpu").value()).plan,
            (Plan{1, 4s, Order::kStudy}));
}

}  // namespace
}  // namespace kts::scenario::built_in_test
