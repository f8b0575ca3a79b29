// SPDX-License-Identifier: Apache-2.0
#include "kts/device/sharing.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "kts/base/files.hpp"

namespace kts::device::sharing_test {
namespace {

using testing::HasSubstr;

constexpr const char* kModes[] = {"exclusive", "time-slicing", "mps", "mig", "streams"};

std::string modes_in_force(std::string_view device_kind, const SharingFacts& facts,
                           std::size_t agents = 1) {
  std::string modes;
  for (const char* mode : kModes) {
    const Status status = check_sharing(mode, device_kind, facts, agents);
    if (status) {
      modes += std::string(modes.empty() ? "" : " ") + mode;
    } else {
      EXPECT_EQ(status.error().code, ErrorCode::kEnvironment);
      EXPECT_FALSE(status.error().hint.empty());
    }
  }
  return modes;
}

SharingFacts facts(bool mps_program, std::optional<bool> mig) {
  SharingFacts facts;
  facts.mps_pipe_folder = "/x";
  facts.mps_program = mps_program;
  facts.mig_enabled = mig;
  return facts;
}

TEST(Sharing, ACpuKnowsTheSchedulersTimeSlicingAndThreadsOfOneProcess) {
  EXPECT_EQ(modes_in_force("cpu", {}), "exclusive time-slicing streams");
  EXPECT_EQ(modes_in_force("cpu", facts(true, true)), "exclusive time-slicing streams");
}

TEST(Sharing, WhatKtsCanHaveOnACardIsAccepted) {
  EXPECT_EQ(modes_in_force("cuda", facts(false, false)), "exclusive time-slicing streams");
  EXPECT_EQ(modes_in_force("cuda", facts(false, std::nullopt)), "exclusive time-slicing streams");
  EXPECT_EQ(modes_in_force("cuda", facts(true, false)), "exclusive time-slicing mps streams");
  EXPECT_EQ(modes_in_force("cuda", facts(true, true)), "mig");
}

TEST(Sharing, ADaemonOfAnotherUserForbidsMpsAlone) {
  SharingFacts seen = facts(true, false);
  seen.mps_daemon = true;
  EXPECT_EQ(modes_in_force("cuda", seen), "exclusive time-slicing mps streams");
  seen.mps_is_another_users = true;
  EXPECT_EQ(modes_in_force("cuda", seen), "exclusive time-slicing streams");
  const Status status = check_sharing("mps", "cuda", seen);
  ASSERT_FALSE(status);
  EXPECT_THAT(to_line(status.error()), HasSubstr("/x/control: an MPS daemon of another user"));
}

TEST(Sharing, TheComputeModeSaysHowManyProcessesMayBeThere) {
  SharingFacts seen = facts(true, false);
  seen.compute_mode = "exclusive-process";
  EXPECT_EQ(modes_in_force("cuda", seen), "exclusive time-slicing mps streams");
  EXPECT_EQ(modes_in_force("cuda", seen, 2), "exclusive mps streams");
  seen.compute_mode = "prohibited";
  EXPECT_EQ(modes_in_force("cuda", seen), "");
  EXPECT_EQ(modes_in_force("cpu", seen, 2), "exclusive time-slicing streams");
  seen.compute_mode = "default";
  EXPECT_EQ(modes_in_force("cuda", seen, 2), "exclusive time-slicing mps streams");
}

TEST(Sharing, ADaemonIsKnownByItsControlPipe) {
  const auto folder = TemporaryDirectory::create().value();
  EXPECT_FALSE(inspect_sharing(folder.path(), true, std::nullopt).mps_daemon);
  ASSERT_TRUE(write_file(folder.path() / "control", ""));
  const SharingFacts seen = inspect_sharing(folder.path(), true, std::nullopt);
  EXPECT_TRUE(seen.mps_daemon);
  EXPECT_FALSE(seen.mps_is_another_users);
}

TEST(Sharing, ASocketThatNobodyListensToIsNoDaemon) {
  const auto folder = TemporaryDirectory::create().value();
  const auto path = (folder.path() / "control").string();
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  ASSERT_EQ(bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(listen(fd, 1), 0);
  EXPECT_TRUE(inspect_sharing(folder.path(), true, std::nullopt).mps_daemon);
  close(fd);
  EXPECT_FALSE(inspect_sharing(folder.path(), true, std::nullopt).mps_daemon);
}

}  // namespace
}  // namespace kts::device::sharing_test
