// SPDX-License-Identifier: Apache-2.0
#include "kts/process/fleet.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <set>

#include "kts/process/signals.hpp"

namespace kts::process::fleet_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using namespace std::chrono_literals;

constexpr auto kPlenty = 60s;

class Recorder final : public Fleet::Listener {
 public:
  void on_stdout(std::size_t /*child*/, std::string_view line) override {
    lines.emplace_back(line);
    bytes += line.size();
  }
  void on_stderr(std::size_t /*child*/, std::string_view line) override {
    errors.emplace_back(line);
  }
  void on_exit(std::size_t child, const ExitStatus& status) override {
    exited.insert(child);
    last = status;
  }
  std::vector<std::string> lines, errors;
  std::size_t bytes = 0;
  std::set<std::size_t> exited;
  std::optional<ExitStatus> last;
};

Command shell(std::string script) { return {{"/bin/sh", "-c", std::move(script)}, {}}; }

void wait_for_all(Fleet& fleet) {
  const MonotonicTime deadline = MonotonicTimeline::now() + kPlenty;
  while (fleet.any_running() && MonotonicTimeline::now() < deadline) {
    ASSERT_TRUE(fleet.wait(deadline));
  }
}

bool group_is_gone(pid_t group) { return kill(-group, 0) != 0 && errno == ESRCH; }

TEST(Fleet, ADescriptorStaysOpenInTheChildThatIsToHaveIt) {
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  Recorder seen;
  Fleet fleet(seen);
  Command command = shell("[ -e /proc/self/fd/" + std::to_string(ends[0]) +
                          " ] && echo kept; [ -e "
                          "/proc/self/fd/" +
                          std::to_string(ends[1]) + " ] || echo closed");
  command.descriptors = {ends[0]};
  ASSERT_TRUE(fleet.start(command));
  wait_for_all(fleet);
  EXPECT_THAT(seen.lines, ElementsAre("kept\n", "closed\n"));
  close(ends[0]);
  close(ends[1]);
}

TEST(Fleet, InputComesBackAsWholeLinesAndThenTheExit) {
  Recorder seen;
  Fleet fleet(seen);
  const std::size_t child = fleet.start(shell("cat; printf last; exit 4")).value();
  ASSERT_TRUE(fleet.send(child, "one\ntw"));
  ASSERT_TRUE(fleet.send(child, "o\n"));
  fleet.close_input(child);
  wait_for_all(fleet);
  EXPECT_THAT(seen.lines, ElementsAre("one\n", "two\n", "last"));
  ASSERT_TRUE(seen.last);
  EXPECT_EQ(describe(*seen.last), "exit status 4");
}

TEST(Fleet, ADeathBySignalIsToldInWords) {
  Recorder seen;
  Fleet fleet(seen);
  ASSERT_TRUE(fleet.start(shell("kill -9 $$")));
  wait_for_all(fleet);
  EXPECT_EQ(describe(seen.last.value()), "killed by signal 9 (SIGKILL)");
}

TEST(Fleet, LastWordsAreTheLastLinesOfStderrOnOneLine) {
  Recorder seen;
  Fleet fleet(seen);
  const std::size_t child =
      fleet.start(shell("for i in 1 2 3 4 5 6; do echo line $i >&2; done")).value();
  wait_for_all(fleet);
  EXPECT_EQ(fleet.last_words(child), "line 3 / line 4 / line 5 / line 6");
  EXPECT_EQ(fleet.last_line(child), "line 6");
  EXPECT_EQ(seen.errors.size(), 6U);
}

TEST(Fleet, AProgramsOwnErrorIsItsLastLineWithoutItsName) {
  Recorder seen;
  Fleet fleet(seen);
  const std::size_t child =
      fleet.start(shell("echo chat >&2; echo sh: --size: too large >&2; exit 2")).value();
  wait_for_all(fleet);
  EXPECT_EQ(fleet.last_line(child), "--size: too large");
}

TEST(Fleet, ALineWithoutEndComesInBoundedPieces) {
  Recorder seen;
  Fleet fleet(seen);
  ASSERT_TRUE(fleet.start(shell("head -c 1000000 /dev/zero")));
  wait_for_all(fleet);
  EXPECT_EQ(seen.bytes, 1'000'000U);
  for (const std::string& piece : seen.lines) EXPECT_LE(piece.size(), 2 * Fleet::kMaxLine);
}

TEST(Fleet, AFloodingChildDoesNotStarveItsSiblings) {
  Recorder seen;
  Fleet fleet(seen);
  ASSERT_TRUE(fleet.start(shell("exec yes flood")));
  const std::size_t quiet = fleet.start(shell("echo done >&2")).value();
  const MonotonicTime deadline = MonotonicTimeline::now() + kPlenty;
  while (fleet.running(quiet) && MonotonicTimeline::now() < deadline) {
    ASSERT_TRUE(fleet.wait(deadline));
    seen.lines.clear();
  }
  EXPECT_FALSE(fleet.running(quiet));
}

TEST(Fleet, ChildThatReadsNothingIsNotFedWithoutBound) {
  Recorder seen;
  Fleet fleet(seen);
  const std::size_t child = fleet.start(shell("exec sleep 1000")).value();
  const std::string chunk(256 * 1024, 'x');
  Status status;
  for (int i = 0; i < 8 && status; ++i) status = fleet.send(child, chunk);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kInternal);
}

