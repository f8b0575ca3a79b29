// SPDX-License-Identifier: Apache-2.0
#include "kts/worker/histogram.hpp"

#include <gtest/gtest.h>

namespace kts::worker::histogram_test {
namespace {

TEST(Histogram, EmptyHasNoQuantiles) {
  const Histogram histogram;
  EXPECT_EQ(histogram.quantile(0.5), std::nullopt);
  EXPECT_EQ(histogram.max(), std::nullopt);
}

TEST(Histogram, SmallValuesAreExact) {
  Histogram histogram;
  for (int ns = 0; ns <= 500; ++ns) histogram.add(ns);
  EXPECT_EQ(histogram.quantile(0), 0);
  EXPECT_EQ(histogram.quantile(0.5), 250);
  EXPECT_EQ(histogram.quantile(0.99), 495);
  EXPECT_EQ(histogram.quantile(1), 500);
}

TEST(Histogram, EveryMagnitudeIsWithinTwoPerMille) {
  for (std::int64_t ns = 1; ns < INT64_MAX / 3; ns = ns * 3 + 1) {
    Histogram histogram;
    histogram.add(ns);
    histogram.add(INT64_MAX);
    const auto found = static_cast<double>(histogram.quantile(0).value_or(-1));
    EXPECT_NEAR(found / static_cast<double>(ns), 1, 0.002) << ns;
  }
}

TEST(Histogram, MaximumIsExactAndBoundsTheQuantiles) {
  Histogram histogram;
  histogram.add(123'456'789);
  EXPECT_EQ(histogram.max(), 123'456'789);
  EXPECT_LE(histogram.quantile(1).value_or(INT64_MAX), 123'456'789);
  histogram.add(INT64_MAX);
  EXPECT_EQ(histogram.max(), INT64_MAX);
}

TEST(Histogram, NegativeCountsAsZero) {
  Histogram histogram;
  histogram.add(-5);
  EXPECT_EQ(histogram.count(), 1U);
  EXPECT_EQ(histogram.quantile(0.5), 0);
}

TEST(Histogram, ClearForgets) {
  Histogram histogram;
  histogram.add(5);
  histogram.clear();
  EXPECT_EQ(histogram.count(), 0U);
  EXPECT_EQ(histogram.quantile(0.5), std::nullopt);
}

}  // namespace
}  // namespace kts::worker::histogram_test
