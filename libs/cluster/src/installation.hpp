// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "kts/cluster/status.hpp"

namespace kts::cluster {

// How GPUs came to be offered. Empty when nothing offers any, or too little can be seen.
[[nodiscard]] std::vector<Installation> find_installations(const Snapshot& snapshot);

// The device plugin's pod on a node, if it can be seen and is not terminal.
[[nodiscard]] std::vector<kube::Value> plugin_pods_on(const Snapshot& snapshot,
                                                      const std::string& node);

}  // namespace kts::cluster
