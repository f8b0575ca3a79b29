// SPDX-License-Identifier: Apache-2.0
// The schemas say neither more nor less than what is written; validate_schemas.py judges the rest.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "fixtures.hpp"
#include "kts/report/report.hpp"
#include "schema_walker.hpp"

namespace kts::report::schema_test {
namespace {

using Json = nlohmann::json;

TEST(SummarySchema, HasTheKeysThatAreWrittenAndNoOthers) {
  const Json document = Json::parse(*schema("summary"));
  for (const auto& fixture : fixtures::all()) {
    const Json summary = Json::parse(summary_json(fixture.make()));
    SchemaWalker(document).expect_same_keys(summary, document, std::string(fixture.name));
  }
}

TEST(SummaryJson, UnavailableIsNull) {
  const Json summary = Json::parse(summary_json(fixtures::missing_values()));
  EXPECT_TRUE(summary.at("run").at("sharing").is_null());
  EXPECT_TRUE(summary.at("results").at(0).at("mean").is_null());
  EXPECT_TRUE(summary.at("results").at(0).at("p99").at("value").is_null());
  EXPECT_TRUE(summary.at("degradation").at(0).at("baseline").is_null());
}

TEST(SummaryJson, NumbersSurviveTheRoundTrip) {
  Summary s = fixtures::two_agents();
  s.results[0].mean = 0.1 + 0.2;
  const Json summary = Json::parse(summary_json(s));
  EXPECT_EQ(summary.at("results").at(0).at("mean").get<double>(), 0.1 + 0.2);
}

TEST(SummaryJson, VerdictBelongsToLatencyP99Alone) {
  const Json summary = Json::parse(summary_json(fixtures::two_agents()));
  for (const auto& d : summary.at("degradation")) {
    EXPECT_EQ(d.at("verdict").is_null(), d.at("measure") != "latency" || d.at("quantile") != "p99");
  }
}

TEST(Schemas, AreFoundByNameOnly) {
  EXPECT_FALSE(schema("nothing"));
  for (const auto name : schema_names()) {
    EXPECT_EQ(Json::parse(*schema(name)).at("$schema"),
              "https://json-schema.org/draft/2020-12/schema");
  }
}

}  // namespace
}  // namespace kts::report::schema_test
