// SPDX-License-Identifier: Apache-2.0
#include "kts/mps/daemon.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "kts/base/units.hpp"
#include "places.hpp"

namespace kts::mps::daemon_test {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

// Up to a minute.
template <typename Condition>
bool await(Condition condition) {
  for (int i = 0; i < 6000; ++i) {
    if (condition()) return true;
    usleep(10'000);
  }
  return false;
}

// A process that is called so once this returns, and waits for its end.
pid_t named_child(const char* name) {
  int ends[2];
  if (pipe(ends) != 0) return -1;
  const pid_t pid = fork();
  if (pid == 0) {
    prctl(PR_SET_NAME, name);
    if (write(ends[1], "", 1) != 1) _exit(1);
    for (;;) pause();
  }
  char named = 0;
  EXPECT_EQ(read(ends[0], &named, 1), 1);
  close(ends[0]);
  close(ends[1]);
  return pid;
}

// With the fake program, which starts, answers and misbehaves as the real one might.
class MpsDaemon : public testing::Test {
 protected:
  ~MpsDaemon() override { unsetenv("KTS_FAKE_MPS"); }
  void misbehave(const char* mode) { setenv("KTS_FAKE_MPS", mode, 1); }
  DaemonSpec spec() const {
    return {in_build("tests/fake-mps/nvidia-cuda-mps-control"), folder_.path() / "logs",
            folder_.path()};
  }
  std::string failure() const {
    const auto daemon = Daemon::start(spec());
    return daemon ? "it started" : to_line(daemon.error());
  }
  static pid_t pid_in(const std::filesystem::path& pipe_folder) {
    const auto text = read_file(pipe_folder / "nvidia-cuda-mps-control.pid");
    return text ? std::atoi(text->c_str()) : -1;
  }

  TemporaryDirectory folder_ = TemporaryDirectory::create().value();
};

TEST_F(MpsDaemon, StartsOnAPrivateFolderAndIsGoneWhenStopped) {
  auto daemon = Daemon::start(spec());
  ASSERT_TRUE(daemon) << to_line(daemon.error());
  const auto pipes = (*daemon)->pipe_folder();
  struct stat found {};
  ASSERT_EQ(stat(pipes.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777U, 0700U);
  EXPECT_THAT((*daemon)->client_environment(),
              Contains("CUDA_MPS_PIPE_DIRECTORY=" + pipes.string()));
  const pid_t pid = pid_in(pipes);
  ASSERT_GT(pid, 0);
  EXPECT_EQ(kill(pid, 0), 0);
  EXPECT_TRUE((*daemon)->stop());
  EXPECT_NE(kill(pid, 0), 0);
  EXPECT_FALSE(std::filesystem::exists(pipes));
  EXPECT_TRUE(std::filesystem::exists(folder_.path() / "logs" / "control.log"));
}

TEST_F(MpsDaemon, KnowsItsClients) {
  auto daemon = Daemon::start(spec());
  ASSERT_TRUE(daemon);
  const std::vector<Member> us{{"fft", getpid()}};
  EXPECT_FALSE(require_clients((*daemon)->control(), us));
  ASSERT_TRUE(write_file((*daemon)->pipe_folder() / ("client-" + std::to_string(getpid())), ""));
  const Status status = require_clients((*daemon)->control(), us);
  EXPECT_TRUE(status) << to_line(status.error());
}

TEST_F(MpsDaemon, LeavesWithItsMakerHoweverThatEnds) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t maker = fork();
  if (maker == 0) {
    auto daemon = Daemon::start(spec());
    const pid_t pid = daemon ? pid_in((*daemon)->pipe_folder()) : -1;
    if (write(ends[1], &pid, sizeof pid) != sizeof pid) _exit(1);
    raise(SIGKILL);
  }
  pid_t pid = -1;
  ASSERT_EQ(read(ends[0], &pid, sizeof pid), static_cast<ssize_t>(sizeof pid));
  ASSERT_GT(pid, 0);
  waitpid(maker, nullptr, 0);
  EXPECT_TRUE(await([&] { return kill(pid, 0) != 0; }));
  close(ends[0]);
  close(ends[1]);
}

TEST_F(MpsDaemon, OneThatDoesNotQuitIsKilledAndSaidSo) {
  misbehave("stubborn");
  auto daemon = Daemon::start(spec());
  ASSERT_TRUE(daemon);
  const pid_t pid = pid_in((*daemon)->pipe_folder());
  const Status status = (*daemon)->stop();
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kEnvironment);
  EXPECT_THAT(to_line(status.error()), HasSubstr("killed"));
  EXPECT_TRUE(await([&] { return kill(pid, 0) != 0; }));
}

TEST_F(MpsDaemon, WhatKeepsItFromStartingIsSaid) {
  misbehave("refuse");
  EXPECT_THAT(failure(), HasSubstr("already running"));
}

TEST_F(MpsDaemon, OneThatAnswersOddlyIsNotUsed) {
  misbehave("rude");
  EXPECT_THAT(failure(), HasSubstr("Unknown command"));
}

TEST_F(MpsDaemon, AFolderTooDeepForSocketsIsRefused) {
  DaemonSpec deep = spec();
  deep.parent = folder_.path() / std::string(100, 'x');
  ASSERT_TRUE(make_directories(deep.parent));
  const auto daemon = Daemon::start(deep);
  ASSERT_FALSE(daemon);
  EXPECT_THAT(to_line(daemon.error()), HasSubstr("too long for MPS's sockets"));
}

TEST_F(MpsDaemon, OneOfAKilledRunIsFoundAndSaidHowToEnd) {
  auto daemon = Daemon::start(spec());
  ASSERT_TRUE(daemon);
  EXPECT_THAT(find_leftovers(folder_.path()), IsEmpty());
  const auto root = (*daemon)->pipe_folder().parent_path();
  const pid_t ended = fork();
  if (ended == 0) _exit(0);
  waitpid(ended, nullptr, 0);
  ASSERT_TRUE(write_file(root / "owner", std::to_string(ended) + "\n"));
  const auto found = find_leftovers(folder_.path());
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].daemon, pid_in((*daemon)->pipe_folder()));
  EXPECT_THAT(describe(found[0]), HasSubstr("CUDA_MPS_PIPE_DIRECTORY=" + root.string()));
}

