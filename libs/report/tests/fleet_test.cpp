// SPDX-License-Identifier: Apache-2.0
// A fleet of made-up nodes against tests/golden/fleet, two made-up runs against
// tests/golden/comparison. KTS_UPDATE_GOLDEN=1 rewrites them.
#include "kts/report/fleet.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "expect_golden.hpp"
#include "fixtures.hpp"
#include "kts/base/files.hpp"
#include "kts/report/comparison.hpp"
#include "places.hpp"
#include "schema_walker.hpp"

namespace kts::report::fleet_test {
namespace {

using Json = nlohmann::json;
using testing::HasSubstr;
using testing::Not;

const std::filesystem::path kGolden = in_source("tests/golden/fleet");

void slow_down(Summary& summary, double factor) {
  const auto scale = [factor](analysis::Estimate& estimate) {
    for (auto* bound : {&estimate.value, &estimate.ci_low, &estimate.ci_high}) {
      if (*bound) **bound *= factor;
    }
  };
  for (auto& result : summary.results) {
    if (result.phase == analysis::Phase::kShared) scale(result.p99);
  }
  for (auto& df : summary.degradation) scale(df.ratio);
}

// gpu-3 is twice as slow when shared; on gpu-5 nothing was measured.
FleetSummary five_nodes() {
  analysis::Fleet fleet;
  fleet.id = "20261126T120000Z-study";
  fleet.scenario = "study";
  fleet.started = "2026-11-26T12:00:00Z";
  fleet.selector = "nvidia.com/gpu.product=H200";
  fleet.name_space = "agents";
  fleet.image = "registry/kts-worker:1";
  std::vector<std::optional<Summary>> summaries;
  for (const double factor : {1.0, 1.01, 2.0, 0.99}) {
    fleet.nodes.push_back({"gpu-" + std::to_string(fleet.nodes.size() + 1), 0, {}});
    slow_down(*summaries.emplace_back(fixtures::two_agents()), factor);
  }
  fleet.nodes.push_back({"gpu-5", 4,
                         "image registry/kts-worker:1 doesn't start: Pending, "
                         "ErrImagePull: not|found"});
  summaries.emplace_back();
  return compare_nodes(std::move(fleet), std::move(summaries));
}

// One node's run has no conclusion; two are too few to name one.
FleetSummary two_nodes() {
  analysis::Fleet fleet;
  fleet.id = "fleet";
  fleet.scenario = "study";
  fleet.selector = "pool=a";
  fleet.nodes = {{"n1", 0, {}}, {"n2", 5, "the run can't support its conclusion: too few samples"}};
  return compare_nodes(std::move(fleet), {fixtures::two_agents(), fixtures::cannot_conclude()});
}

TEST(FleetGolden, FiveNodesAreUnchanged) {
  expect_golden(kGolden / "five_nodes/summary.json", fleet_json(five_nodes()));
  expect_golden(kGolden / "five_nodes/summary.csv", fleet_csv(five_nodes()));
  expect_golden(kGolden / "five_nodes/results.md", fleet_markdown(five_nodes()));
  expect_golden(kGolden / "five_nodes/terminal.txt", fleet_table(five_nodes(), {}));
}

TEST(FleetGolden, TwoNodesAreUnchanged) {
  expect_golden(kGolden / "two_nodes/summary.json", fleet_json(two_nodes()));
  expect_golden(kGolden / "two_nodes/results.md", fleet_markdown(two_nodes()));
  expect_golden(kGolden / "two_nodes/terminal.txt", fleet_table(two_nodes(), {}));
}

TEST(FleetGolden, FleetFileIsUnchanged) {
  expect_golden(kGolden / "five_nodes/fleet.json", to_json(five_nodes().fleet));
}

TEST(FleetSchema, HasTheKeysThatAreWrittenAndNoOthers) {
  for (const FleetSummary& summary : {five_nodes(), two_nodes()}) {
    const Json whole = Json::parse(*schema("fleet_summary"));
    SchemaWalker(whole).expect_same_keys(Json::parse(fleet_json(summary)), whole, "summary");
    const Json recorded = Json::parse(*schema("fleet"));
    SchemaWalker(recorded).expect_same_keys(Json::parse(to_json(summary.fleet)), recorded, "fleet");
  }
}

TEST(FleetTable, NamesWhoStandsApartAndWhoIsMissing) {
  const std::string text = fleet_table(five_nodes(), {});
  EXPECT_THAT(text, HasSubstr("gpu-3 stands apart"));
  EXPECT_THAT(text, HasSubstr("gpu-5 not measured, exit code 4"));
  EXPECT_THAT(fleet_table(two_nodes(), {}), Not(HasSubstr("stands apart:")));
}

TEST(WriteFleet, WritesAllOfIt) {
  const auto folder = TemporaryDirectory::create("kts-fleet").value();
  ASSERT_TRUE(write_fleet(two_nodes(), folder.path()));
  for (const char* file : {"summary.json", "summary.csv", "results.md"}) {
    EXPECT_TRUE(std::filesystem::exists(folder.path() / file)) << file;
  }
}

// As kts compare reads it.
Summary through_a_file(const Summary& summary) {
  const auto folder = TemporaryDirectory::create("kts-comparison").value();
  EXPECT_TRUE(write_file(folder.path() / "summary.json", summary_json(summary)));
  return analysis::read_summary(folder.path()).value();
}

Comparison compared(const Summary& before, const Summary& after) {
  return analysis::compare_runs(through_a_file(before), through_a_file(after)).value();
}

Comparison two_runs() {
  Summary after = fixtures::two_agents();
  slow_down(after, 2);
  after.run_id = "later";
  after.sharing = "mps";
  after.device.driver = "999.1";
  return compared(fixtures::two_agents(), after);
}

TEST(ComparisonGolden, TwoRunsAreUnchanged) {
  const std::filesystem::path golden = in_source("tests/golden/comparison");
  expect_golden(golden / "comparison.json", comparison_json(two_runs()));
  expect_golden(golden / "comparison.md", comparison_markdown(two_runs()));
  expect_golden(golden / "terminal.txt", comparison_table(two_runs(), {}));
}

TEST(ComparisonSchema, HasTheKeysThatAreWrittenAndNoOthers) {
  const Json whole = Json::parse(*schema("comparison"));
  SchemaWalker(whole).expect_same_keys(Json::parse(comparison_json(two_runs())), whole, "whole");
}

TEST(Comparison, WhatGotTwiceAsSlowFailsTheGateAndTheReverseIsFaster) {
  EXPECT_EQ(two_runs().agents[0].outcome, analysis::Outcome::kSlower);
  EXPECT_EQ(exit_code(two_runs()), 3);
  Summary slow = fixtures::two_agents();
  slow_down(slow, 2);
  const Comparison back = compared(slow, fixtures::two_agents());
  EXPECT_EQ(back.agents[0].outcome, analysis::Outcome::kFaster);
  const analysis::Change* change = back.agents[0].headline();
  ASSERT_NE(change, nullptr);
  EXPECT_NEAR(*change->ratio.value, 0.5, 1e-12);
  EXPECT_LT(*change->ratio.ci_low, 0.5);
  EXPECT_GT(*change->ratio.ci_high, 0.5);
  const analysis::Estimate& rate = back.agents[0].rate.ratio;
  EXPECT_NEAR(*rate.value, 1, 1e-12);
  EXPECT_LT(*rate.ci_low, 1);
  EXPECT_GT(*rate.ci_high, 1);
}

TEST(Comparison, TheSameTwiceIsSameWhereIntervalsAreNarrowAndElseOpen) {
  Summary precise = fixtures::two_agents();
  for (auto& result : precise.results) {
    if (result.p99.value) {
      result.p99 = {*result.p99.value, *result.p99.value * 0.99, *result.p99.value * 1.01};
    }
  }
  EXPECT_EQ(exit_code(compared(precise, precise)), 0);
  EXPECT_EQ(compared(precise, precise).agents[0].outcome, analysis::Outcome::kSame);
  const Comparison open = compared(fixtures::cannot_conclude(), fixtures::cannot_conclude());
  EXPECT_EQ(open.agents[0].outcome, analysis::Outcome::kCannotConclude);
  EXPECT_EQ(exit_code(open), 5);
}

TEST(Comparison, AnOverloadIsSlowerThanNoneAndTwoCannotBeCompared) {
  const Comparison comparison = compared(fixtures::two_agents(), fixtures::overloaded());
  EXPECT_EQ(comparison.agents[0].outcome, analysis::Outcome::kSlower);
  EXPECT_FALSE(comparison.agents[0].headline()->ratio.value);
  EXPECT_THAT(comparison_table(comparison, {}), HasSubstr("router is overloaded after, shared"));
  EXPECT_EQ(compared(fixtures::overloaded(), fixtures::two_agents()).agents[0].outcome,
            analysis::Outcome::kFaster);
  EXPECT_EQ(compared(fixtures::overloaded(), fixtures::overloaded()).agents[0].outcome,
            analysis::Outcome::kCannotConclude);
}

TEST(Comparison, EveryRunCanBeReadBackAndSaysWhatElseIsDifferent) {
  for (const auto& fixture : fixtures::all()) {
    const Summary run = fixture.make();
    const Comparison comparison = compared(run, run);
    EXPECT_TRUE(comparison.differences.empty()) << fixture.name;
    EXPECT_FALSE(comparison_table(comparison, {}).empty());
    EXPECT_FALSE(comparison_markdown(comparison).empty());
  }
  EXPECT_THAT(two_runs().differences,
              testing::ElementsAre("sharing: time-slicing → mps", HasSubstr("→ 999.1")));
}

TEST(Comparison, RunsWithoutACommonAgentAreRefused) {
  Summary other = fixtures::two_agents();
  for (auto& agent : other.agents) agent.name += "-2";
  const auto refused = analysis::compare_runs(fixtures::two_agents(), other);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kBadInput);
}

TEST(ReadSummary, WhatIsNoneIsRefusedWithTheFileAndHowToMakeIt) {
  const auto folder = TemporaryDirectory::create("kts-comparison").value();
  const auto refusal = [&] { return to_line(analysis::read_summary(folder.path()).error()); };
  EXPECT_THAT(refusal(), HasSubstr("summary.json: there is no such file; kts report "));
  ASSERT_TRUE(write_file(folder.path() / "summary.json", "{\"schema\": \"kts.summary/1\"}"));
  EXPECT_THAT(refusal(), HasSubstr("is not as kts writes it: "));
  for (const char* text : {"", "[1]", "{\"schema\": \"kts.fleet_summary/1\"}"}) {
    ASSERT_TRUE(write_file(folder.path() / "summary.json", text));
    EXPECT_THAT(refusal(), HasSubstr("is no kts.summary/1; name a run's folder"));
  }
  ASSERT_TRUE(write_file(folder.path() / "matrix.json", "{}"));
  EXPECT_THAT(refusal(), HasSubstr(": a folder of kts matrix; name two runs' folders"));
  ASSERT_TRUE(write_file(folder.path() / "fleet.json", "{}"));
  EXPECT_THAT(refusal(), HasSubstr(": a folder of several nodes; name one, such as "));
}

}  // namespace
}  // namespace kts::report::fleet_test
