// SPDX-License-Identifier: Apache-2.0
// What kts cluster status prints of the clusters of libs/cluster/tests/data, against
// tests/golden/cluster. KTS_UPDATE_GOLDEN=1 rewrites it.
#include "kts/report/cluster.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cluster_fixtures.hpp"
#include "expect_golden.hpp"
#include "places.hpp"
#include "schema_walker.hpp"

namespace kts::report::cluster_test {
namespace {

using Json = nlohmann::json;
using testing::HasSubstr;

const std::filesystem::path kGolden = in_source("tests/golden/cluster");

class ClusterGolden : public testing::TestWithParam<std::string> {};

TEST_P(ClusterGolden, TerminalTableIsUnchanged) {
  expect_golden(kGolden / (GetParam() + ".txt"),
                cluster_table(cluster::fixtures::status(GetParam()), {}));
}
TEST_P(ClusterGolden, JsonIsUnchanged) {
  expect_golden(kGolden / (GetParam() + ".json"),
                cluster_json(cluster::fixtures::status(GetParam())));
}
TEST_P(ClusterGolden, SchemaHasTheKeysThatAreWrittenAndNoOthers) {
  const Json document = Json::parse(*schema("cluster"));
  const Json written = Json::parse(cluster_json(cluster::fixtures::status(GetParam())));
  SchemaWalker(document).expect_same_keys(written, document, GetParam());
}

INSTANTIATE_TEST_SUITE_P(Cluster, ClusterGolden, testing::ValuesIn(cluster::fixtures::names()),
                         [](const auto& param) {
                           std::string name = param.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST(ClusterTable, ForeignTextCannotWriteToTheTerminal) {
  cluster::ClusterStatus status;
  cluster::GpuNode node;
  node.name = "evil\x1b[31m";
  node.product = "two\nlines";
  status.nodes.push_back(node);
  const std::string text = cluster_table(status, {});
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_THAT(text, HasSubstr("two lines"));
}

TEST(ClusterTable, ColourIsOnlyForTerminalsThatTakeIt) {
  const auto status = cluster::fixtures::status("helm-edited-not-loaded");
  EXPECT_EQ(cluster_table(status, {}).find('\x1b'), std::string::npos);
  EXPECT_NE(cluster_table(status, {.color = true}).find('\x1b'), std::string::npos);
}

TEST(ClusterJson, WhatIsNotKnownIsNull) {
  const Json json = Json::parse(cluster_json(cluster::fixtures::status("nothing-permitted")));
  EXPECT_TRUE(json.at("nodes").is_null());
  EXPECT_TRUE(json.at("runtime_class").is_null());
  EXPECT_FALSE(json.at("all_pods_seen").get<bool>());
}

}  // namespace
}  // namespace kts::report::cluster_test
