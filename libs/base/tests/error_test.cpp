// SPDX-License-Identifier: Apache-2.0
#include "kts/base/error.hpp"

#include <gtest/gtest.h>

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
