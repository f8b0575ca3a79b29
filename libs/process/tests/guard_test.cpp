// SPDX-License-Identifier: Apache-2.0
#include "kts/process/guard.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kts/base/files.hpp"

namespace kts::process::guard_test {
namespace {

using std::chrono_literals::operator""s;
using std::chrono_literals::operator""ms;

// Blocks until the file is there, up to a minute.
bool await_file(const std::filesystem::path& path) {
  for (int i = 0; i < 6000; ++i) {
    if (std::filesystem::exists(path)) return true;
    usleep(10'000);
  }
  return false;
}

TEST(Guard, GoesOnWhenItIsReleasedAndTellsHowItEnded) {
  auto guard = Guard::start("echo \"$1\"; read -r _; exit 3", {"ready"});
  ASSERT_TRUE(guard);
  EXPECT_EQ(guard->line(10s).value(), "ready");
  const auto status = guard->release(10s);
  ASSERT_TRUE(status);
  EXPECT_EQ(status->code, 3);
}

TEST(Guard, ActsAlthoughItsMakerWasKilled) {
  const auto folder = TemporaryDirectory::create().value();
  const auto mark = folder.path() / "put-back";
  const pid_t maker = fork();
  if (maker == 0) {
    auto guard = Guard::start("echo here; while read -r _; do :; done; : >\"$1\"", {mark.string()});
    if (!guard || !guard->line(10s)) _exit(1);
    raise(SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(waitpid(maker, &status, 0), maker);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_TRUE(await_file(mark));
}

TEST(Guard, AScriptThatSaysNothingIsNotWaitedForWithoutEnd) {
  auto guard = Guard::start("read -r _", {});
  ASSERT_TRUE(guard);
  const auto line = guard->line(20ms);
  ASSERT_FALSE(line);
  EXPECT_EQ(line.error().code, ErrorCode::kEnvironment);
}

}  // namespace
}  // namespace kts::process::guard_test
