// SPDX-License-Identifier: Apache-2.0
#include "awake_cores.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>

#include <chrono>
#include <filesystem>
#include <thread>

namespace kts::runner::awake_cores_test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// The core of each thread of this process that runs only when nothing else wants to.
std::vector<int> idle_class_cores() {
  std::vector<int> cores;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    const int id = std::stoi(task.path().filename());
    cpu_set_t set;
    if (sched_getscheduler(id) != SCHED_IDLE || sched_getaffinity(id, sizeof set, &set) != 0 ||
        CPU_COUNT(&set) != 1) {
      continue;
    }
    for (int core = 0; core < CPU_SETSIZE; ++core) {
      if (CPU_ISSET(static_cast<std::size_t>(core), &set)) cores.push_back(core);
    }
  }
  return cores;
}

int own_core() {
  cpu_set_t set;
  CPU_ZERO(&set);
  sched_getaffinity(0, sizeof set, &set);
  int core = 0;
  while (!CPU_ISSET(static_cast<std::size_t>(core), &set)) ++core;
  return core;
}

TEST(AwakeCores, AreHeldByAThreadThatYieldsToEverybodyForAsLongAsItLives) {
  const int core = own_core();
  {
    const AwakeCores awake({core, CPU_SETSIZE});
    for (int i = 0; i < 1000 && idle_class_cores().empty(); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    EXPECT_THAT(idle_class_cores(), ElementsAre(core));
    EXPECT_EQ(sched_getscheduler(0), SCHED_OTHER);
  }
  EXPECT_THAT(idle_class_cores(), IsEmpty());
}

}  // namespace
}  // namespace kts::runner::awake_cores_test
