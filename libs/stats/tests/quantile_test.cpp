// SPDX-License-Identifier: Apache-2.0
#include "kts/stats/quantile.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

namespace kts::stats::quantile_test {
namespace {

std::optional<double> quantile_of(std::vector<double> values, double p) {
  return QuantileSelector<double>(values).quantile(p);
}

TEST(Quantile, EmptyBufferHasNone) { EXPECT_EQ(quantile_of({}, 0.5), std::nullopt); }

TEST(Quantile, ProbabilityOutsideZeroToOneHasNone) {
  EXPECT_EQ(quantile_of({1, 2}, -0.01), std::nullopt);
  EXPECT_EQ(quantile_of({1, 2}, 1.01), std::nullopt);
  EXPECT_EQ(quantile_of({1, 2}, std::nan("")), std::nullopt);
}

TEST(Quantile, SingleValueIsEveryQuantile) {
  for (const double p : {0.0, 0.5, 0.99, 1.0}) EXPECT_EQ(quantile_of({7}, p), 7);
}

// Hyndman & Fan 1996, definition 7: m = 1 - p, so the position is (n - 1) p + 1. NumPy's manual for
// numpy.percentile: a = [10, 7, 4, 3, 2, 1] has 50th percentile 3.5.
TEST(Quantile, AgreesWithPublishedValuesOfTypeSeven) {
  const std::vector<double> manual{10, 7, 4, 3, 2, 1};
  EXPECT_DOUBLE_EQ(*quantile_of(manual, 0.5), 3.5);
  EXPECT_DOUBLE_EQ(*quantile_of(manual, 0.25), 2.25);
  EXPECT_DOUBLE_EQ(*quantile_of(manual, 0.75), 6.25);
  EXPECT_DOUBLE_EQ(*quantile_of(manual, 0.99), 9.85);
  // R's manual: quantile(x <- 1:10, 0.9) is 9.1 by type 7 and by no other.
  EXPECT_DOUBLE_EQ(*quantile_of({1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, 0.9), 9.1);
}

TEST(Quantile, EndsAreMinimumAndMaximum) {
  EXPECT_EQ(quantile_of({3, 1, 2}, 0), 1);
  EXPECT_EQ(quantile_of({3, 1, 2}, 1), 3);
}

TEST(QuantileSelector, ManyQuantilesInAnyOrderEqualThoseOfASortedBuffer) {
  std::mt19937_64 random(17);
  for (const std::size_t n : {2U, 3U, 10U, 101U, 4096U}) {
    std::vector<std::int32_t> values(n);
    for (auto& value : values) value = static_cast<std::int32_t>(random() % 50) - 25;
    auto sorted = values;
    std::sort(sorted.begin(), sorted.end());
    QuantileSelector<std::int32_t> selector(values);
    for (int i = 0; i < 40; ++i) {
      const double p = static_cast<double>(random() % 1001) / 1000;
      const double position = p * static_cast<double>(n - 1);
      const auto rank = static_cast<std::size_t>(position);
      const double low = sorted[rank];
      const double high = sorted[std::min(rank + 1, n - 1)];
      EXPECT_DOUBLE_EQ(*selector.quantile(p),
                       low + (position - static_cast<double>(rank)) * (high - low));
    }
  }
}

template <typename T>
void expect_ranks_of_sorted(std::vector<T> values, std::mt19937_64& random) {
  auto sorted = values;
  std::sort(sorted.begin(), sorted.end());
  QuantileSelector<T> selector(values);
  for (int i = 0; i < 500; ++i) {
    const std::size_t rank = random() % sorted.size();
    ASSERT_EQ(selector.order_statistic(rank), sorted[rank]);
  }
  EXPECT_EQ(selector.order_statistic(0), sorted.front());
  EXPECT_EQ(selector.order_statistic(sorted.size() - 1), sorted.back());
  std::sort(values.begin(), values.end());
  EXPECT_EQ(values, sorted);
}

TEST(QuantileSelector, LargeBuffersOfWholeNumbersHaveTheRanksOfTheSortedOnes) {
  std::mt19937_64 random(18);
  constexpr std::size_t kMany = 20'000;
  std::vector<std::int32_t> lengths(kMany);
  std::lognormal_distribution<double> tail(12, 2);
  for (auto& length : lengths) length = static_cast<std::int32_t>(std::min(tail(random), 2e9));
  lengths[7] = -300;
  expect_ranks_of_sorted(lengths, random);
  expect_ranks_of_sorted(std::vector<std::int32_t>(kMany, 42), random);
  std::vector<std::int64_t> all(kMany);
  for (auto& value : all) value = static_cast<std::int64_t>(random());
  all[1] = std::numeric_limits<std::int64_t>::min();
  all[2] = std::numeric_limits<std::int64_t>::max();
  expect_ranks_of_sorted(all, random);
}

TEST(QuantileSelector, ValuesThatAreHandedOverHaveTheRanksOfTheSortedOnes) {
  std::mt19937_64 random(19);
  for (const std::size_t n : {100U, 20'000U}) {
    std::vector<std::int32_t> values(n);
    for (auto& value : values) value = static_cast<std::int32_t>(random() % 1'000'000) - 500;
    std::vector<std::int32_t> buffer(n);
    QuantileSelector<std::int32_t> selector(buffer, -500, [&](auto take) {
      for (const std::int32_t value : values) take(value);
    });
    std::sort(values.begin(), values.end());
    for (const std::size_t rank : {n / 2, std::size_t{0}, n - 1, n / 3}) {
      EXPECT_EQ(selector.order_statistic(rank), values[rank]);
    }
  }
}

TEST(QuantileSelector, KeepsTheBuffersValues) {
  std::vector<std::int64_t> values{5, 3, 9, 1, 7, 3};
  auto before = values;
  QuantileSelector<std::int64_t> selector(values);
  EXPECT_EQ(selector.order_statistic(4), 7);
  EXPECT_EQ(selector.order_statistic(1), 3);
  std::sort(before.begin(), before.end());
  std::sort(values.begin(), values.end());
  EXPECT_EQ(values, before);
}

}  // namespace
}  // namespace kts::stats::quantile_test
