// SPDX-License-Identifier: Apache-2.0
#include "kts/record/iteration.hpp"

#include <gtest/gtest.h>

namespace kts::record::iteration_test {
namespace {

TEST(Catalogue, NamesRoundTrip) {
  for (const Measure measure : kMeasures) {
    EXPECT_EQ(info(measure).measure, measure);
    EXPECT_EQ(measure_from_name(info(measure).name), measure);
    EXPECT_FALSE(info(measure).formula.empty());
    EXPECT_TRUE(info(measure).meaning.ends_with('.'));
  }
}

TEST(Catalogue, UnknownNameIsNothing) {
  EXPECT_EQ(measure_from_name("gpu"), std::nullopt);
  EXPECT_EQ(measure_from_name(""), std::nullopt);
}

TEST(Length, PartsAddUpToLatency) {
  const Iteration i{
      .seq = 0, .due_ns = 10, .submit_ns = 13, .gpu_start_ns = 20, .gpu_end_ns = 37, .done_ns = 41};
  EXPECT_EQ(length_ns(i, Measure::kBacklog), 3);
  EXPECT_EQ(length_ns(i, Measure::kGpuWait), 7);
  EXPECT_EQ(length_ns(i, Measure::kGpuTime), 17);
  EXPECT_EQ(length_ns(i, Measure::kNotify), 4);
  EXPECT_EQ(length_ns(i, Measure::kLatency), 31);
}

TEST(Length, FirstTokenIsAwaitedFromTheDueInstant) {
  Iteration i{.seq = 0, .due_ns = 10, .submit_ns = 13, .done_ns = 41};
  EXPECT_EQ(length_ns(i, Measure::kTtft), kUnavailable);
  i.first_token_ns = 25;
  EXPECT_EQ(length_ns(i, Measure::kTtft), 15);
  EXPECT_EQ(length_ns(i, Measure::kItl), kUnavailable);
}

TEST(Length, PartOfAMissingInstantIsUnavailableNotZero) {
  const Iteration i{.seq = 0, .due_ns = 10, .submit_ns = 13, .done_ns = 41};
  EXPECT_EQ(length_ns(i, Measure::kGpuWait), kUnavailable);
  EXPECT_EQ(length_ns(i, Measure::kGpuTime), kUnavailable);
  EXPECT_EQ(length_ns(i, Measure::kNotify), kUnavailable);
  EXPECT_EQ(length_ns(i, Measure::kLatency), 31);
}

}  // namespace
}  // namespace kts::record::iteration_test
