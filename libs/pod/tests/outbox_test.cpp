// SPDX-License-Identifier: Apache-2.0
#include "kts/pod/outbox.hpp"

#include <gtest/gtest.h>

namespace kts::pod::outbox_test {
namespace {

using std::chrono_literals::operator""s;

std::string line(int i) { return "KTS_APP,v2,router," + std::to_string(1000 + i) + "\n"; }
const std::size_t kLine = line(0).size();

MonotonicTime at(std::int64_t seconds) { return MonotonicTime(std::chrono::seconds(seconds)); }

// Chunks of three lines, a window of two chunks.
OutboxLimits limits() { return {3 * kLine, 6 * kLine, 1000 * kLine, 5s}; }

void fill(Outbox& outbox, int block, int lines) {
  outbox.open(block);
  for (int i = 0; i < lines; ++i) outbox.add(line(i));
  outbox.close({.complete = true});
}

// Numbers that it prints now.
std::vector<std::uint64_t> print(Outbox& outbox, MonotonicTime now, bool ignore_window = false) {
  std::vector<std::uint64_t> numbers;
  while (const auto chunk = outbox.next(now, ignore_window)) {
    numbers.push_back(*chunk);
    EXPECT_FALSE(outbox.print(*chunk, now).empty());
  }
  return numbers;
}
using Numbers = std::vector<std::uint64_t>;

TEST(Outbox, CutsBetweenLinesAndNumbersThroughBlocks) {
  Outbox outbox(limits());
  fill(outbox, 4, 7);
  fill(outbox, 6, 1);
  EXPECT_EQ(outbox.chunks(), 4U);
  print(outbox, at(0), true);
  const std::vector<std::pair<int, std::uint64_t>> expected{{4, 3}, {4, 3}, {4, 1}, {6, 1}};
  for (std::uint64_t number = 0; number < 4; ++number) {
    const std::string text = outbox.print(number, at(0));
    const auto end = text.find('\n');
    const auto frame = parse_frame(text.substr(0, end)).value();
    const auto& header = std::get<ChunkHeader>(*frame);
    EXPECT_EQ(header.chunk, number);
    EXPECT_EQ(header.block, expected[number].first);
    EXPECT_EQ(header.lines, expected[number].second);
    EXPECT_EQ(header.bytes, text.size() - end - 1);
    EXPECT_EQ(header.last, number >= 2);
    EXPECT_TRUE(header.complete);
  }
  EXPECT_TRUE(outbox.print(1, at(0)).ends_with(line(3) + line(4) + line(5)));
}

TEST(Outbox, WhatIsDiscardedIsNeverPrinted) {
  Outbox outbox(limits());
  outbox.open(1);
  outbox.add(line(1));
  outbox.discard();
  outbox.close({});
  EXPECT_EQ(outbox.chunks(), 0U);
  EXPECT_TRUE(outbox.all_acknowledged());
}

TEST(Outbox, NothingIsPrintedBeforeItsBlockIsOver) {
  Outbox outbox(limits());
  outbox.open(1);
  for (int i = 0; i < 9; ++i) outbox.add(line(i));
  EXPECT_EQ(print(outbox, at(0)), Numbers{});
  outbox.close({});
  EXPECT_EQ(print(outbox, at(0), true), (Numbers{0, 1, 2}));
}

TEST(Outbox, WindowBoundsWhatIsOutstanding) {
  Outbox outbox(limits());
  fill(outbox, 1, 12);
  EXPECT_EQ(print(outbox, at(0)), (Numbers{0, 1}));
  ASSERT_TRUE(outbox.acknowledge({1}, at(1)));
  EXPECT_EQ(print(outbox, at(1)), Numbers{2});
  ASSERT_TRUE(outbox.acknowledge({3}, at(1)));
  EXPECT_EQ(print(outbox, at(1)), Numbers{3});
  EXPECT_FALSE(outbox.all_acknowledged());
  ASSERT_TRUE(outbox.acknowledge({4}, at(1)));
  EXPECT_TRUE(outbox.all_acknowledged());
  EXPECT_EQ(outbox.acknowledged_chunks(), 4U);
}

TEST(Outbox, ChunkLargerThanTheWindowGoesAlone) {
  Outbox outbox({3 * kLine, kLine, 1000 * kLine, 5s});
  fill(outbox, 1, 6);
  EXPECT_EQ(print(outbox, at(0)), Numbers{0});
  ASSERT_TRUE(outbox.acknowledge({1}, at(1)));
  EXPECT_EQ(print(outbox, at(1)), Numbers{1});
}

TEST(Outbox, WhatIsAskedForIsPrintedAgainUnlessThatIsUnderWay) {
  Outbox outbox(limits());
  fill(outbox, 1, 6);
  print(outbox, at(0));
  ASSERT_TRUE(outbox.acknowledge({2, {0}, 2}, at(1)));
  EXPECT_EQ(print(outbox, at(1)), Numbers{0});
  // Asked for before printing number 2 came.
  ASSERT_TRUE(outbox.acknowledge({2, {0}, 2}, at(1)));
  EXPECT_EQ(print(outbox, at(1)), Numbers{});
  // Asked for after it should have come.
  ASSERT_TRUE(outbox.acknowledge({2, {0}, 3}, at(1)));
  EXPECT_EQ(print(outbox, at(1)), Numbers{0});
  ASSERT_TRUE(outbox.acknowledge({2, {}, 4}, at(7)));
  EXPECT_EQ(print(outbox, at(100)), Numbers{});
  EXPECT_TRUE(outbox.all_acknowledged());
  EXPECT_EQ(outbox.prints(), 4U);
}

TEST(Outbox, WhatHasNoAnswerIsPrintedAgainWhenNothingElseHappens) {
  Outbox outbox(limits());
  fill(outbox, 1, 6);
  print(outbox, at(0));
  EXPECT_EQ(print(outbox, at(4)), Numbers{});
  ASSERT_TRUE(outbox.acknowledge({1}, at(4)));
  EXPECT_EQ(outbox.next_patience(), at(9));
  EXPECT_EQ(print(outbox, at(8)), Numbers{});
  EXPECT_EQ(print(outbox, at(9)), Numbers{1});
  EXPECT_EQ(print(outbox, at(10)), Numbers{});
}

TEST(Outbox, AcknowledgementOfWhatWasNeverPrintedIsRefused) {
  Outbox outbox(limits());
  fill(outbox, 1, 9);
  print(outbox, at(0));
  EXPECT_FALSE(outbox.acknowledge({3}, at(1)));
  EXPECT_EQ(outbox.acknowledged_chunks(), 0U);
  EXPECT_TRUE(outbox.acknowledge({2}, at(1)));
}

TEST(Outbox, OlderAcknowledgementTakesNothingBack) {
  Outbox outbox(limits());
  fill(outbox, 1, 6);
  print(outbox, at(0));
  ASSERT_TRUE(outbox.acknowledge({2}, at(1)));
  ASSERT_TRUE(outbox.acknowledge({1, {0}, 2}, at(1)));
  EXPECT_EQ(print(outbox, at(100)), Numbers{});
  EXPECT_TRUE(outbox.all_acknowledged());
}

TEST(Outbox, TokensAreDispensableAsRecordsAre) {
  Outbox outbox({3 * kLine, 6 * kLine, 4 * kLine, 5s});
  outbox.open(1);
  for (int i = 0; i < 4; ++i) outbox.add(line(i));
  outbox.add("KTS_TOKEN,v2,router,1003,1,1\n");
  EXPECT_EQ(outbox.dropped(), 1U);
}

TEST(Outbox, BeyondItsMemoryRecordsAreCountedAndTheFrameIsKept) {
  Outbox outbox({3 * kLine, 6 * kLine, 4 * kLine, 5s});
  outbox.open(1);
  for (int i = 0; i < 10; ++i) outbox.add(line(i));
  outbox.add("KTS_END,v2,{}\n");
  outbox.close({});
  EXPECT_EQ(outbox.dropped(), 6U);
  print(outbox, at(0));
  const std::string text = outbox.print(1, at(0));
  const auto frame = parse_frame(text.substr(0, text.find('\n'))).value();
  EXPECT_EQ(std::get<ChunkHeader>(*frame).dropped, 6U);
  EXPECT_TRUE(text.ends_with("KTS_END,v2,{}\n"));
  // What is acknowledged makes room.
  ASSERT_TRUE(outbox.acknowledge({2}, at(0)));
  fill(outbox, 2, 3);
  EXPECT_EQ(outbox.dropped(), 6U);
}

}  // namespace
}  // namespace kts::pod::outbox_test
