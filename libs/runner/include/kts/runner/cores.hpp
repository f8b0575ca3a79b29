// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kts::runner {

// Which core does what, the same in solo and shared blocks.
struct CorePlan {
  std::optional<int> device_core;            // CPU device: the core that the agents share
  std::vector<std::vector<int>> host_cores;  // of each agent
  std::vector<int> runner_cores;
  std::vector<int> awake_cores;  // CPU device: those that mustn't sleep between two requests
  bool own_cores = false;        // every agent has its host core to itself
  std::string sync;              // "spin" | "block"
  std::vector<std::string> warnings;
};

// `allowed` is ascending and not empty; `sync` is "auto", "spin" or "block". Spinning is chosen
// only when every agent gets a core of its own and two are left.
[[nodiscard]] CorePlan assign_cores(const std::vector<int>& allowed, bool cpu_device,
                                    std::size_t agents, std::string_view sync);

}  // namespace kts::runner
