// SPDX-License-Identifier: Apache-2.0
#include "kts/workload/arrival.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <vector>

namespace kts::workload {
namespace {

using namespace std::chrono_literals;

std::vector<std::int64_t> gaps(const ArrivalSpec& spec, std::uint64_t seed, int count) {
  ArrivalSchedule schedule(spec, seed);
  std::vector<std::int64_t> result;
  for (int i = 0; i < count; ++i) result.push_back(schedule.next_gap().count());
  return result;
}

TEST(Arrival, NamesAreReadBack) {
  for (const auto process : {ArrivalProcess::kClosed, ArrivalProcess::kSaturate,
                             ArrivalProcess::kPoisson, ArrivalProcess::kUniform}) {
    EXPECT_EQ(arrival_process_from_name(name(process)), process);
  }
  EXPECT_EQ(arrival_process_from_name("Poisson"), std::nullopt);
}

TEST(Arrival, IsDescribedWithItsParameter) {
  EXPECT_EQ(describe({ArrivalProcess::kPoisson, 200, 0ns}), "poisson 200/s");
  EXPECT_EQ(describe({ArrivalProcess::kClosed, 0, 100ms}), "closed, 100ms think");
  EXPECT_EQ(describe({ArrivalProcess::kSaturate, 0, 0ns}), "saturate");
}

// Values fixed: they must be the same on every platform and in every release.
TEST(Arrival, SeedGivesTheseGapsEverywhere) {
  const auto found = gaps({ArrivalProcess::kPoisson, 1000, 0ns}, 1, 3);
  EXPECT_EQ(found, (std::vector<std::int64_t>{836006, 1369562, 3540554}));
}

TEST(Arrival, PoissonGapsAreExponential) {
  constexpr int kCount = 100'000;
  const auto found = gaps({ArrivalProcess::kPoisson, 1000, 0ns}, 7, kCount);
  double mean = 0;
  int longer_than_mean = 0;
  for (const auto gap : found) {
    mean += static_cast<double>(gap) / kCount;
    longer_than_mean += gap > 1'000'000;
  }
  EXPECT_NEAR(mean, 1e6, 1e4);
  EXPECT_NEAR(static_cast<double>(longer_than_mean) / kCount, std::exp(-1), 0.01);
}

TEST(Arrival, UniformGapsAreEqualAfterARandomFirst) {
  const ArrivalSpec spec{ArrivalProcess::kUniform, 200, 0ns};
  const auto one = gaps(spec, 1, 4);
  const auto two = gaps(spec, 2, 4);
  EXPECT_LT(one[0], 5'000'000);
  EXPECT_NE(one[0], two[0]);
  for (int i = 1; i < 4; ++i) EXPECT_EQ(one[static_cast<std::size_t>(i)], 5'000'000);
}

TEST(Arrival, BlocksOfOneSeedDiffer) {
  EXPECT_EQ(block_seed(1, 3), block_seed(1, 3));
  EXPECT_NE(block_seed(1, 3), block_seed(1, 4));
  EXPECT_NE(block_seed(1, 3), block_seed(2, 3));
}

TEST(Arrival, TinyRateDoesNotOverflow) {
  for (const auto gap : gaps({ArrivalProcess::kPoisson, 1e-12, 0ns}, 1, 100)) {
    EXPECT_GE(gap, 0);
    EXPECT_LE(gap, 32'000'000'000'000'000);
  }
}

}  // namespace
}  // namespace kts::workload