TEST(Fleet, SendingToADeadChildIsHarmless) {
  Recorder seen;
  Fleet fleet(seen);
  const std::size_t child = fleet.start(shell("exec <&-; echo closed; exec sleep 1000")).value();
  while (seen.lines.empty()) ASSERT_TRUE(fleet.wait(MonotonicTimeline::now() + kPlenty));
  EXPECT_TRUE(fleet.send(child, "x\n"));
  fleet.shut_down(10ms);
  EXPECT_TRUE(fleet.send(child, "x\n"));
}

TEST(Fleet, ShutDownEndsThePoliteTheDeafAndTheirChildren) {
  Recorder seen;
  Fleet fleet(seen);
  const std::size_t polite = fleet.start(shell("cat")).value();
  const std::size_t deaf =
      fleet.start(shell("trap '' TERM; (trap '' TERM; sleep 1000) & echo up; wait; sleep 1000"))
          .value();
  while (seen.lines.empty()) ASSERT_TRUE(fleet.wait(MonotonicTimeline::now() + kPlenty));
  fleet.shut_down(50ms);
  EXPECT_FALSE(fleet.any_running());
  EXPECT_TRUE(group_is_gone(fleet.pid(polite)));
  EXPECT_EQ(describe(seen.last.value()), "killed by signal 9 (SIGKILL)");
  // The grandchild is a zombie until init has reaped it; that it was killed is what counts here.
  EXPECT_TRUE(seen.exited.contains(deaf));
}

TEST(Fleet, ChildrenDoNotOutliveTheFleet) {
  Recorder seen;
  pid_t pid = 0;
  {
    Fleet fleet(seen);
    pid = fleet.pid(fleet.start(shell("trap '' TERM INT; exec sleep 1000")).value());
    EXPECT_FALSE(group_is_gone(pid));
  }
  EXPECT_TRUE(group_is_gone(pid));
}

TEST(Fleet, ChildrenDoNotOutliveAKilledParent) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t parent = fork();
  ASSERT_GE(parent, 0);
  if (parent == 0) {
    Recorder seen;
    Fleet fleet(seen);
    close(ends[0]);
    // The write end stays open in the grandchild only, so its death reads as end of file.
    const auto child = fleet.start(shell("echo up; exec sleep 1000"));
    if (!child) _exit(1);
    const pid_t pid = fleet.pid(*child);
    if (write(ends[1], &pid, sizeof pid) != sizeof pid) _exit(1);
    pause();
    _exit(0);
  }
  close(ends[1]);
  pid_t child = 0;
  ASSERT_EQ(read(ends[0], &child, sizeof child), static_cast<ssize_t>(sizeof child));
  kill(parent, SIGKILL);
  waitpid(parent, nullptr, 0);
  char byte = 0;
  EXPECT_EQ(read(ends[0], &byte, 1), 0);
  close(ends[0]);
}

TEST(Fleet, WhatIsNoProgramIsAnEnvironmentErrorThatNamesIt) {
  Recorder seen;
  Fleet fleet(seen);
  const auto child = fleet.start({{"/nowhere/worker"}, {}});
  ASSERT_FALSE(child);
  EXPECT_EQ(child.error().code, ErrorCode::kEnvironment);
  EXPECT_THAT(to_line(child.error()), HasSubstr("/nowhere/worker: cannot be executed (No such"));
}

TEST(Fleet, AddedVariablesReplaceInheritedOnes) {
  setenv("KTS_FLEET_TEST", "old", 1);
  Recorder seen;
  Fleet fleet(seen);
  ASSERT_TRUE(fleet.start({{"/bin/sh", "-c", "echo $KTS_FLEET_TEST"}, {"KTS_FLEET_TEST=new"}}));
  wait_for_all(fleet);
  EXPECT_THAT(seen.lines, ElementsAre("new\n"));
}

TEST(Fleet, WaitReturnsAtItsDeadlineAndOnTheWakeDescriptor) {
  Recorder seen;
  Fleet fleet(seen);
  ASSERT_TRUE(fleet.wait(MonotonicTimeline::now()));
  auto watch = SignalWatch::create({SIGUSR1});
  ASSERT_TRUE(watch);
  raise(SIGUSR1);
  ASSERT_TRUE(fleet.wait(MonotonicTimeline::now() + kPlenty, watch->fd()));
  EXPECT_EQ(watch->take(), SIGUSR1);
  EXPECT_EQ(watch->take(), std::nullopt);
}

TEST(Fleet, ChildrenStartWithNoSignalBlocked) {
  auto watch = SignalWatch::create({SIGINT, SIGTERM});
  ASSERT_TRUE(watch);
  Recorder seen;
  Fleet fleet(seen);
  ASSERT_TRUE(fleet.start(shell("kill -TERM $$; echo survived")));
  wait_for_all(fleet);
  EXPECT_EQ(seen.last.value().signal, SIGTERM);
  EXPECT_TRUE(seen.lines.empty());
}

}  // namespace
}  // namespace kts::process::fleet_test
