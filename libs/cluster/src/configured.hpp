// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kts/cluster/plugin_log.hpp"
#include "kts/cluster/status.hpp"

namespace kts::cluster {

// Which key of the ConfigMap a node's config manager chooses, and whether the plugin runs with what
// stands there now; what is wrong is added to `warnings`.
[[nodiscard]] NodeConfig judge_config(const std::string& node, const kube::Value& labels,
                                      const kube::Value& plugin_pod,
                                      const std::optional<PluginConfig>& loaded,
                                      const Snapshot& snapshot, std::vector<Warning>& warnings);

}  // namespace kts::cluster