TEST_F(MpsDaemon, OneWhoseMakersNumberIsAnothersNowIsFound) {
  auto daemon = Daemon::start(spec());
  ASSERT_TRUE(daemon);
  const auto owner = (*daemon)->pipe_folder().parent_path() / "owner";
  const std::string us = read_file(owner).value();
  ASSERT_THAT(us, testing::MatchesRegex("[0-9]+ [0-9]+\n"));
  ASSERT_TRUE(write_file(owner, std::to_string(getpid()) + " 1\n"));
  EXPECT_EQ(find_leftovers(folder_.path()).size(), 1U);
  // As an older kts wrote it, whose process may be any that lives.
  ASSERT_TRUE(write_file(owner, std::to_string(getpid()) + "\n"));
  EXPECT_THAT(find_leftovers(folder_.path()), IsEmpty());
  ASSERT_TRUE(write_file(owner, us));
  EXPECT_THAT(find_leftovers(folder_.path()), IsEmpty());
}

TEST_F(MpsDaemon, AnotherProcessThatHasADaemonsNumberIsNone) {
  const auto root = folder_.path() / "kts-mps-old";
  ASSERT_TRUE(make_directories(root / "pipe"));
  const pid_t ended = fork();
  if (ended == 0) _exit(0);
  waitpid(ended, nullptr, 0);
  ASSERT_TRUE(write_file(root / "owner", std::to_string(ended) + "\n"));
  // Us, one without a name, and one whose name is less than a daemon's.
  const pid_t nameless = named_child("");
  const pid_t shorter = named_child("nvidia");
  for (const pid_t pid : {getpid(), nameless, shorter}) {
    ASSERT_TRUE(write_file(root / "pipe" / "nvidia-cuda-mps-control.pid", std::to_string(pid)));
    EXPECT_THAT(find_leftovers(folder_.path()), IsEmpty()) << pid;
  }
  for (const pid_t pid : {nameless, shorter}) {
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
  }
}

TEST(StaticPartitions, AreOfferedByProgramsThatKnowTheCommand) {
  const auto folder = TemporaryDirectory::create().value();
  EXPECT_FALSE(offers_static_partitions(folder.path() / "none"));
  ASSERT_TRUE(write_file(folder.path() / "old", std::string("ELF\0 get_client_list", 20)));
  EXPECT_FALSE(offers_static_partitions(folder.path() / "old"));
  ASSERT_TRUE(write_file(folder.path() / "new", std::string("ELF\0 sm_partition add", 20)));
  EXPECT_TRUE(offers_static_partitions(folder.path() / "new"));
}

}  // namespace
}  // namespace kts::mps::daemon_test
