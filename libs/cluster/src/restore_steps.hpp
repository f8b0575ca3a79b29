// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "kts/cluster/share.hpp"

namespace kts::cluster {

[[nodiscard]] std::string backup_object(const Backup& backup);  // the ConfigMap's JSON
[[nodiscard]] Write label_write(const std::string& node, const std::optional<std::string>& value);
[[nodiscard]] Step restart_step(std::vector<std::string> nodes);
[[nodiscard]] Step await_step(std::vector<Offer> offers);
// Mounts the ConfigMap into the plugin and points CONFIG_FILE at the key; the other way round it
// takes both away again.
[[nodiscard]] Write daemon_set_write(const Backup& backup, const std::string& config_map);
[[nodiscard]] Write daemon_set_restore(const Backup& backup);

// From what kts wrote back to what `backup` says was before: labels, verified reload, keys, and
// last the backup itself, which becomes `instead` or goes.
[[nodiscard]] Result<std::vector<Step>> restore_steps(const Backup& backup,
                                                      const std::optional<Backup>& instead);

}  // namespace kts::cluster
