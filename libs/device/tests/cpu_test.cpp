// SPDX-License-Identifier: Apache-2.0
#include "kts/device/cpu.hpp"

#include <gtest/gtest.h>

#include "kts/base/files.hpp"

namespace kts::device::cpu_test {
namespace {

class Cpu : public testing::Test {
 protected:
  void put(const std::string& path, std::string_view text) {
    const auto full = root_.path() / path;
    ASSERT_TRUE(make_directories(full.parent_path()));
    ASSERT_TRUE(write_file(full, text));
  }
  TemporaryDirectory root_ = TemporaryDirectory::create().value();
};

TEST_F(Cpu, ModelMemoryAndGovernorComeFromTheSystemsFiles) {
  put("proc/cpuinfo", "processor\t: 0\nmodel name\t: Toy CPU @ 1 GHz\nprocessor\t: 1\n");
  put("proc/meminfo", "MemFree: 1 kB\nMemTotal:       24689212 kB");
  put("sys/devices/system/cpu/cpu3/cpufreq/scaling_governor", "performance\n");
  const CpuInfo info = inspect_cpu(root_.path(), {3, 1});
  EXPECT_EQ(info.model, "Toy CPU @ 1 GHz");
  EXPECT_EQ(info.memory_bytes, 24689212ULL * 1024);
  EXPECT_EQ(info.governor, "performance");
  EXPECT_EQ(info.allowed_cores, (std::vector<int>{1, 3}));
}

TEST_F(Cpu, WhatTheSystemDoesNotTellIsEmptyNotZero) {
  const CpuInfo info = inspect_cpu(root_.path(), {0});
  EXPECT_FALSE(info.model.empty());  // falls back to the architecture
  EXPECT_EQ(info.memory_bytes, std::nullopt);
  EXPECT_EQ(info.quota_cores, std::nullopt);
  EXPECT_EQ(info.governor, "");
}

TEST_F(Cpu, BandwidthLimitOfOurGroupIsGivenInCores) {
  put("proc/self/cgroup", "0::/pod/one\n");
  put("sys/fs/cgroup/pod/one/cpu.max", "150000 100000\n");
  EXPECT_EQ(inspect_cpu(root_.path(), {0}).quota_cores, 1.5);
  put("sys/fs/cgroup/pod/one/cpu.max", "max 100000\n");
  EXPECT_EQ(inspect_cpu(root_.path(), {0}).quota_cores, std::nullopt);
}

TEST_F(Cpu, OldStyleGroupsWithoutALimitHaveNone) {
  put("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
  put("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(inspect_cpu(root_.path(), {0}).quota_cores, std::nullopt);
  put("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "200000\n");
  EXPECT_EQ(inspect_cpu(root_.path(), {0}).quota_cores, 2.0);
}

TEST(CpuOfThisMachine, HasAtLeastOneAllowedCore) {
  EXPECT_FALSE(inspect_cpu().allowed_cores.empty());
  EXPECT_FALSE(inspect_cpu().kernel.empty());
}

TEST(FormatCores, RunsBecomeRanges) {
  EXPECT_EQ(format_cores({0, 1, 2, 5, 7, 8}), "0-2,5,7-8");
  EXPECT_EQ(format_cores({4}), "4");
  EXPECT_EQ(format_cores({}), "");
}

}  // namespace
}  // namespace kts::device::cpu_test
