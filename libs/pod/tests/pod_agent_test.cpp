// SPDX-License-Identifier: Apache-2.0
// The pod agent with a worker that makes its records up and misbehaves on request.
#include "kts/pod/pod_agent.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "kts/record/block_log.hpp"
#include "kts/record/codec.hpp"
#include "places.hpp"
#include "pod_driver.hpp"

namespace kts::pod::pod_agent_test {
namespace {

using std::chrono_literals::operator""ms;
using testing::Contains;
using testing::HasSubstr;
using testing::SizeIs;

Words command(const std::string& agent, const std::string& kind, const std::string& mode = "") {
  Words words{in_build("tests/kts_pod_runner"),  "PLAN", "ACK",          agent,     kind,
              in_build("tests/kts_fake_worker"), "fft",  "--controlled", "--agent", agent};
  if (!mode.empty()) words.insert(words.end(), {"--fake", mode});
  return words;
}

// The fake worker's time line is CLOCK_MONOTONIC itself.
struct FakeDriver : Driver {
  explicit FakeDriver(std::vector<PodProcess*> pods) : Driver(std::move(pods)) {
    plan.epoch_offset_ns = 0;
  }
};

record::BlockEnd end_of(const std::string& records) {
  const auto at = records.rfind("KTS_END,v2,");
  EXPECT_NE(at, std::string::npos);
  if (at == std::string::npos) return {};
  std::string_view line = std::string_view(records).substr(at);
  line.remove_suffix(1);
  return record::parse_end(std::get<record::EndLine>(record::parse_line(line)).json).value();
}

TEST(PodAgent, ClosedAgentKeepsRunningThroughTheTail) {
  PodProcess pod(command("thinker", "closed"));
  FakeDriver driver({&pod});
  ASSERT_TRUE(driver.until_ready());
  const int index = driver.run("solo", "parked", {{"thinker", &pod}});
  ASSERT_NE(index, 0);
  const Block& block = driver.plan.blocks.back();
  const auto log = pod.blocks().at(index);
  const auto end = end_of(log.records);
  EXPECT_EQ(end.generation_start_ns, block.start_ns);
  EXPECT_EQ(end.generation_stop_ns, block.stop_ns + block.tail_ns);
  EXPECT_TRUE(log.headers.back().complete);
  EXPECT_EQ(log.headers.back().late_ns, 0);
  EXPECT_EQ(static_cast<std::uint64_t>(std::ranges::count(log.records, '\n')), end.emitted + 2);
  driver.end();
  EXPECT_EQ(driver.exit_of(pod), 0) << pod.error_output();
}

TEST(PodAgent, OpenAgentStopsAtTheStop) {
  PodProcess pod(command("router", "open"));
  FakeDriver driver({&pod});
  ASSERT_TRUE(driver.until_ready());
  const int index = driver.run("shared", "", {{"router", &pod}});
  ASSERT_NE(index, 0);
  EXPECT_EQ(end_of(pod.blocks().at(index).records).generation_stop_ns,
            driver.plan.blocks.back().stop_ns);
  driver.end();
  EXPECT_EQ(driver.exit_of(pod), 0);
}

TEST(PodAgent, AgentThatCannotKeepUpGivesItsQueueUp) {
  PodProcess pod(command("router", "open", "overload"));
  FakeDriver driver({&pod});
  ASSERT_TRUE(driver.until_ready());
  const int index = driver.run("solo", "parked", {{"router", &pod}});
  ASSERT_NE(index, 0);
  EXPECT_EQ(end_of(pod.blocks().at(index).records).abandoned, 1000U);
  driver.end();
  EXPECT_EQ(driver.exit_of(pod), 0);
}

TEST(PodAgent, AnEmptyRunEndsWithoutRecords) {
  PodProcess pod(command("router", "open"));
  FakeDriver driver({&pod});
  pod.write_plan(" \n");
  ASSERT_TRUE(driver.until_ready());
  driver.end();
  EXPECT_EQ(driver.exit_of(pod), 0);
  EXPECT_EQ(pod.reader().arrived(), 0U);
}

TEST(PodAgent, RecordsOfACrashAreDelivered) {
  PodProcess pod(command("router", "open", "crash-block"));
  FakeDriver driver({&pod});
  ASSERT_TRUE(driver.until_ready());
  driver.add("solo", "parked", {"router"}, 100ms, 500ms);
  driver.publish();
  EXPECT_EQ(driver.exit_of(pod), 1);
  ASSERT_THAT(pod.failures, testing::Not(testing::IsEmpty()));
  const Fail& failure = pod.failures.front();
  EXPECT_EQ(failure.block, 1);
  EXPECT_EQ(failure.status, "killed by signal 9 (SIGKILL)");
  EXPECT_EQ(failure.exit_code, 1);
  EXPECT_THAT(failure.last_words, HasSubstr("out of fake memory"));
  EXPECT_THAT(pod.error_output(), HasSubstr("killed by signal 9 (SIGKILL)"));
  EXPECT_EQ(std::ranges::count(pod.error_output(), '\n'), 1);
  const auto log = pod.blocks().at(1);
  EXPECT_FALSE(log.headers.back().complete);
  EXPECT_THAT(log.records, HasSubstr("KTS_APP,v2,router,0,"));
  EXPECT_THAT(pod.plain, Contains("out of fake memory"));
}

TEST(PodAgent, WorkerThatDoesNotAnswerIsNamedAndEnded) {
  for (const auto& [mode, words] :
       {std::pair("hang-start", "starting"), std::pair("hang-drain", "running block 1"),
        std::pair("hang-finish", "finishing block 1")}) {
    PodProcess pod(command("router", "open", mode));
    FakeDriver driver({&pod});
    if (std::string(mode) != "hang-start") {
      ASSERT_TRUE(driver.until_ready());
      driver.add("solo", "parked", {"router"}, 50ms, 500ms);
      driver.publish();
    }
    EXPECT_EQ(driver.exit_of(pod), 1) << mode;
    ASSERT_THAT(pod.failures, testing::Not(testing::IsEmpty())) << mode;
    EXPECT_THAT(pod.failures.front().message, HasSubstr(words));
    EXPECT_THAT(pod.failures.front().message, HasSubstr("did not answer"));
  }
}

TEST(PodAgent, WorkersOwnJudgementIsPassedOn) {
  PodProcess pod(command("router", "open", "refuse"));
  FakeDriver driver({&pod});
  EXPECT_EQ(driver.exit_of(pod), 4);
  EXPECT_THAT(pod.error_output(), HasSubstr("no CUDA device"));
  ASSERT_THAT(pod.failures, testing::Not(testing::IsEmpty()));
  EXPECT_EQ(pod.failures.front().exit_code, 4);
}

TEST(PodAgent, UnexpectedAnswersEndIt) {
  for (const char* mode : {"garbage", "wrong-step"}) {
    PodProcess pod(command("router", "open", mode));
    FakeDriver driver({&pod});
    ASSERT_TRUE(driver.until_ready());
    driver.add("solo", "parked", {"router"}, 50ms, 500ms);
    driver.publish();
    EXPECT_EQ(driver.exit_of(pod), 1) << mode;
    EXPECT_THAT(pod.error_output(), HasSubstr("unexpected answer")) << mode;
  }
}

TEST(PodAgent, PlanThatCannotBeIsBadInput) {
  PodProcess pod(command("router", "open"));
  FakeDriver driver({&pod});
  ASSERT_TRUE(driver.until_ready());
  pod.write_plan(R"({"schema":"kts.plan/2"})");
  EXPECT_EQ(driver.exit_of(pod), 2);
  EXPECT_THAT(pod.error_output(), HasSubstr("the plan has schema 'kts.plan/2'"));
  EXPECT_THAT(pod.error_output(), HasSubstr(pod.plan_file()));
}

TEST(PodAgent, BlockThatIsOverCannotBeChanged) {
  PodProcess pod(command("router", "open"));
  FakeDriver driver({&pod});
  ASSERT_TRUE(driver.until_ready());
  ASSERT_NE(driver.run("solo", "parked", {{"router", &pod}}), 0);
  driver.plan.blocks.back().stop_ns += 1;
  driver.publish();
  EXPECT_EQ(driver.exit_of(pod), 2);
  EXPECT_THAT(pod.error_output(), HasSubstr("which is over"));
}

TEST(PodAgent, BlockWhosePlanCameTooLateIsMissedAndCanBeRepeated) {
  PodProcess pod(command("router", "open"));
  FakeDriver driver({&pod});
  ASSERT_TRUE(driver.until_ready());
  Block& late = driver.add("solo", "parked", {"router"}, 50ms, 0ms);
  for (std::int64_t* instant : {&late.calibrate_ns, &late.start_ns, &late.stop_ns}) {
    *instant -= 10'000'000'000;
  }
  driver.publish();
  ASSERT_TRUE(driver.until([&] { return pod.reader().missed().contains(1); }));
  EXPECT_EQ(pod.reader().missed().at(1), "late_plan");
  EXPECT_NE(driver.run("solo", "parked", {{"router", &pod}}), 0);
  EXPECT_FALSE(pod.blocks().contains(1));
  driver.end();
  EXPECT_EQ(driver.exit_of(pod), 0);
}

TEST(PodAgent, WithoutAnyAcknowledgementAllIsPrintedAndSaid) {
  PodProcess pod(command("router", "open"));
  pod.acknowledges = false;
  FakeDriver driver({&pod});
  ASSERT_TRUE(driver.until_ready());
  ASSERT_NE(driver.run("solo", "parked", {{"router", &pod}}), 0);
  driver.end();
  EXPECT_EQ(driver.exit_of(pod), 4);
  EXPECT_THAT(pod.error_output(), HasSubstr("never acknowledged"));
}

TEST(PodAgent, NonsenseAcknowledgementIsPassedOverAndSaid) {
  PodProcess pod(command("router", "open"));
  pod.acknowledges = false;
  FakeDriver driver({&pod});
  ASSERT_TRUE(driver.until_ready());
  ASSERT_NE(driver.run("solo", "parked", {{"router", &pod}}), 0);
  ASSERT_TRUE(write_file(pod.ack_file(), R"({"next":1000,"again":[]})"));
  ASSERT_TRUE(driver.until([&] {
    return std::ranges::any_of(pod.plain, [](const std::string& line) {
      return line.find("is passed over") != std::string::npos;
    });
  }));
  pod.acknowledges = true;
  driver.end();
  EXPECT_EQ(driver.exit_of(pod), 0);
}

TEST(PodAgent, WhatTheWorkerSaysCannotPassForAFrame) {
  PodProcess pod(command("router", "open", "chatty"));
  FakeDriver driver({&pod});
  ASSERT_TRUE(driver.until_ready());
  const int index = driver.run("solo", "parked", {{"router", &pod}});
  ASSERT_NE(index, 0);
  EXPECT_THAT(pod.plain, Contains("a library says hello"));
  EXPECT_THAT(pod.blocks().at(index).records, testing::Not(HasSubstr("hello")));
  driver.end();
  EXPECT_EQ(driver.exit_of(pod), 0);
}

TEST(PodAgent, LogWithoutAReaderEndsIt) {
  PodProcess pod(command("router", "open"));
  FakeDriver driver({&pod});
  ASSERT_TRUE(driver.until_ready());
  pod.close_log();
  EXPECT_EQ(driver.exit_of(pod), 4);
  EXPECT_THAT(pod.error_output(), HasSubstr("the log can't be written (Broken pipe)"));
}

TEST(PodAgent, OrphansAreReaped) {
  Words words = command("router", "open");
  const auto worker = std::ranges::find(words, in_build("tests/kts_fake_worker"));
  words.insert(worker, {"/bin/sh", "-c", "(sleep 3 >/dev/null 2>&1 &); exec \"$0\" \"$@\""});
  PodProcess pod(words);
  FakeDriver driver({&pod});
  ASSERT_TRUE(driver.until_ready());
  EXPECT_TRUE(driver.until([&] { return pod.children().size() == 2; }));
  EXPECT_TRUE(driver.until([&] { return pod.children().size() == 1; }));
  driver.end();
  EXPECT_EQ(driver.exit_of(pod), 0);
}

TEST(PodAgent, SignalBetweenBlocksEndsItWithWhatItHas) {
  for (const int number : {SIGTERM, SIGINT}) {
    PodProcess pod(command("router", "open"));
    FakeDriver driver({&pod});
    ASSERT_TRUE(driver.until_ready());
    const int index = driver.run("solo", "parked", {{"router", &pod}});
    ASSERT_NE(index, 0);
    pod.kill(number);
    EXPECT_EQ(driver.exit_of(pod), 130);
    EXPECT_TRUE(pod.has_block(index));
    EXPECT_THAT(pod.error_output(), HasSubstr("interrupted by SIG"));
  }
}

}  // namespace
}  // namespace kts::pod::pod_agent_test
