// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kts/cluster/plugin_config.hpp"

namespace kts::cluster {

// What the device plugin's own log says, since it last loaded its configuration.
struct PluginLog {
  std::optional<PluginConfig> config;   // empty: the log doesn't reach back to it, or it's broken
  std::vector<std::string> registered;  // resources that the kubelet took
  std::string last_error;               // the newest line of severity E or F, without its header
};

// Looks for `Running with config:` and the JSON after it, among any other lines.
[[nodiscard]] PluginLog parse_plugin_log(std::string_view log);

}  // namespace kts::cluster
