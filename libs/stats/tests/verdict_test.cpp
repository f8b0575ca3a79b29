// SPDX-License-Identifier: Apache-2.0
#include "kts/stats/verdict.hpp"

#include <gtest/gtest.h>

namespace kts::stats::verdict_test {
namespace {

TEST(Verdict, FollowsTheInterval) {
  EXPECT_EQ(judge({{1.06}, {1.2}}), Verdict::kHurt);
  EXPECT_EQ(judge({{0.96}, {1.04}}), Verdict::kFree);
  EXPECT_EQ(judge({{0.5}, {0.94}}), Verdict::kHelped);
  EXPECT_EQ(judge({{1.0}, {1.2}}), Verdict::kCannotConclude);
  EXPECT_EQ(judge({{0.9}, {1.2}}), Verdict::kCannotConclude);
}

TEST(Verdict, OnAThresholdIsFree) { EXPECT_EQ(judge({{0.95}, {1.05}}), Verdict::kFree); }

TEST(Verdict, MissingBoundIsUnbounded) {
  EXPECT_EQ(judge({{1.5}, {}}), Verdict::kHurt);
  EXPECT_EQ(judge({{1.0}, {}}), Verdict::kCannotConclude);
  EXPECT_EQ(judge({{}, {0.9}}), Verdict::kHelped);
  EXPECT_EQ(judge({}), Verdict::kCannotConclude);
}

TEST(SamplesNeeded, GrowWithTheSquareOfTheMissingPrecision) {
  // ln 1.1025 = 2 ln 1.05: one ln 1.05 from the threshold, half-width three times that.
  const double step = kHurtAbove;
  const double ratio = step * step;
  const Interval interval{{ratio / (step * step * step)}, {ratio * step * step * step}};
  EXPECT_NEAR(static_cast<double>(*samples_needed(ratio, interval, 1000)), 9000, 1);
}

TEST(SamplesNeeded, UnknownWithoutBothBoundsOrOnTheThreshold) {
  EXPECT_FALSE(samples_needed(1.2, {{1.0}, {}}, 1000));
  EXPECT_FALSE(samples_needed(kHurtAbove, {{1.0}, {1.1}}, 1000));
  EXPECT_FALSE(samples_needed(kHurtAbove * 1.001, {{1.0}, {1.1}}, 1000)) << "2,000 times as many";
}

TEST(Verdict, NamesAreWords) {
  EXPECT_EQ(name(Verdict::kHurt), "hurt");
  EXPECT_EQ(name(Verdict::kCannotConclude), "cannot conclude");
}

}  // namespace
}  // namespace kts::stats::verdict_test
