// SPDX-License-Identifier: Apache-2.0
#include "kts/worker/pacing.hpp"

#include <gtest/gtest.h>

#include <thread>

namespace kts::worker::pacing_test {
namespace {

using namespace std::chrono_literals;

TEST(StopFlag, StrongerRequestWins) {
  StopFlag flag;
  EXPECT_EQ(flag.get(), StopRequest::kNone);
  flag.raise(StopRequest::kInterrupt);
  flag.raise(StopRequest::kStop);
  EXPECT_EQ(flag.get(), StopRequest::kInterrupt);
}

TEST(StopFlag, OnlyAStopIsTakenBack) {
  StopFlag flag;
  flag.raise(StopRequest::kStop);
  flag.clear_stop();
  EXPECT_EQ(flag.get(), StopRequest::kNone);
  flag.raise(StopRequest::kInterrupt);
  flag.clear_stop();
  EXPECT_EQ(flag.get(), StopRequest::kInterrupt);
}

class SystemPacingModes : public testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(OwnCore, SystemPacingModes, testing::Bool());

TEST_P(SystemPacingModes, WaitNeverEndsEarly) {
  StopFlag flag;
  SystemPacing pacing(flag, GetParam());
  const MonotonicTime instant = pacing.now() + 2ms;
  pacing.wait_until(instant);
  EXPECT_GE(pacing.now(), instant);
}

TEST_P(SystemPacingModes, InstantThatHasPassedIsNoWait) {
  StopFlag flag;
  SystemPacing pacing(flag, GetParam());
  pacing.wait_until(MonotonicTime{});
  pacing.wait_until(pacing.now() - 1ns);
}

// Were the stop not seen, this would last a century.
TEST_P(SystemPacingModes, StopEndsAWaitThatHasBegunOrNot) {
  StopFlag flag;
  SystemPacing pacing(flag, GetParam());
  std::thread other([&flag] { flag.raise(StopRequest::kStop); });
  pacing.wait_until(pacing.now() + std::chrono::hours(24 * 36500));
  other.join();
  EXPECT_EQ(pacing.stop_request(), StopRequest::kStop);
  pacing.wait_until(pacing.now() + std::chrono::hours(24 * 36500));
}

}  // namespace
}  // namespace kts::worker::pacing_test
