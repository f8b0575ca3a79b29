// SPDX-License-Identifier: Apache-2.0
#include "kts/base/clock.hpp"

#include <gtest/gtest.h>

namespace kts::clock_test {
namespace {

using namespace std::chrono_literals;

TEST(Clock, EpochOffsetRoundTrips) {
  const EpochOffset offset{1'700'000'000s};
  const MonotonicTime t{123'456'789ns};
  EXPECT_EQ(offset.to_monotonic(offset.to_epoch(t)), t);
  EXPECT_EQ(offset.to_epoch(t).time_since_epoch(), 1'700'000'000s + 123'456'789ns);
}

TEST(Clock, FakeClockSleepsWithoutWaiting) {
  FakeClock clock;
  clock.sleep_until(MonotonicTime(10s));
  EXPECT_EQ(clock.now(), MonotonicTime(10s));
  clock.sleep_until(MonotonicTime(5s));
  EXPECT_EQ(clock.now(), MonotonicTime(10s));
  clock.advance(1s);
  EXPECT_EQ(clock.now(), MonotonicTime(11s));
}

TEST(Clock, SystemClockNeverWakesBeforeItsDeadline) {
  SystemClock clock;
  const MonotonicTime deadline = clock.now() + 1ms;
  clock.sleep_until(deadline);
  EXPECT_GE(clock.now(), deadline);
}

TEST(Clock, StampsAreUtc) {
  const EpochTime t{1'700'000'000s};
  EXPECT_EQ(utc_stamp(t), "20231114T221320Z");
  EXPECT_EQ(utc_iso8601(t), "2023-11-14T22:13:20Z");
}

}  // namespace
}  // namespace kts::clock_test
