// SPDX-License-Identifier: Apache-2.0
#include "kts/runner/cores.hpp"

#include <fmt/format.h>

#include <set>

namespace kts::runner {

CorePlan assign_cores(const std::vector<int>& allowed, bool cpu_device, std::size_t agents,
                      std::string_view sync) {
  constexpr std::size_t kLeftOver = 2;
  constexpr std::size_t kCrowd = 4;
  CorePlan plan;
  std::vector<int> hosts = allowed;
  if (cpu_device) {
    plan.device_core = allowed.back();
    if (allowed.size() > 1) {
      hosts.pop_back();
    } else {
      plan.warnings.push_back(fmt::format(
          "only core {} may be used, so pacing and bookkeeping disturb what is measured on it; "
          "give kts two cores or more",
          allowed.front()));
    }
  }

  plan.own_cores = allowed.size() >= agents + kLeftOver;
  for (std::size_t i = 0; i < agents; ++i) {
    plan.host_cores.push_back(plan.own_cores ? std::vector<int>{hosts[i]} : hosts);
  }
  plan.runner_cores =
      plan.own_cores
          ? std::vector<int>(hosts.begin() + static_cast<std::ptrdiff_t>(agents), hosts.end())
          : hosts;

  plan.sync = sync == "auto" ? (plan.own_cores ? "spin" : "block") : std::string(sync);
  if (cpu_device) {
    std::set<int> awake{*plan.device_core};
    // Host threads that spin keep theirs awake.
    if (plan.sync == "block") {
      for (const auto& cores : plan.host_cores) awake.insert(cores.begin(), cores.end());
    }
    plan.awake_cores.assign(awake.begin(), awake.end());
  }
  if (sync == "spin" && !plan.own_cores) {
    plan.warnings.push_back(
        fmt::format("sync: spin with {} agents on {} cores: spinning threads take time from each "
                    "other; sync: block measures better here",
                    agents, allowed.size()));
  }
  if (agents > kCrowd * hosts.size()) {
    plan.warnings.push_back(
        fmt::format("the host threads of {} agents share {} core{}: pacing will be late", agents,
                    hosts.size(), hosts.size() == 1 ? "" : "s"));
  }
  return plan;
}

}  // namespace kts::runner
