// SPDX-License-Identifier: Apache-2.0
#include "kts/base/error.hpp"

#include <gtest/gtest.h>

#include "kts/base/text.hpp"

namespace kts::error_test {
namespace {

TEST(Error, LineNamesPlaceFaultAndRemedy) {
  const Error error{ErrorCode::kBadInput, "no such key 'agnets'", "did you mean 'agents'?",
                    "study.yaml:3"};
  EXPECT_EQ(to_line(error), "study.yaml:3: no such key 'agnets'; did you mean 'agents'?");
  EXPECT_EQ(exit_code(error), 2);
}

TEST(Error, LineStaysOneLineWhateverALibrarySaid) {
  EXPECT_EQ(to_line(Error{ErrorCode::kInternal, "first\nsecond", {}, {}}), "first second");
  EXPECT_EQ(to_line(bad_input("'\x1b[31m' and '\xff'").value()), "' [31m' and '\xEF\xBF\xBD'");
}

TEST(Text, WhatAnEditorSavesIsTextAndTheRestIsFound) {
  EXPECT_EQ(find_not_text("a\tb\r\nc € 😀\n"), std::string_view::npos);
  EXPECT_EQ(find_not_text(std::string_view("ab\0c", 4)), 2U);
  EXPECT_EQ(find_not_text("caf\xe9"), 3U);
  EXPECT_EQ(find_not_text("\x7f"), 0U);
}

TEST(Text, JsonErrorsAreToldInOurWords) {
  EXPECT_EQ(describe_json_error(403, "[json.exception.out_of_range.403] key 'run' not found"),
            "'run' is missing");
  EXPECT_EQ(describe_json_error(403, ""), "a value in it is of another kind");
  EXPECT_EQ(describe_json_error(302, "[json.exception.type_error.302] type must be string"),
            "a value in it is of another kind");
  EXPECT_EQ(describe_json_error(101, "syntax error"), "it is cut short, or no JSON");
}

TEST(Error, TryReturnsTheErrorOfItsExpression) {
  const auto inner = []() -> Result<int> { return bad_input("no"); };
  const auto outer = [&]() -> Result<int> {
    KTS_TRY(const int value, inner());
    return value + 1;
  };
  ASSERT_FALSE(outer());
  EXPECT_EQ(outer().error().message, "no");
}

}  // namespace
}  // namespace kts::error_test
