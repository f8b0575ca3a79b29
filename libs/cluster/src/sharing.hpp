// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "kts/cluster/plugin_log.hpp"
#include "kts/cluster/status.hpp"

namespace kts::cluster {

// How the names of MIG devices' resources begin.
inline constexpr std::string_view kMigPrefix = "nvidia.com/mig-";

// Whether a node's cards are cut into MIG devices now; being capable of it is not it.
[[nodiscard]] bool mig_in_use(const GpuNode& node, const kube::Value& labels);

// Which sharing is in force: what the plugin says that it loaded, else what feature discovery wrote
// on the node, else what the resources' names and numbers prove.
[[nodiscard]] Sharing judge_sharing(const GpuNode& node, const kube::Value& labels,
                                    const std::optional<PluginConfig>& loaded);

// A label that must be a number.
[[nodiscard]] std::optional<std::int64_t> number_label(const kube::Value& labels,
                                                       std::string_view name);

}  // namespace kts::cluster
