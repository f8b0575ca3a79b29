// SPDX-License-Identifier: Apache-2.0
#include "kts/worker/ring.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <thread>

namespace kts::worker::ring_test {
namespace {

TEST(Ring, GivesBackInOrder) {
  Ring<int> ring(4);
  int value = 0;
  EXPECT_FALSE(ring.pop(value));
  for (int i = 0; i < 10; ++i) {
    EXPECT_TRUE(ring.push(2 * i));
    EXPECT_TRUE(ring.push(2 * i + 1));
    EXPECT_TRUE(ring.pop(value));
    EXPECT_EQ(value, 2 * i);
    EXPECT_TRUE(ring.pop(value));
    EXPECT_EQ(value, 2 * i + 1);
  }
  EXPECT_FALSE(ring.pop(value));
}

TEST(Ring, FullRefusesAndKeepsWhatItHas) {
  Ring<int> ring(3);
  ASSERT_EQ(ring.capacity(), 4U);
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(ring.push(i));
  EXPECT_FALSE(ring.push(4));
  int value = 0;
  EXPECT_TRUE(ring.pop(value));
  EXPECT_EQ(value, 0);
  EXPECT_TRUE(ring.push(5));
  EXPECT_FALSE(ring.push(6));
}

TEST(Ring, TwoThreadsLoseAndReorderNothing) {
  constexpr std::uint64_t kCount = 200'000;
  Ring<std::uint64_t> ring(64);
  std::thread producer([&ring] {
    for (std::uint64_t i = 0; i < kCount; ++i) {
      while (!ring.push(i)) std::this_thread::yield();
    }
  });
  std::uint64_t wrong = 0;
  for (std::uint64_t expected = 0; expected < kCount; ++expected) {
    std::uint64_t value = 0;
    while (!ring.pop(value)) std::this_thread::yield();
    wrong += value != expected;
  }
  producer.join();
  EXPECT_EQ(wrong, 0U);
}

}  // namespace
}  // namespace kts::worker::ring_test
