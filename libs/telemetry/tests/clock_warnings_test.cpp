// SPDX-License-Identifier: Apache-2.0
#include "kts/telemetry/clock_warnings.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kts::telemetry {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::vector<Window> kWindows{{false, 0, 100}, {true, 200, 300}};

Reading at(std::int64_t t, std::optional<unsigned> clock, std::uint64_t reasons = 0) {
  Reading reading;
  reading.epoch_ns = t;
  reading.sample.sm_clock_mhz = clock;
  reading.sample.clock_event_reasons = reasons;
  return reading;
}

TEST(ClockWarnings, EqualClocksAreNoWarning) {
  const std::vector<Reading> readings{at(0, 1980), at(99, 1980), at(200, 1965), at(299, 1980)};
  EXPECT_THAT(clock_warnings(readings, kWindows), IsEmpty());
}

TEST(ClockWarnings, MediansMoreThanTwoPercentApartAreOne) {
  const std::vector<Reading> readings{at(0, 2000), at(50, 2000), at(200, 1959), at(250, 1959)};
  EXPECT_THAT(clock_warnings(readings, kWindows),
              ElementsAre(HasSubstr("2000 MHz in solo and 1959 MHz in shared")));
  const std::vector<Reading> nearer{at(0, 2000), at(200, 1961)};
  EXPECT_THAT(clock_warnings(nearer, kWindows), IsEmpty());
}

TEST(ClockWarnings, ReadingsBetweenBlocksDoNotCount) {
  const std::vector<Reading> readings{at(0, 2000), at(150, 345, 0x8), at(200, 2000), at(300, 345)};
  EXPECT_THAT(clock_warnings(readings, kWindows), IsEmpty());
}

TEST(ClockWarnings, ThrottlingInsideABlockIsNamedWithItsShare) {
  const std::vector<Reading> readings{at(0, 2000), at(50, 2000, 0x4), at(200, 2000, 0x1)};
  EXPECT_THAT(clock_warnings(readings, kWindows),
              ElementsAre(HasSubstr("in 1 of 3 readings inside blocks (power cap)")));
}

TEST(ClockWarnings, UnknownClocksSayNothing) {
  const std::vector<Reading> readings{at(0, std::nullopt), at(200, 1000)};
  EXPECT_THAT(clock_warnings(readings, kWindows), IsEmpty());
}

}  // namespace
}  // namespace kts::telemetry
