// SPDX-License-Identifier: Apache-2.0
#include "kts/runner/cores.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kts::runner::cores_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(Cores, AgentsOnACpuShareTheLastAllowedCoreAndNothingElseRunsThere) {
  const CorePlan plan = assign_cores({1, 4, 6}, true, 2, "auto");
  EXPECT_EQ(plan.device_core, 6);
  EXPECT_THAT(plan.host_cores, ElementsAre(ElementsAre(1, 4), ElementsAre(1, 4)));
  EXPECT_THAT(plan.runner_cores, ElementsAre(1, 4));
  EXPECT_EQ(plan.sync, "block");
  EXPECT_THAT(plan.warnings, IsEmpty());
}

TEST(Cores, WhatPlaysADeviceAndWhoWaitsForItAreKeptAwake) {
  EXPECT_THAT(assign_cores({1, 4, 6}, true, 2, "auto").awake_cores, ElementsAre(1, 4, 6));
  EXPECT_THAT(assign_cores({0, 1, 2, 3}, true, 2, "spin").awake_cores, ElementsAre(3));
  EXPECT_THAT(assign_cores({0, 1, 2, 3, 4}, true, 2, "block").awake_cores, ElementsAre(0, 1, 4));
  EXPECT_THAT(assign_cores({5}, true, 2, "auto").awake_cores, ElementsAre(5));
  EXPECT_THAT(assign_cores({0, 1, 2}, false, 2, "auto").awake_cores, IsEmpty());
}

TEST(Cores, SpinningNeedsACoreForEveryAgentAndTwoLeft) {
  EXPECT_EQ(assign_cores({0, 1, 2}, true, 2, "auto").sync, "block");
  const CorePlan cpu = assign_cores({0, 1, 2, 3}, true, 2, "auto");
  EXPECT_EQ(cpu.sync, "spin");
  EXPECT_THAT(cpu.host_cores, ElementsAre(ElementsAre(0), ElementsAre(1)));
  EXPECT_THAT(cpu.runner_cores, ElementsAre(2));
  const CorePlan gpu = assign_cores({0, 1, 2, 3}, false, 2, "auto");
  EXPECT_EQ(gpu.sync, "spin");
  EXPECT_EQ(gpu.device_core, std::nullopt);
  EXPECT_THAT(gpu.runner_cores, ElementsAre(2, 3));
}

TEST(Cores, OneCoreForEverythingIsAWarning) {
  const CorePlan plan = assign_cores({5}, true, 2, "auto");
  EXPECT_EQ(plan.device_core, 5);
  EXPECT_THAT(plan.host_cores, ElementsAre(ElementsAre(5), ElementsAre(5)));
  EXPECT_THAT(plan.warnings, ElementsAre(HasSubstr("only core 5 may be used")));
}

TEST(Cores, SpinningOnTooFewCoresIsObeyedWithAWarning) {
  const CorePlan plan = assign_cores({0, 1}, true, 2, "spin");
  EXPECT_EQ(plan.sync, "spin");
  EXPECT_FALSE(plan.own_cores);
  EXPECT_THAT(plan.warnings, ElementsAre(HasSubstr("sync: spin")));
}

TEST(Cores, ACrowdOnFewCoresIsAWarning) {
  EXPECT_THAT(assign_cores({0, 1}, true, 64, "auto").warnings,
              ElementsAre(HasSubstr("64 agents share 1 core:")));
}

}  // namespace
}  // namespace kts::runner::cores_test
