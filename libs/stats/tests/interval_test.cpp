// SPDX-License-Identifier: Apache-2.0
#include "kts/stats/interval.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "kts/stats/quantile.hpp"

namespace kts::stats::interval_test {
namespace {

// Published tables of Student's t, two-sided 95 % and 99 %.
TEST(StudentT, AgreesWithPublishedTables) {
  EXPECT_NEAR(student_t_quantile(0.975, 1), 12.706205, 1e-6);
  EXPECT_NEAR(student_t_quantile(0.975, 2), 4.302653, 1e-6);
  EXPECT_NEAR(student_t_quantile(0.975, 4), 2.776445, 1e-6);
  EXPECT_NEAR(student_t_quantile(0.975, 9), 2.262157, 1e-6);
  EXPECT_NEAR(student_t_quantile(0.975, 19), 2.093024, 1e-6);
  EXPECT_NEAR(student_t_quantile(0.995, 10), 3.169273, 1e-6);
  EXPECT_NEAR(student_t_quantile(0.975, 100000), 1.959987, 1e-5);
}

TEST(StudentT, IsSymmetric) {
  EXPECT_DOUBLE_EQ(student_t_quantile(0.025, 7), -student_t_quantile(0.975, 7));
  EXPECT_NEAR(student_t_quantile(0.5, 3), 0, 1e-12);
}

TEST(ShareError, NeedsFiveBlocksThatHaveSamples) {
  std::vector<BlockCount> blocks(4, {100, 50});
  EXPECT_FALSE(share_error(blocks));
  blocks.push_back({0, 0});
  EXPECT_FALSE(share_error(blocks));
  blocks.push_back({100, 50});
  EXPECT_TRUE(share_error(blocks));
}

TEST(ShareError, OfEqualBlocksIsTheUsualStandardError) {
  // Shares 0.4, 0.45, 0.5, 0.55, 0.6: variance 0.00625, over five blocks 0.00125.
  const std::vector<BlockCount> blocks{{100, 40}, {100, 45}, {100, 50}, {100, 55}, {100, 60}};
  const auto error = share_error(blocks);
  ASSERT_TRUE(error);
  EXPECT_NEAR(error->standard_error, std::sqrt(0.00125), 1e-12);
  EXPECT_EQ(error->degrees, 4);
}

TEST(ShareError, OneBlockThatStandsOutCostsDegreesOfFreedom) {
  std::vector<BlockCount> blocks(20, {100, 100});
  blocks[7].at_or_below = 80;
  EXPECT_LE(share_error(blocks)->degrees, 2);
}

TEST(ShareError, BlocksThatAgreeHaveNone) {
  const auto error = share_error(std::vector<BlockCount>(8, {50, 25}));
  EXPECT_EQ(error->standard_error, 0);
  EXPECT_EQ(error->degrees, 7);
}

TEST(MaximumBounds, WhenEnoughClustersStandAbove) {
  // Exact 97.5 % lower bounds of a Poisson mean: 3.45 of 8, 4.12 of 9; ln 40 = 3.69 are needed.
  EXPECT_FALSE(maximum_bounds(0));
  EXPECT_FALSE(maximum_bounds(8));
  EXPECT_TRUE(maximum_bounds(9));
  EXPECT_TRUE(maximum_bounds(1'000'000'000));
}

TEST(QuantileInterval, NeverNarrowerThanIndependentSamplesAllow) {
  const Interval interval = quantile_interval(0.5, 400, {0, 9});
  EXPECT_NEAR(*interval.low, 0.5 - 1.959964 * 0.025, 1e-6);
  EXPECT_NEAR(*interval.high, 0.5 + 1.959964 * 0.025, 1e-6);
}

TEST(QuantileInterval, WidensWithTheBlocksSpread) {
  const Interval interval = quantile_interval(0.5, 400, {0.1, 9});
  EXPECT_NEAR(*interval.high - 0.5, 2.262157 * 0.1, 1e-6);
}

TEST(MaximumBounds, WhenSamplesAboveMostlyStandAlone) {
  EXPECT_FALSE(maximum_bounds_singles(4, 4));
  EXPECT_TRUE(maximum_bounds_singles(5, 5));
  EXPECT_TRUE(maximum_bounds_singles(10, 5));
  EXPECT_FALSE(maximum_bounds_singles(11, 5));
  EXPECT_FALSE(maximum_bounds_singles(38, 9));
}

TEST(QuantileInterval, HasNoUpperBoundBelowTheFloor) {
  EXPECT_EQ(upper_bound_floor(0.95), 72U);
  EXPECT_EQ(upper_bound_floor(0.99), 368U);
  EXPECT_EQ(upper_bound_floor(0.999), 3688U);
  EXPECT_FALSE(quantile_interval(0.99, 367, {0, 9}).high);
}

TEST(QuantileInterval, HasNoBoundWhereItWouldLeaveTheSamples) {
  const Interval tail = quantile_interval(0.99, 100000, {0.01, 9});
  EXPECT_TRUE(tail.low);
  EXPECT_FALSE(tail.high);
  EXPECT_FALSE(quantile_interval(0.05, 1000, {0.05, 9}).low);
}

TEST(RatioInterval, CombinesLogDistancesInQuadrature) {
  const Interval interval = ratio_interval(4, {{2}, {8}}, 2, {{1}, {4}});
  const double factor = std::exp(std::hypot(std::log(2), std::log(2)));
  EXPECT_NEAR(*interval.low, 2 / factor, 1e-12);
  EXPECT_NEAR(*interval.high, 2 * factor, 1e-12);
}

TEST(RatioInterval, TakesTheSideThatMattersOfEach) {
  // Down: numerator's low and denominator's high; up: the other two.
  const Interval interval = ratio_interval(10, {{9}, {}}, 5, {{5}, {5.5}});
  ASSERT_TRUE(interval.low);
  EXPECT_NEAR(*interval.low, 2 * std::exp(-std::hypot(std::log(10.0 / 9), std::log(1.1))), 1e-12);
  EXPECT_FALSE(interval.high);
}

TEST(RatioInterval, OfValuesThatAreNotPositiveIsEmpty) {
  const Interval interval = ratio_interval(1, {{0}, {2}}, 0, {{-1}, {1}});
  EXPECT_FALSE(interval.low);
  EXPECT_FALSE(interval.high);
}

// 2.5 % and 97.5 % points of a quantile over whole blocks drawn with replacement.
Interval block_bootstrap(const std::vector<std::vector<double>>& blocks, double p, int resamples,
                         std::mt19937_64& random) {
  std::vector<double> quantiles;
  std::vector<double> pool;
  for (int i = 0; i < resamples; ++i) {
    pool.clear();
    for (std::size_t b = 0; b < blocks.size(); ++b) {
      const auto& block = blocks[random() % blocks.size()];
      pool.insert(pool.end(), block.begin(), block.end());
    }
    quantiles.push_back(*QuantileSelector<double>(pool).quantile(p));
  }
  QuantileSelector<double> selector(quantiles);
  return {selector.quantile(0.025), selector.quantile(0.975)};
}

TEST(QuantileInterval, AgreesWithABlockBootstrapWhenBlocksDiffer) {
  std::mt19937_64 random(5);
  std::exponential_distribution<double> exponential;
  std::vector<std::vector<double>> blocks(40);
  for (auto& block : blocks) {
    const double scale = 1 + 0.3 * exponential(random);
    for (int i = 0; i < 500; ++i) block.push_back(scale * exponential(random));
  }
  std::vector<double> pool;
  for (const auto& block : blocks) pool.insert(pool.end(), block.begin(), block.end());
  QuantileSelector<double> selector(pool);
  for (const double p : {0.5, 0.95, 0.99}) {
    const double value = *selector.quantile(p);
    std::vector<BlockCount> counts;
    for (const auto& block : blocks) {
      counts.push_back(
          {block.size(), static_cast<std::uint64_t>(std::count_if(
                             block.begin(), block.end(), [&](double x) { return x <= value; }))});
    }
    const Interval at = quantile_interval(p, selector.size(), *share_error(counts));
    const double width = *selector.quantile(*at.high) - *selector.quantile(*at.low);
    const Interval bootstrap = block_bootstrap(blocks, p, 300, random);
    EXPECT_NEAR(width / (*bootstrap.high - *bootstrap.low), 1, 0.35) << p;
    EXPECT_LT(*selector.quantile(*at.low), value);
    EXPECT_GT(*selector.quantile(*at.high), value);
  }
}

}  // namespace
}  // namespace kts::stats::interval_test
