// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <unistd.h>

#include <cstdlib>

#include "fixture.hpp"
#include "places.hpp"

namespace kts::runner::choose_device_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

const Result<std::vector<device::Gpu>> kNoDriver = environment_lacks("no driver");
const Result<std::vector<device::Gpu>> kOneGpu = std::vector<device::Gpu>(1);

TEST_F(FakeRun, AutoIsTheCpuWhereThereIsNoGpuAndSaysSo) {
  const auto choice = choose_device("auto", in_build("tests/kts_fake_worker"), run_.cpu, kNoDriver);
  ASSERT_TRUE(choice);
  EXPECT_EQ(choice->device, "cpu");
  EXPECT_THAT(choice->announcement, HasSubstr("no NVIDIA GPU here"));
  EXPECT_THAT(choice->announcement, HasSubstr("the agents share core 1"));
}

TEST_F(FakeRun, AutoIsTheGpuWhenAWorkerStartsOnIt) {
  const auto choice = choose_device("auto", in_build("tests/kts_fake_worker"), run_.cpu, kOneGpu);
  ASSERT_TRUE(choice) << to_line(choice.error());
  EXPECT_EQ(choice->device, "cuda");
}

TEST_F(FakeRun, AutoFallsBackWithTheReasonAndAnExplicitWishDoesNot) {
  const auto choice = choose_device("auto", "/bin/false", run_.cpu, kOneGpu);
  ASSERT_TRUE(choice);
  EXPECT_EQ(choice->device, "cpu");
  EXPECT_THAT(choice->announcement, HasSubstr("the GPU can't be used: exit status 1"));
  EXPECT_FALSE(choose_device("cuda:3", "/bin/false", run_.cpu, kOneGpu));
}

// CUDA numbers cards, not instances: with one visible there is no cuda:1.
TEST_F(FakeRun, ACardInMigModeIsTriedByAnInstanceOfIt) {
  std::vector<device::Gpu> cards(2);
  cards[1].index = 1;
  cards[1].mig_enabled = true;
  cards[1].mig_instances = {"MIG-1a", "MIG-1b"};
  const std::string worker = (folder_.path() / "worker").string();
  ASSERT_TRUE(write_file(worker, "#!/bin/sh\necho \"$CUDA_VISIBLE_DEVICES $*\" >&2\nexit 4\n"));
  std::filesystem::permissions(worker, std::filesystem::perms::owner_all);
  const auto said = [&](const char* wish) {
    const auto choice = choose_device(wish, worker, run_.cpu, cards);
    return choice ? "it works" : to_line(choice.error());
  };
  EXPECT_THAT(said("cuda:1"), AllOf(HasSubstr("MIG-1a fft"), HasSubstr("--device cuda")));
  EXPECT_THAT(said("cuda:1"), Not(HasSubstr("cuda:1")));
  EXPECT_THAT(said("cuda:0"), AllOf(Not(HasSubstr("MIG")), HasSubstr("--device cuda:0")));
}

TEST_F(FakeRun, WhatIsNoDeviceIsBadInputThatNamesTheFlag) {
  for (const char* wish : {"gpu", "cuda:x", "cuda:-1", ""}) {
    const auto choice = choose_device(wish, in_build("tests/kts_fake_worker"), run_.cpu, kOneGpu);
    ASSERT_FALSE(choice) << wish;
    EXPECT_EQ(choice.error().code, ErrorCode::kBadInput);
    EXPECT_TRUE(to_line(choice.error()).starts_with("--device: '" + std::string(wish) + "'"));
  }
}

TEST_F(FakeRun, ExclusiveIsForOneAgent) {
  run_.scenario.sharing = "exclusive";
  const Status status = check_sharing_mode(run_.scenario, kNoDriver);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kBadInput);
  run_.scenario.agents.pop_back();
  EXPECT_TRUE(check_sharing_mode(run_.scenario, kNoDriver));
}

TEST_F(FakeRun, AComputeModeThatForbidsTheRunIsSaidBeforeIt) {
  std::vector<device::Gpu> cards(2);
  for (device::Gpu& gpu : cards) gpu.compute_mode = "exclusive-process";
  run_.scenario.device = "cuda";
  const Status status = check_sharing_mode(run_.scenario, cards);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kEnvironment);
  EXPECT_THAT(to_line(status.error()),
              AllOf(HasSubstr("one process may use it, not 2"), Not(HasSubstr("\n"))));
  // Which of unlike cards it will be isn't known.
  cards[1].compute_mode = "default";
  EXPECT_TRUE(check_sharing_mode(run_.scenario, cards));
  for (device::Gpu& gpu : cards) gpu.compute_mode = "prohibited";
  const auto choice = choose_device("cuda", in_build("tests/kts_fake_worker"), run_.cpu, cards);
  ASSERT_FALSE(choice);
  EXPECT_EQ(choice.error().code, ErrorCode::kEnvironment);
  EXPECT_THAT(to_line(choice.error()), HasSubstr("compute mode is prohibited"));
}

TEST_F(FakeRun, ADaemonOfAnotherUserIsSaidInOneLine) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can make another user's files";
  const auto pipes = TemporaryDirectory::create("kts-other", "/tmp").value();
  ASSERT_TRUE(write_file(pipes.path() / "control", ""));
  ASSERT_EQ(chown((pipes.path() / "control").c_str(), 65534, 65534), 0);
  const std::string path = std::getenv("PATH");
  setenv("PATH", (in_build("tests/fake-mps") + ":" + path).c_str(), 1);
  setenv("CUDA_MPS_PIPE_DIRECTORY", pipes.path().c_str(), 1);
  run_.scenario.device = "cuda";
  run_.scenario.sharing = "mps";
  const Status status = check_sharing_mode(run_.scenario, kOneGpu);
  setenv("PATH", path.c_str(), 1);
  unsetenv("CUDA_MPS_PIPE_DIRECTORY");
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kEnvironment);
  EXPECT_THAT(
      to_line(status.error()),
      AllOf(HasSubstr("control: an MPS daemon of another user is in force"), Not(HasSubstr("\n"))));
}

TEST_F(FakeRun, ModesThatTheDeviceCannotProvideAreEnvironmentErrors) {
  for (const char* mode : {"mps", "mig"}) {
    run_.scenario.sharing = mode;
    const Status status = check_sharing_mode(run_.scenario, kNoDriver);
    ASSERT_FALSE(status) << mode;
    EXPECT_EQ(status.error().code, ErrorCode::kEnvironment);
  }
}

}  // namespace
}  // namespace kts::runner::choose_device_test
