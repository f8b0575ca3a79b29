// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kts/cluster/plugin_log.hpp"
#include "kts/cluster/status.hpp"

namespace kts::cluster {

// What a node's numbers say that its owner would want to know.
void warn_about_node(const GpuNode& node, const kube::Value& labels, const PluginLog& log,
                     std::vector<Warning>& warnings);
// What would undo a change by hand, and what isn't in order.
void warn_about_installations(const std::vector<Installation>& installations,
                              std::vector<Warning>& warnings);
// One for each thing that couldn't be seen.
void warn_about_unseen(const Snapshot& snapshot, std::vector<Warning>& warnings);

}  // namespace kts::cluster
