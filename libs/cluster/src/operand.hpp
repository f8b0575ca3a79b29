// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "kts/cluster/snapshot.hpp"

namespace kts::cluster {

// The DaemonSets that read the plugin's configuration.
enum class Operand { kNone, kPlugin, kFeatureDiscovery, kMps };
[[nodiscard]] Operand operand_of(const kube::Value& pod_spec);

[[nodiscard]] std::vector<kube::Value> operands_of(const Snapshot& snapshot,
                                                   const std::string& name_space);
// Null when there is none.
[[nodiscard]] kube::Value daemon_set_of(const Snapshot& snapshot, const std::string& name_space,
                                        const std::string& name);
[[nodiscard]] kube::Value labels_of(const Snapshot& snapshot, const std::string& node);
// Whether a pod's spec has a volume of this ConfigMap.
[[nodiscard]] bool mounts(const kube::Value& pod_spec, const std::string& config_map);
// The DaemonSet that a pod is of; empty: of none. Labels can't tell: the selectors of NVIDIA's
// chart are the same for all of its DaemonSets.
[[nodiscard]] std::string owner_of(const kube::Value& pod);

}  // namespace kts::cluster
