// SPDX-License-Identifier: Apache-2.0
#include "kts/pod/frames.hpp"

#include <gtest/gtest.h>

#include "kts/pod/crc32.hpp"

namespace kts::pod::frames_test {
namespace {

template <typename T>
void expect_round_trip(const T& value) {
  const std::string line = to_line(value);
  ASSERT_TRUE(line.ends_with("}\n")) << line;
  const auto parsed = parse_frame(std::string_view(line).substr(0, line.size() - 1));
  ASSERT_TRUE(parsed) << line << to_line(parsed.error());
  ASSERT_TRUE(*parsed);
  ASSERT_TRUE(std::holds_alternative<T>(**parsed)) << line;
  EXPECT_EQ(std::get<T>(**parsed), value) << line;
}

std::string problem(std::string_view line) {
  const auto parsed = parse_frame(line);
  EXPECT_FALSE(parsed) << line;
  return parsed ? "" : parsed.error().message;
}

TEST(Frames, AreReadBack) {
  expect_round_trip(Ready{"router", 2, "cuda", "NVIDIA H200", "GPU-1", "driver", 220'000, 1 << 30,
                          "6f1c", "kts-router-x7", "worker-1", 123, 1'700'000'000'000'000'000,
                          "0.1.0", "abc"});
  expect_round_trip(Ready{.agent = "router", .device = "cpu"});
  expect_round_trip(Beat{5, "running", 3, 17, 4, 6, 2, 9, 12, {{1, "late"}, {2, "still_there"}}});
  expect_round_trip(Beat{.state = "absent"});
  expect_round_trip(ChunkHeader{17, 4, 262'000, 2100, 0xcbf43926, 21, true, true, 120, 7, 0, 3});
  expect_round_trip(ChunkHeader{.crc32 = 1});
  expect_round_trip(Missed{4, "warming_up"});
  expect_round_trip(Fail{3, "it ended; \"so\"", "killed by signal 9 (SIGKILL)", true, "a\nb", 4});
  expect_round_trip(Fail{.message = "x", .exit_code = 1});
}

TEST(Frames, WhatIsUnavailableIsLeftOut) {
  EXPECT_EQ(to_line(ChunkHeader{.chunk = 1, .block = 2, .bytes = 9, .lines = 1, .crc32 = 255}),
            "KTS_CHUNK,v1,{\"chunk\":1,\"block\":2,\"bytes\":9,\"lines\":1,\"crc32\":\"000000ff\","
            "\"print\":0,\"last\":false,\"complete\":false}\n");
}

TEST(Frames, OtherLinesAreNone) {
  for (const char* line : {"", "hello", "KTS_APP,v2,a,0,1,1,,,2", "KTS_META,v2,{}", "KTS_READY",
                           "KTS_ACK,v1,{}", "worker: KTS_CHUNK,v1,{}"}) {
    const auto parsed = parse_frame(line);
    ASSERT_TRUE(parsed) << line;
    EXPECT_FALSE(*parsed) << line;
  }
}

TEST(Frames, EachFaultIsNamed) {
  EXPECT_EQ(problem("KTS_CHUNK,v2,{}"), "a CHUNK line of another version");
  EXPECT_EQ(problem("KTS_BEAT,v1,{\"monot"), "BEAT is no JSON object");
  EXPECT_EQ(problem("KTS_MISSED,v1,{\"block\":1}"), "MISSED lacks 'reason'");
  EXPECT_EQ(problem("KTS_MISSED,v1,{\"block\":1e9,\"reason\":\"\"}"),
            "MISSED has a 'block' of the wrong type or range");
  const auto chunk = [](std::string_view bytes, std::string_view lines, std::string_view crc) {
    return problem(
        std::string(R"(KTS_CHUNK,v1,{"chunk":0,"block":0,"print":0,"last":true,"complete":true,)") +
        "\"bytes\":" + std::string(bytes) + ",\"lines\":" + std::string(lines) + ",\"crc32\":\"" +
        std::string(crc) + "\"}");
  };
  EXPECT_EQ(chunk("9", "1", "12345"), "CHUNK has a 'crc32' that is not eight hexadecimal digits");
  EXPECT_EQ(chunk("9", "1", "1234567x"),
            "CHUNK has a 'crc32' that is not eight hexadecimal digits");
  EXPECT_EQ(chunk("9", "10", "12345678"), "CHUNK has 'bytes' and 'lines' that can't be");
  EXPECT_EQ(chunk("9", "0", "12345678"), "CHUNK has 'bytes' and 'lines' that can't be");
  EXPECT_EQ(chunk("4194305", "1", "12345678"), "CHUNK has 'bytes' and 'lines' that can't be");
}

TEST(Crc32, IsZlibs) {
  EXPECT_EQ(crc32(""), 0U);
  EXPECT_EQ(crc32("123456789"), 0xcbf43926U);
  EXPECT_EQ(crc32("The quick brown fox jumps over the lazy dog"), 0x414fa339U);
}

}  // namespace
}  // namespace kts::pod::frames_test
