// SPDX-License-Identifier: Apache-2.0
#include "kts/runner/foreign.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kts::runner::foreign_test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> foreign(const std::vector<device::GpuProcess>& on_card,
                                 const std::vector<std::int64_t>& ours) {
  std::vector<std::string> names;
  for (const auto& process : foreign_processes(on_card, ours)) names.push_back(describe(process));
  return names;
}
device::GpuProcess process(std::int64_t pid, std::string name) {
  return {pid, {}, std::move(name)};
}

TEST(Foreign, OursAndTheMpsServerAreNot) {
  EXPECT_THAT(
      foreign({process(10, "kts-worker"), process(11, "kts-worker"), process(5, "nvidia-cuda-mps")},
              {10, 11}),
      IsEmpty());
  EXPECT_THAT(foreign({}, {10}), IsEmpty());
}

TEST(Foreign, OthersAreNamed) {
  EXPECT_THAT(foreign({process(10, "kts-worker"), process(77, "python3")}, {10}),
              ElementsAre("python3 (77)"));
  EXPECT_THAT(foreign({process(77, "")}, {}), ElementsAre("process (77)"));
}

TEST(Foreign, NumbersOfAnotherNamespaceTellOnlyASurplus) {
  EXPECT_THAT(foreign({process(9001, ""), process(9002, "")}, {10, 11}), IsEmpty());
  EXPECT_THAT(foreign({process(9001, ""), process(9002, ""), process(9003, "")}, {10, 11}),
              ElementsAre("1 more than kts started"));
}

}  // namespace
}  // namespace kts::runner::foreign_test
