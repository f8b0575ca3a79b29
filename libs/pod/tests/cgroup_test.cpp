// SPDX-License-Identifier: Apache-2.0
#include "cgroup.hpp"

#include <gtest/gtest.h>

#include "kts/base/files.hpp"

namespace kts::pod::cgroup_test {
namespace {

class CgroupTest : public testing::Test {
 protected:
  void put(const std::string& path, const std::string& text) {
    const auto file = folder_.path() / path;
    ASSERT_TRUE(make_directories(file.parent_path()));
    ASSERT_TRUE(write_file(file, text));
  }
  TemporaryDirectory folder_ = TemporaryDirectory::create().value();
};

TEST_F(CgroupTest, VersionTwoIsReadFromOurOwnGroup) {
  put("proc/self/cgroup", "0::/kubepods/pod1\n");
  put("sys/fs/cgroup/cpu.stat", "usage_usec 1\nthrottled_usec 99\n");
  put("sys/fs/cgroup/kubepods/pod1/cpu.stat", "usage_usec 1\nnr_throttled 2\nthrottled_usec 7\n");
  put("sys/fs/cgroup/kubepods/pod1/memory.events", "oom 3\noom_kill 2\noom_group_kill 0\n");
  const Cgroup cgroup(folder_.path());
  EXPECT_EQ(cgroup.throttled_usec(), 7);
  EXPECT_EQ(cgroup.oom_kills(), 2);
}

TEST_F(CgroupTest, ContainerSeesItsGroupAtTheMountsRoot) {
  put("proc/self/cgroup", "0::/somewhere/on/the/host\n");
  put("sys/fs/cgroup/cpu.stat", "throttled_usec 5\n");
  EXPECT_EQ(Cgroup(folder_.path()).throttled_usec(), 5);
}

TEST_F(CgroupTest, VersionOneCountsNanoseconds) {
  put("proc/self/cgroup", "4:memory:/m\n3:cpu,cpuacct:/c\n1:name=systemd:/s\n0::/\n");
  put("sys/fs/cgroup/cpu,cpuacct/c/cpu.stat", "nr_throttled 1\nthrottled_time 8500\n");
  put("sys/fs/cgroup/memory/m/memory.oom_control", "oom_kill_disable 0\noom_kill 1\n");
  const Cgroup cgroup(folder_.path());
  EXPECT_EQ(cgroup.throttled_usec(), 8);
  EXPECT_EQ(cgroup.oom_kills(), 1);
}

TEST_F(CgroupTest, WhatIsNotThereIsUnavailable) {
  const Cgroup nothing(folder_.path());
  EXPECT_EQ(nothing.throttled_usec(), std::nullopt);
  EXPECT_EQ(nothing.oom_kills(), std::nullopt);
  put("sys/fs/cgroup/cpu.stat", "usage_usec 1\n");
  EXPECT_EQ(Cgroup(folder_.path()).throttled_usec(), std::nullopt);
}

}  // namespace
}  // namespace kts::pod::cgroup_test
