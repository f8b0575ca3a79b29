// SPDX-License-Identifier: Apache-2.0
#include "kts/pod/log_reader.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "kts/pod/crc32.hpp"
#include "kts/pod/outbox.hpp"

namespace kts::pod::log_reader_test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

using Lines = std::vector<std::string>;

Lines split(const std::string& text) {
  Lines lines;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

std::string records(int count, int from = 0) {
  std::string text;
  for (int i = 0; i < count; ++i) {
    text += "KTS_APP,v2,router," + std::to_string(from + i) + ",1,2,3,4,5\n";
  }
  return text;
}

Lines chunk(std::uint64_t number, int block, const std::string& bytes,
            std::optional<std::uint64_t> print = {}) {
  ChunkHeader header;
  header.chunk = number;
  header.print = print.value_or(number);
  header.block = block;
  header.bytes = bytes.size();
  header.lines = static_cast<std::uint64_t>(std::ranges::count(bytes, '\n'));
  header.crc32 = crc32(bytes);
  return split(to_line(header) + bytes);
}

// Chunks that arrive, in order.
std::vector<std::uint64_t> feed(LogReader& reader, const Lines& lines) {
  std::vector<std::uint64_t> numbers;
  for (const std::string& line : lines) {
    const auto event = reader.take(line);
    if (!event) continue;
    if (const auto* whole = std::get_if<Chunk>(&*event)) numbers.push_back(whole->header.chunk);
  }
  return numbers;
}

Lines operator+(Lines a, const Lines& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

TEST(LogReader, WholeChunksComeOnceWithTheirBytes) {
  LogReader reader;
  const std::string bytes = records(3);
  std::optional<Chunk> found;
  for (const std::string& line : chunk(0, 7, bytes)) {
    EXPECT_FALSE(found);
    if (auto event = reader.take(line + "\n")) found = std::get<Chunk>(*event);
  }
  ASSERT_TRUE(found);
  EXPECT_EQ(found->bytes, bytes);
  EXPECT_EQ(found->header.block, 7);
  EXPECT_THAT(feed(reader, chunk(0, 7, bytes)), IsEmpty());
  EXPECT_EQ(reader.ack(), (Ack{1, {}, 1}));
  EXPECT_EQ(reader.damaged(), 0U);
}

TEST(LogReader, TimestampsAreTakenOffAndRemembered) {
  LogReader reader;
  Lines lines;
  int second = 10;
  for (const std::string& line : chunk(0, 1, records(2))) {
    lines.push_back("2026-11-21T06:06:" + std::to_string(second++) + ".123456789Z " + line + "\r");
  }
  EXPECT_THAT(feed(reader, lines), ElementsAre(0));
  EXPECT_EQ(reader.last_time(), "2026-11-21T06:06:12.123456789Z");
  EXPECT_THAT(feed(reader, {"2026-11-21T06:06:09+01:00 " + chunk(1, 1, "KTS_END,v2,{}\n")[0],
                            "2026-11-21T06:06:09+01:00 KTS_END,v2,{}"}),
              ElementsAre(1));
}

TEST(LogReader, TimestampAloneIsAPlainLine) {
  LogReader reader;
  for (const char* line : {"2026-11-21T06:06:09Z", "2026-11-21T06:06:09.Q x", "2026-11-21T06:06",
                           "2026-11-21T06:06:09+01:0 x", ""}) {
    const auto event = reader.take(line);
    ASSERT_TRUE(event);
    EXPECT_EQ(std::get<std::string_view>(*event), line);
  }
}

TEST(LogReader, MissingLineMeansAgain) {
  for (std::size_t missing = 1; missing <= 3; ++missing) {
    LogReader reader;
    Lines lines = chunk(0, 1, records(3));
    lines.erase(lines.begin() + static_cast<std::ptrdiff_t>(missing));
    EXPECT_THAT(feed(reader, lines + chunk(1, 1, records(1))), ElementsAre(1));
    EXPECT_EQ(reader.ack(), (Ack{2, {0}, 2}));
    EXPECT_EQ(reader.damaged(), 1U);
    EXPECT_THAT(feed(reader, chunk(0, 1, records(3), 2)), ElementsAre(0));
    EXPECT_EQ(reader.ack(), (Ack{2, {}, 3}));
  }
}

TEST(LogReader, LostHeaderMeansAgain) {
  LogReader reader;
  Lines lines = chunk(0, 1, records(3));
  lines.erase(lines.begin());
  EXPECT_THAT(feed(reader, lines + chunk(1, 1, records(2))), ElementsAre(1));
  EXPECT_EQ(reader.ack(), (Ack{2, {0}, 2}));
}

TEST(LogReader, ChangedByteMeansAgain) {
  LogReader reader;
  Lines lines = chunk(0, 1, records(3));
  lines[2][20] ^= 1;
  EXPECT_THAT(feed(reader, lines), IsEmpty());
  EXPECT_EQ(reader.ack(), (Ack{1, {0}, 1}));
}

TEST(LogReader, WhatIsJustArrivingIsNotAskedFor) {
  LogReader reader;
  const Lines lines = chunk(0, 1, records(3));
  feed(reader, {lines[0], lines[1]});
  EXPECT_EQ(reader.ack(), Ack{});
  reader.cut();
  EXPECT_EQ(reader.ack(), (Ack{1, {0}, 1}));
  // The rest without its beginning.
  EXPECT_THAT(feed(reader, {lines[2], lines[3]}), IsEmpty());
}

TEST(LogReader, HeartbeatTellsOfChunksThatNeverCame) {
  LogReader reader;
  Beat beat;
  beat.printed = 3;
  beat.prints = 4;
  const auto event = reader.take(to_line(beat));
  ASSERT_TRUE(event && std::holds_alternative<Beat>(*event));
  EXPECT_EQ(reader.ack(), (Ack{3, {0, 1, 2}, 4}));
}

TEST(LogReader, MissedBlocksAreKnownEvenIfTheirLineWasLost) {
  LogReader reader;
  Beat beat;
  beat.missed = {{4, "late"}};
  ASSERT_TRUE(reader.take(to_line(beat)));
  ASSERT_TRUE(reader.take(to_line(Missed{5, "still_there"})));
  EXPECT_THAT(reader.missed(), ElementsAre(std::pair(4, "late"), std::pair(5, "still_there")));
}

TEST(LogReader, StderrMixedIntoAChunkDoesNoHarm) {
  LogReader reader;
  Lines lines = chunk(0, 1, records(2));
  lines.insert(lines.begin() + 2, "kts-worker: something was wrong");
  EXPECT_THAT(feed(reader, lines), ElementsAre(0));
}

TEST(LogReader, OtherMessagesAreHandedOn) {
  LogReader reader;
  const auto ready = reader.take(to_line(Ready{.agent = "router", .device = "cpu"}));
  EXPECT_EQ(std::get<Ready>(ready.value()).agent, "router");
  const auto failure = reader.take(to_line(Fail{.message = "x", .exit_code = 1}));
  EXPECT_EQ(std::get<Fail>(failure.value()).message, "x");
  EXPECT_FALSE(reader.take("KTS_BEAT,v1,{\"mono"));
  EXPECT_EQ(reader.damaged(), 1U);
}

TEST(LogReader, AbsurdNumbersAreNotBelieved) {
  LogReader reader;
  Beat beat;
  beat.printed = std::uint64_t{1} << 60;
  EXPECT_FALSE(reader.take(to_line(beat)));
  feed(reader, chunk(std::uint64_t{1} << 60, 1, records(1)));
  EXPECT_EQ(reader.ack(), Ack{});
}

// A log that rotates while it is followed: ranges of lines vanish, come twice or in another order,
// and lines are cut.
Lines through_a_bad_log(Lines lines, std::mt19937& random) {
  const auto below = [&](std::size_t n) {
    return std::uniform_int_distribution<std::size_t>(0, n - 1)(random);
  };
  for (std::size_t harm = below(4); harm > 0 && !lines.empty(); --harm) {
    const std::size_t begin = below(lines.size());
    const std::size_t length = 1 + below(std::min<std::size_t>(lines.size() - begin, 40));
    const auto first = lines.begin() + static_cast<std::ptrdiff_t>(begin);
    const auto last = first + static_cast<std::ptrdiff_t>(length);
    switch (below(4)) {
      case 0:
        lines.erase(first, last);
        break;
      case 1: {
        const Lines copy(first, last);
        lines.insert(lines.begin() + static_cast<std::ptrdiff_t>(below(lines.size() + 1)),
                     copy.begin(), copy.end());
        break;
      }
      case 2:
        first->resize(below(first->size() + 1));
        break;
      default:
        std::rotate(lines.begin(), first, last);
        break;
    }
  }
  return lines;
}

TEST(LogReader, EverythingArrivesExactlyOnceThroughABadLog) {
  for (unsigned seed = 0; seed < 200; ++seed) {
    std::mt19937 random(seed);
    Outbox outbox({400, 1200, 1 << 20, std::chrono::seconds(5)});
    LogReader reader;
    std::map<int, std::string> sent, arrived;
    int block = 0;
    MonotonicTime now{};
    for (int round = 0; block < 6 || !outbox.all_acknowledged(); ++round) {
      ASSERT_LT(round, 1000) << "seed " << seed;
      if (block < 6 && random() % 3 == 0) {
        ++block;
        sent[block] = "KTS_META,v2,{\"block\":" + std::to_string(block) + "}\n" +
                      records(static_cast<int>(random() % 60), block * 1000) + "KTS_END,v2,{}\n";
        outbox.open(block);
        for (const std::string& line : split(sent[block])) outbox.add(line + "\n");
        outbox.close({.complete = true});
      }
      Lines log;
      while (const auto number = outbox.next(now, false)) {
        log = std::move(log) + split(outbox.print(*number, now));
      }
      Beat beat;
      beat.state = "ready";
      beat.printed = outbox.printed_chunks();
      beat.prints = outbox.prints();
      log = std::move(log) + Lines{"chatter", to_line(beat)};
      for (const std::string& line : through_a_bad_log(std::move(log), random)) {
        const auto event = reader.take(line);
        if (!event) continue;
        if (const auto* whole = std::get_if<Chunk>(&*event)) {
          const auto number = static_cast<int>(whole->header.chunk);
          ASSERT_TRUE(arrived.emplace(number, whole->bytes).second) << "seed " << seed;
        }
      }
      if (random() % 2 == 0) reader.cut();
      // An acknowledgement may come late or be overtaken by the next.
      if (random() % 3 != 0) {
        ASSERT_TRUE(outbox.acknowledge(parse_ack(to_json(reader.ack())).value(), now));
      }
      now += std::chrono::seconds(1);
    }
    std::string all_sent, all_arrived;
    for (const auto& [key, bytes] : sent) all_sent += bytes;
    for (const auto& [key, bytes] : arrived) all_arrived += bytes;
    ASSERT_EQ(all_arrived, all_sent) << "seed " << seed;
    EXPECT_EQ(reader.arrived(), outbox.chunks());
    EXPECT_EQ(reader.ack(), (Ack{outbox.chunks(), {}, outbox.prints()}));
  }
}

}  // namespace
}  // namespace kts::pod::log_reader_test
