// SPDX-License-Identifier: Apache-2.0
#include "kts/process/run.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <vector>

namespace kts::process::run_test {
namespace {

using testing::HasSubstr;
using std::chrono_literals::operator""ms;

Command shell(const std::string& line) { return {{"/bin/sh", "-c", line}, {}}; }

TEST(Run, TellsWhatAProgramSaidAndHowItEnded) {
  std::vector<std::string> lines;
  RunOptions options;
  options.on_line = [&](std::string_view line) { lines.emplace_back(line); };
  const auto ran = run(shell("echo out; cat; echo no >&2; exit 3"), options);
  ASSERT_TRUE(ran);
  EXPECT_EQ(ran->status.code, 3);
  EXPECT_EQ(ran->output, "out\n");
  EXPECT_EQ(ran->last_words, "no");
  EXPECT_THAT(lines, testing::UnorderedElementsAre("out\n", "no\n"));
}

TEST(Run, AProgramThatTakesTooLongIsEnded) {
  RunOptions options;
  options.timeout = 20ms;
  const auto ran = run(shell("exec sleep 1000"), options);
  ASSERT_FALSE(ran);
  EXPECT_EQ(ran.error().code, ErrorCode::kEnvironment);
  EXPECT_THAT(ran.error().message, HasSubstr("took longer than 20ms"));
}

TEST(Run, TheUsersWishToEndIsObeyed) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  ASSERT_EQ(write(ends[1], "x", 1), 1);
  RunOptions options;
  options.interrupt_fd = ends[0];
  const auto ran = run(shell("exec sleep 1000"), options);
  ASSERT_FALSE(ran);
  EXPECT_EQ(ran.error().code, ErrorCode::kInterrupted);
  close(ends[0]);
  close(ends[1]);
}

TEST(Run, AMissingProgramIsSaid) {
  const auto ran = run({{"/nope/program"}, {}});
  ASSERT_FALSE(ran);
  EXPECT_EQ(ran.error().code, ErrorCode::kEnvironment);
}

}  // namespace
}  // namespace kts::process::run_test
