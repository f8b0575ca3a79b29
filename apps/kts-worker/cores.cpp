// SPDX-License-Identifier: Apache-2.0
#include "cores.hpp"

#include <sched.h>

#include <cerrno>

namespace kts::worker_app {

Status stay_on(const std::vector<int>& cores) {
  if (cores.empty()) return {};
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int core : cores) CPU_SET(static_cast<unsigned>(core), &set);
  if (sched_setaffinity(0, sizeof set, &set) == 0) return {};
  return environment_lacks(with_errno("none of these cores can be used", errno),
                           "taskset -p $$ shows those that can", "--host-cores");
}

}  // namespace kts::worker_app
