// SPDX-License-Identifier: Apache-2.0
#include "kts/workload_cuda/clock_map.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <thread>

#include "../src/whole_device.hpp"

namespace kts::workload_cuda::clock_map_test {
namespace {

// A device whose clock runs `drift` fast or slow of a host that started long ago.
struct World {
  double drift = 40e-6;
  double start_ns = 1.7e14;
  [[nodiscard]] double host(double device_ns) const { return start_ns + device_ns * (1 + drift); }
};

std::vector<Bracket> observe(const World& world, double from_ns, int n, std::mt19937_64& random) {
  std::exponential_distribution<double> delay(1 / 2000.0);
  std::vector<Bracket> brackets;
  for (int i = 0; i < n; ++i) {
    const double t = from_ns + i * 20e3;
    brackets.push_back({static_cast<std::int64_t>(std::floor(world.host(t) - 700 - delay(random))),
                        t,
                        static_cast<std::int64_t>(std::ceil(world.host(t) + 900 + delay(random)))});
  }
  return brackets;
}

TEST(ClockMap, IntersectionHoldsTheTruthAndIsTighterThanAnyBracket) {
  const World world;
  std::mt19937_64 random(1);
  for (int round = 0; round < 50; ++round) {
    const auto brackets = observe(world, 1e9 * round, 64, random);
    const auto fix = intersect(brackets, world.drift).value();
    const double truth = world.host(fix.device_ns) - fix.device_ns;
    EXPECT_LE(std::abs(fix.offset_ns - truth), fix.half_width_ns + 1);
    EXPECT_LT(fix.half_width_ns, 1100);
  }
}

TEST(ClockMap, ContradictoryBracketsGiveNoFix) {
  EXPECT_FALSE(intersect({{0, 0, 10}, {100, 0, 110}}, 0));
  EXPECT_FALSE(intersect({}, 0));
}

TEST(ClockMap, LearnsTheDriftAndPredictsTheNextBlock) {
  const World world;
  std::mt19937_64 random(2);
  ClockMap map;
  double t = 0;
  EXPECT_EQ(map.add(intersect(observe(world, t, 64, random), 0).value()), 0);
  for (int block = 0; block < 10; ++block) {
    t += 2e9;
    const double error =
        map.add(intersect(observe(world, t, 64, random), map.drift_ratio()).value());
    if (block > 0) {
      EXPECT_LT(std::abs(error), 2500) << block;
    }
  }
  EXPECT_TRUE(map.drift_known());
  EXPECT_NEAR(map.drift_ratio(), world.drift, 0.1e-6);
  const double later = t + 2e9;
  EXPECT_NEAR(static_cast<double>(map.to_host_ns(later)), world.host(later), 2000);
  EXPECT_NEAR(static_cast<double>(map.to_host_length_ns(6e9)), world.host(6e9) - world.host(0),
              1000);
}

TEST(ClockMap, FollowsADriftThatWanders) {
  ClockMap map;
  double offset = 0;
  double t = 0;
  double error = 0;
  for (int block = 0; block < 60; ++block) {
    const double drift = 2e-6 + 0.03e-6 * 2 * block;  // 0.03 ppm a second, blocks of 2 s
    offset += drift * 2e9;
    t += 2e9;
    error = map.add({t, offset, 2000});
  }
  EXPECT_LT(std::abs(error), 1000);
}

TEST(ClockMap, UncertainPairsDoNotMoveTheDrift) {
  ClockMap map;
  map.add({0, 0, 50'000});
  map.add({1e9, 90'000, 50'000});
  EXPECT_EQ(map.drift_ratio(), 0);
  EXPECT_FALSE(map.drift_known());
}

// `grow` allocates in its warm-up, which has the device already.
TEST(WholeDevice, IsTakenAgainByItsHolderAndByNobodyElse) {
  const std::scoped_lock alone(whole_device());
  ASSERT_TRUE(whole_device().try_lock());
  whole_device().unlock();
  bool taken = true;
  std::thread([&taken] { taken = whole_device().try_lock(); }).join();
  EXPECT_FALSE(taken);
}

}  // namespace
}  // namespace kts::workload_cuda::clock_map_test
