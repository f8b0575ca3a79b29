// SPDX-License-Identifier: Apache-2.0
#include "kts/workload/memory.hpp"

#include <gtest/gtest.h>

#include <string>

#include "kts/base/files.hpp"

namespace kts::workload::memory_test {
namespace {

class FreeMemory : public testing::Test {
 protected:
  void put(const std::string& file, const std::string& text) const {
    const auto path = root_.path() / file;
    ASSERT_TRUE(make_directories(path.parent_path()));
    ASSERT_TRUE(write_file(path, text));
  }
  [[nodiscard]] std::optional<std::uint64_t> available() const {
    return available_memory(root_.path());
  }

  TemporaryDirectory root_ = *TemporaryDirectory::create();
};

TEST_F(FreeMemory, UnknownMachineHasNoFigure) { EXPECT_EQ(available(), std::nullopt); }

TEST_F(FreeMemory, KernelsEstimateIsTaken) {
  put("proc/meminfo", "MemTotal:       2000 kB\nMemFree: 10 kB\nMemAvailable:    1000 kB\n");
  EXPECT_EQ(available(), 1'024'000U);
}

TEST_F(FreeMemory, GroupsLimitCountsLessWhatItHoldsAndCanNotDrop) {
  put("proc/meminfo", "MemAvailable:    1000 kB\n");
  put("sys/fs/cgroup/memory.max", "600000\n");
  put("sys/fs/cgroup/memory.current", "500000\n");
  put("sys/fs/cgroup/memory.stat", "anon 1\ninactive_file 300000\n");
  EXPECT_EQ(available(), 400'000U);
}

TEST_F(FreeMemory, GroupWithoutLimitLeavesTheKernelsEstimate) {
  put("proc/meminfo", "MemAvailable:    1000 kB\n");
  put("sys/fs/cgroup/memory.max", "max\n");
  put("sys/fs/cgroup/memory.current", "500000\n");
  EXPECT_EQ(available(), 1'024'000U);
}

TEST_F(FreeMemory, TightestAncestorDecides) {
  put("proc/self/cgroup", "1:name=systemd:/x\n0::/pods/mine\n");
  put("sys/fs/cgroup/pods/memory.max", "1000\n");
  put("sys/fs/cgroup/pods/memory.current", "900\n");
  put("sys/fs/cgroup/pods/mine/memory.max", "5000\n");
  put("sys/fs/cgroup/pods/mine/memory.current", "100\n");
  EXPECT_EQ(available(), 100U);
}

TEST_F(FreeMemory, OverfullGroupHasNothingLeft) {
  put("sys/fs/cgroup/memory.max", "1000\n");
  put("sys/fs/cgroup/memory.current", "2000\n");
  EXPECT_EQ(available(), 0U);
}

TEST_F(FreeMemory, VersionOneGroupCounts) {
  put("sys/fs/cgroup/memory/memory.limit_in_bytes", "1000\n");
  put("sys/fs/cgroup/memory/memory.usage_in_bytes", "400\n");
  EXPECT_EQ(available(), 600U);
}

TEST(RequireMemory, SaysBytesWantedAndFree) {
  const auto status = require_memory(2048, 1024);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kEnvironment);
  EXPECT_NE(status.error().message.find("2048 bytes"), std::string::npos);
  EXPECT_NE(status.error().message.find("1024 bytes"), std::string::npos);
}

TEST(RequireMemory, FitsWhenUnknownOrEnough) {
  EXPECT_TRUE(require_memory(2048, std::nullopt));
  EXPECT_TRUE(require_memory(2048, 2048));
}

}  // namespace
}  // namespace kts::workload::memory_test
