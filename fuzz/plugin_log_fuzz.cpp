// SPDX-License-Identifier: Apache-2.0
// The device plugin's log and a ConfigMap's value, both written by others.
#include <cstdint>
#include <string_view>

#include "kts/cluster/plugin_log.hpp"
#include "property.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto log = kts::cluster::parse_plugin_log(text);
  if (log.config) {
    KTS_PROPERTY((log.config->mode == kts::cluster::SharingMode::kExclusive) ==
                 log.config->resources.empty());
    for (const auto& resource : log.config->resources) KTS_PROPERTY(resource.replicas > 1);
  }
  const auto config = kts::cluster::parse_plugin_config(text);
  if (!config) KTS_PROPERTY(kts::to_line(config.error()).find('\n') == std::string::npos);
  return 0;
}
