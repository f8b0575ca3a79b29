// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "kts/scenario/scenario.hpp"

namespace kts::kubernetes {

// What stands after `kts-worker pod --` for the agent in that place. `cores` are the node's, for
// the CPU device; empty: not known, the agents share core 0.
[[nodiscard]] std::vector<std::string> worker_arguments(const scenario::Scenario& scenario,
                                                        std::size_t place,
                                                        const std::vector<int>& cores);
// Of all agents: a pod has no core of its own, so nothing spins unless the scenario says so.
[[nodiscard]] std::string sync_of(const scenario::Scenario& scenario);

}  // namespace kts::kubernetes
