// SPDX-License-Identifier: Apache-2.0
#include "kts/control/protocol.hpp"

#include <gtest/gtest.h>

#include <string>

namespace kts::control::protocol_test {
namespace {

template <typename Message>
std::string without_newline(const Message& message) {
  std::string line = to_line(message);
  EXPECT_TRUE(line.ends_with('\n'));
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  line.pop_back();
  return line;
}

template <typename Kind>
Kind round_trip(const Kind& command) {
  const auto parsed = parse_command(without_newline(Command(command)));
  EXPECT_TRUE(parsed) << parsed.error().message;
  return std::get<Kind>(parsed.value());
}

std::string problem(std::string_view line) {
  const auto parsed = parse_command(line);
  EXPECT_FALSE(parsed) << line;
  if (parsed) return {};
  EXPECT_EQ(parsed.error().code, ErrorCode::kBadInput);
  return parsed.error().message;
}

TEST(Protocol, CommandsAreReadBack) {
  const auto prepare = round_trip(Prepare{7, "solo", "absent"});
  EXPECT_EQ(prepare.block, 7);
  EXPECT_EQ(prepare.phase, "solo");
  EXPECT_EQ(prepare.neighbours, "absent");
  EXPECT_EQ(prepare.epoch_offset_ns, std::nullopt);
  EXPECT_EQ(round_trip(Prepare{7, "solo", "absent", 12}).epoch_offset_ns, 12);
  EXPECT_EQ(prepare.cycle, std::nullopt);
  EXPECT_EQ(round_trip(Prepare{7, "solo", "absent", 12, 3}).cycle, 3);
  EXPECT_EQ(round_trip(Prepare{7, "solo", "absent", 12, 3, "/a b/c.csv"}).kernels, "/a b/c.csv");
  const auto start = round_trip(Start{0, 4'000'000'000'000'000'000});
  EXPECT_EQ(start.start_ns, 0);
  EXPECT_EQ(start.stop_ns, 4'000'000'000'000'000'000);
  round_trip(Stop{});
  round_trip(GiveUp{});
  round_trip(Finish{});
  round_trip(Exit{});
}

TEST(Protocol, LinesCarryTagAndVersion) {
  EXPECT_EQ(to_line(Command(Stop{})), "KTS_CMD,v1,{\"command\":\"stop\"}\n");
  EXPECT_EQ(to_line(Answer(Ack{Step::kDrained, 3, std::nullopt})),
            "KTS_ACK,v1,{\"step\":\"drained\",\"block\":3}\n");
}

TEST(Protocol, ReadyIsReadBackWhateverItsNamesHold) {
  const Ready ready{"router", 4711,    "cuda",  "A \"card\",\nwith \xff odd name", "GPU-1", 220'000,
                    1,        "GPU-2", "driver"};
  const auto parsed = parse_answer(without_newline(Answer(ready)));
  ASSERT_TRUE(parsed && *parsed);
  const auto& found = std::get<Ready>(**parsed);
  EXPECT_EQ(found.agent, "router");
  EXPECT_EQ(found.pid, 4711);
  EXPECT_EQ(found.device, "cuda");
  EXPECT_EQ(found.device_name.substr(0, 14), "A \"card\",\nwith");
  EXPECT_EQ(found.device_uuid, "GPU-1");
  EXPECT_EQ(found.median_iteration_ns, 220'000);
  EXPECT_EQ(found.operand_bytes, 1U);
  EXPECT_EQ(found.gpu_uuid, "GPU-2");
  EXPECT_EQ(found.uuid_source, "driver");
}

TEST(Protocol, AcksAreReadBack) {
  for (const Step step : {Step::kPrepared, Step::kDrained, Step::kFinished}) {
    for (const std::optional<std::int64_t> bound : {std::optional<std::int64_t>(1500), {}}) {
      const auto parsed = parse_answer(without_newline(Answer(Ack{step, 2, bound})));
      ASSERT_TRUE(parsed && *parsed);
      const auto& ack = std::get<Ack>(**parsed);
      EXPECT_EQ(ack.step, step);
      EXPECT_EQ(ack.block, 2);
      EXPECT_EQ(ack.clock_bound_ns, bound);
    }
  }
}

TEST(Protocol, OtherLinesAreNoAnswers) {
  for (const char* line : {"", "hello", "KTS_APP,v2,a,0,1,1,,,2", "KTS_META,v2,{}", "KTS_READY"}) {
    const auto parsed = parse_answer(line);
    ASSERT_TRUE(parsed) << line;
    EXPECT_FALSE(parsed->has_value()) << line;
  }
}

TEST(Protocol, OverlongFrameIsRefused) {
  const std::string line = "KTS_CMD,v1," + std::string(kMaxFrame, ' ');
  EXPECT_NE(problem(line).find("65536"), std::string::npos);
}

TEST(Protocol, OtherVersionIsNamed) {
  EXPECT_NE(problem("KTS_CMD,v2,{}").find("'v2'"), std::string::npos);
  EXPECT_NE(problem("KTS_CMD,").find("version"), std::string::npos);
}

TEST(Protocol, MissingFieldIsNamed) {
  EXPECT_EQ(problem(R"(KTS_CMD,v1,{})"), "CMD lacks 'command'");
  EXPECT_EQ(problem(R"(KTS_CMD,v1,{"command":"start","start_ns":1})"), "START lacks 'stop_ns'");
  EXPECT_EQ(problem(R"(KTS_CMD,v1,{"command":"prepare","phase":"","neighbours":""})"),
            "PREPARE lacks 'block'");
}

TEST(Protocol, WrongTypeOrRangeIsNamed) {
  for (const char* value : {"1.5", "\"1\"", "null", "99999999999", "1e3"}) {
    const std::string line =
        std::string(R"(KTS_CMD,v1,{"command":"prepare","phase":"","neighbours":"","block":)") +
        value + "}";
    EXPECT_EQ(problem(line), "PREPARE has a 'block' of the wrong type or range");
  }
  EXPECT_EQ(
      problem(R"(KTS_CMD,v1,{"command":"start","start_ns":18446744073709551615,"stop_ns":1})"),
      "START has a 'start_ns' of the wrong type or range");
}

TEST(Protocol, NonsenseIsRefused) {
  problem("");
  problem("KTS_APP,v2,a,0,1,1,,,2");
  problem("KTS_CMD,v1,");
  problem("KTS_CMD,v1,[]");
  problem(R"(KTS_CMD,v1,{"command":"stop")");
  EXPECT_EQ(problem(R"(KTS_CMD,v1,{"command":"jump"})"), "an unknown command 'jump'");
  problem(
      R"(KTS_CMD,v1,{"command":"prepare","block":1,"phase":"","neighbours":"","epoch_offset_ns":-1})");
  problem(R"(KTS_CMD,v1,{"command":"start","start_ns":2,"stop_ns":2})");
  problem(R"(KTS_CMD,v1,{"command":"start","start_ns":-1,"stop_ns":2})");
  problem(R"(KTS_CMD,v1,{"command":"start","start_ns":1,"stop_ns":9223372036854775807})");
  EXPECT_FALSE(parse_answer(R"(KTS_ACK,v1,{"step":"jumped","block":1})"));
  EXPECT_FALSE(parse_answer("KTS_ACK,v1,{}"));
  EXPECT_FALSE(parse_answer("KTS_READY,v9,{}"));
}

TEST(Protocol, CarriageReturnIsTolerated) {
  EXPECT_TRUE(parse_command("KTS_CMD,v1,{\"command\":\"exit\"}\r"));
}

}  // namespace
}  // namespace kts::control::protocol_test
