// SPDX-License-Identifier: Apache-2.0
// The schemas say neither more nor less than what is written; validate_schemas.py judges the rest.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "fixtures.hpp"
#include "kts/report/report.hpp"

namespace kts::report {
namespace {

using Json = nlohmann::json;

class Walker {
 public:
  explicit Walker(const Json& root) : root_(root) {}

  // Each object of `value` has exactly the schema's keys, all of them required.
  void expect_same_keys(const Json& value, const Json& at, const std::string& path) const {
    const Json& schema = resolve(at);
    if (schema.contains("anyOf")) {
      for (const auto& option : schema.at("anyOf")) {
        if (resolve(option).value("type", Json()) == value.type_name()) {
          expect_same_keys(value, option, path);
        }
      }
      return;
    }
    if (value.is_object()) {
      ASSERT_TRUE(schema.contains("properties")) << path;
      EXPECT_EQ(schema.at("additionalProperties"), false) << path;
      const Json& properties = schema.at("properties");
      std::set<std::string> required = schema.at("required").get<std::set<std::string>>();
      for (const auto& [key, child] : value.items()) {
        EXPECT_EQ(required.count(key), 1U) << path << "." << key << " is written, not required";
        ASSERT_TRUE(properties.contains(key)) << path << "." << key << " is not in the schema";
        expect_same_keys(child, properties.at(key), path + "." + key);
      }
      for (const auto& [key, unused] : properties.items()) {
        EXPECT_TRUE(value.contains(key)) << path << "." << key << " is never written";
      }
    } else if (value.is_array()) {
      ASSERT_TRUE(schema.contains("items")) << path;
      for (const auto& child : value) expect_same_keys(child, schema.at("items"), path + "[]");
    }
  }

 private:
  [[nodiscard]] const Json& resolve(const Json& schema) const {
    if (!schema.contains("$ref")) return schema;
    return root_.at(Json::json_pointer(schema.at("$ref").get<std::string>().substr(1)));
  }
  const Json& root_;
};

TEST(SummarySchema, HasTheKeysThatAreWrittenAndNoOthers) {
  const Json document = Json::parse(*schema("summary"));
  for (const auto& fixture : fixtures::all()) {
    const Json summary = Json::parse(summary_json(fixture.make()));
    Walker(document).expect_same_keys(summary, document, std::string(fixture.name));
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
}  // namespace kts::report
