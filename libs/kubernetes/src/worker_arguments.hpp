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
// How all agents wait for their device: on a GPU's node with cores for all of them as a local run
// would, else without spinning, as a pod has no core of its own.
[[nodiscard]] std::string sync_of(const scenario::Scenario& scenario,
                                  const std::vector<int>& cores);

}  // namespace kts::kubernetes
