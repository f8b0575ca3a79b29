// SPDX-License-Identifier: Apache-2.0
#include "kts/device/sharing.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kts/base/files.hpp"

namespace kts::device {
namespace {

using testing::HasSubstr;

constexpr const char* kModes[] = {"exclusive", "time-slicing", "mps", "mig", "streams"};

std::string modes_in_force(std::string_view device_kind, const SharingFacts& facts) {
  std::string modes;
  for (const char* mode : kModes) {
    const Status status = check_sharing(mode, device_kind, facts);
    if (status) {
      modes += std::string(modes.empty() ? "" : " ") + mode;
    } else {
      EXPECT_EQ(status.error().code, ErrorCode::kEnvironment);
      EXPECT_FALSE(status.error().hint.empty());
    }
  }
  return modes;
}

TEST(Sharing, ACpuKnowsTheSchedulersTimeSlicingOnly) {
  EXPECT_EQ(modes_in_force("cpu", {}), "exclusive time-slicing");
  EXPECT_EQ(modes_in_force("cpu", {"/x", true, true}), "exclusive time-slicing");
}

TEST(Sharing, OnlyTheModeThatIsInForceOnTheCardIsAccepted) {
  EXPECT_EQ(modes_in_force("cuda", {"/x", false, false}), "exclusive time-slicing");
  EXPECT_EQ(modes_in_force("cuda", {"/x", false, std::nullopt}), "exclusive time-slicing");
  EXPECT_EQ(modes_in_force("cuda", {"/x", true, false}), "mps");
  EXPECT_EQ(modes_in_force("cuda", {"/x", false, true}), "mig");
}

TEST(Sharing, ADaemonIsKnownByItsControlPipe) {
  const auto folder = TemporaryDirectory::create().value();
  EXPECT_FALSE(inspect_sharing(folder.path(), std::nullopt).mps_daemon);
  ASSERT_TRUE(write_file(folder.path() / "control", ""));
  const SharingFacts facts = inspect_sharing(folder.path(), std::nullopt);
  EXPECT_TRUE(facts.mps_daemon);
  const Status status = check_sharing("time-slicing", "cuda", facts);
  ASSERT_FALSE(status);
  EXPECT_THAT(to_line(status.error()), HasSubstr((folder.path() / "control").string()));
}

}  // namespace
}  // namespace kts::device
