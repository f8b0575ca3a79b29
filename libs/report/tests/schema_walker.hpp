// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>
#include <string>

namespace kts::report {

class SchemaWalker {
 public:
  explicit SchemaWalker(const nlohmann::json& root) : root_(root) {}

  // Each object of `value` has exactly the schema's keys, all of them required.
  void expect_same_keys(const nlohmann::json& value, const nlohmann::json& at,
                        const std::string& path) const {
    const nlohmann::json& schema = resolve(at);
    if (schema.contains("anyOf")) {
      for (const auto& option : schema.at("anyOf")) {
        if (resolve(option).value("type", nlohmann::json()) == value.type_name()) {
          expect_same_keys(value, option, path);
        }
      }
      return;
    }
    if (value.is_object()) {
      ASSERT_TRUE(schema.contains("properties")) << path;
      EXPECT_EQ(schema.at("additionalProperties"), false) << path;
      const nlohmann::json& properties = schema.at("properties");
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
  [[nodiscard]] const nlohmann::json& resolve(const nlohmann::json& schema) const {
    if (!schema.contains("$ref")) return schema;
    return root_.at(nlohmann::json::json_pointer(schema.at("$ref").get<std::string>().substr(1)));
  }
  const nlohmann::json& root_;
};

}  // namespace kts::report
