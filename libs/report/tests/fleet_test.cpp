// SPDX-License-Identifier: Apache-2.0
// A fleet of made-up nodes against tests/golden/fleet. KTS_UPDATE_GOLDEN=1 rewrites it.
#include "kts/report/fleet.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "expect_golden.hpp"
#include "fixtures.hpp"
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

}  // namespace
}  // namespace kts::report::fleet_test
