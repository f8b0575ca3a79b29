// SPDX-License-Identifier: Apache-2.0
#include "kts/analysis/fleet.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kts/base/files.hpp"

namespace kts::analysis::fleet_test {
namespace {

using testing::HasSubstr;

Fleet three_nodes() {
  Fleet fleet;
  fleet.id = "20261126-fleet";
  fleet.scenario = "study";
  fleet.started = "2026-11-26T12:00:00Z";
  fleet.selector = "pool=a";
  fleet.name_space = "default";
  fleet.image = "localhost/kts-worker:1";
  fleet.nodes = {{"n1", 0, ""}, {"n2", 0, ""}, {"n3", 0, ""}};
  return fleet;
}

Summary with_shared_p99(double value) {
  Summary summary;
  summary.agents.push_back({.name = "router",
                            .workload = {},
                            .arrival = {},
                            .slo_quantile = {},
                            .slo_latency_ms = {},
                            .baseline = "router"});
  MeasureResult result;
  result.agent = "router";
  result.phase = Phase::kShared;
  result.p99 = {value, value * 0.95, value * 1.05};
  summary.results.push_back(result);
  return summary;
}

class FleetFile : public testing::Test {
 protected:
  Error error_of(const std::string& text) {
    EXPECT_TRUE(write_file(folder_.path() / kFleetFile, text));
    const auto fleet = load_fleet(folder_.path());
    if (fleet) {
      ADD_FAILURE() << "was accepted";
      return {};
    }
    return fleet.error();
  }
  TemporaryDirectory folder_ = TemporaryDirectory::create("kts-fleet").value();
};

TEST_F(FleetFile, ReadsWhatWasWritten) {
  Fleet fleet = three_nodes();
  fleet.nodes[1] = {"n2", 4, "image doesn't start: ErrImageNeverPull"};
  EXPECT_FALSE(is_fleet(folder_.path()));
  ASSERT_TRUE(write_file(folder_.path() / kFleetFile, to_json(fleet)));
  EXPECT_TRUE(is_fleet(folder_.path()));
  const auto read = load_fleet(folder_.path());
  ASSERT_TRUE(read) << to_line(read.error());
  EXPECT_EQ(*read, fleet);
}

TEST_F(FleetFile, WhatIsWrongIsNamedWithItsPlace) {
  EXPECT_THAT(to_line(error_of("[]")), HasSubstr("fleet.json: is not a JSON object"));
  EXPECT_THAT(to_line(error_of(R"({"schema": "kts.fleet/2"})")), HasSubstr("is not kts.fleet/1"));
  std::string text = to_json(three_nodes());
  const auto code = text.rfind("\"exit_code\": 0");
  text.replace(code, 14, "\"exit_code\": \"0\"");
  EXPECT_THAT(to_line(error_of(text)), HasSubstr("nodes[2]: 'exit_code' is not a whole number"));
  Fleet fleet = three_nodes();
  fleet.nodes[0].node = "../elsewhere";
  EXPECT_THAT(to_line(error_of(to_json(fleet))), HasSubstr("is no node's name"));
  fleet.nodes.clear();
  EXPECT_THAT(to_line(error_of(to_json(fleet))), HasSubstr("'nodes' is no list of nodes"));
}

TEST(CompareNodes, NamesTheNodeThatStandsApart) {
  Fleet fleet = three_nodes();
  fleet.nodes.push_back({"n4", 0, ""});
  const FleetSummary summary = compare_nodes(fleet, {with_shared_p99(5.0), with_shared_p99(9.0),
                                                     with_shared_p99(5.1), with_shared_p99(4.9)});
  int outliers = 0;
  for (const FleetRow& row : summary.rows) {
    for (std::size_t i = 0; i < row.outlier.size(); ++i) {
      if (!row.outlier[i]) continue;
      ++outliers;
      EXPECT_EQ(row.quantity, FleetQuantity::kSharedP99);
      EXPECT_EQ(summary.fleet.nodes[i].node, "n2");
    }
  }
  EXPECT_EQ(outliers, 1);
}

TEST(CompareNodes, ANodeWithoutMeasurementHasNoValue) {
  const FleetSummary summary =
      compare_nodes(three_nodes(), {with_shared_p99(5.0), std::nullopt, with_shared_p99(5.1)});
  for (const FleetRow& row : summary.rows) {
    ASSERT_EQ(row.estimates.size(), 3U);
    EXPECT_FALSE(row.estimates[1].value);
    EXPECT_FALSE(row.band);
  }
}

TEST(FleetExitCode, SaysTheWorstThatMatters) {
  const auto code = [](std::vector<FleetNode> nodes,
                       std::vector<std::optional<Summary>> summaries) {
    Fleet fleet = three_nodes();
    fleet.nodes = std::move(nodes);
    return exit_code(compare_nodes(fleet, std::move(summaries)));
  };
  const Summary good = with_shared_p99(5);
  Summary open = good;
  open.inconclusive.emplace_back("too few samples");
  Summary missed = good;
  missed.slos.push_back({.agent = "router", .shared = {}, .missed = true});
  EXPECT_EQ(code({{"a", 0, ""}, {"b", 0, ""}}, {good, good}), 0);
  EXPECT_EQ(code({{"a", 0, ""}, {"b", 3, "x"}}, {good, missed}), 3);
  EXPECT_EQ(code({{"a", 0, ""}, {"b", 0, ""}}, {good, missed}), 3);
  EXPECT_EQ(code({{"a", 3, "x"}, {"b", 4, "x"}}, {missed, std::nullopt}), 5);
  EXPECT_EQ(code({{"a", 0, ""}, {"b", 0, ""}}, {good, open}), 5);
  EXPECT_EQ(code({{"a", 4, "x"}, {"b", 4, "x"}}, {std::nullopt, std::nullopt}), 4);
  EXPECT_EQ(code({{"a", 2, "x"}, {"b", 2, "x"}}, {}), 2);
  EXPECT_EQ(code({{"a", 2, "x"}, {"b", 1, "x"}}, {}), 4);
  EXPECT_EQ(code({{"a", 0, ""}, {"b", 130, "x"}}, {good, good}), 130);
}

}  // namespace
}  // namespace kts::analysis::fleet_test
