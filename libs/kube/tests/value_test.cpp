// SPDX-License-Identifier: Apache-2.0
#include "kts/kube/value.hpp"

#include <gtest/gtest.h>

namespace kts::kube::value_test {
namespace {

TEST(Value, WhatIsNotThereReadsAsEmpty) {
  const Value v = *Value::parse(R"({"a":{"b":[1,"x",true,null]}})");
  EXPECT_EQ(v["a"]["b"].items().size(), 4U);
  EXPECT_EQ(v["a"]["b"].items()[0].integer(), 1);
  EXPECT_EQ(v["a"]["b"].items()[1].text(), "x");
  EXPECT_EQ(v["a"]["b"].items()[2].boolean(), true);
  EXPECT_FALSE(v["a"]["b"].items()[3].exists());
  EXPECT_FALSE(v["nothing"]["at"]["all"].exists());
  EXPECT_EQ(v["a"]["b"]["c"].text(), "");
  EXPECT_TRUE(v["a"]["nothing"].items().empty());
  EXPECT_TRUE(Value().members().empty());
  EXPECT_EQ(Value().dump(), "null");
}

TEST(Value, AnotherKindReadsAsEmpty) {
  const Value v = *Value::parse(R"({"number":3,"text":"3","half":0.5})");
  EXPECT_EQ(v["number"].text(), "");
  EXPECT_FALSE(v["text"].integer());
  EXPECT_FALSE(v["half"].integer());
  EXPECT_TRUE(v["number"].items().empty());
}

TEST(Value, PartsKeepTheirDocumentAlive) {
  Value part;
  {
    const Value whole = *Value::parse(R"({"a":{"b":"still here"}})");
    part = whole["a"];
  }
  EXPECT_EQ(part["b"].text(), "still here");
}

TEST(Value, BrokenTextIsBadInput) {
  for (const char* text : {"", "{", "{} {}", "\x80", "{\"a\":\"\xff\"}"}) {
    EXPECT_FALSE(Value::parse(text)) << text;
  }
  EXPECT_TRUE(Value::parse(std::string(100'000, '[') + std::string(100'000, ']')));
}

}  // namespace
}  // namespace kts::kube::value_test
