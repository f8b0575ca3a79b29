// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kts/base/error.hpp"
#include "kts/kube/value.hpp"

namespace kts::cluster {

enum class SharingMode { kExclusive, kTimeSlicing, kMps, kMig };
[[nodiscard]] std::string_view name(SharingMode mode);  // "time-slicing"

// What the device plugin's configuration (version v1) says of sharing. The plugin calls exclusive
// use "none"; MIG isn't its affair.
struct PluginConfig {
  struct Replicated {
    std::string name;        // with its "nvidia.com/"
    std::string advertised;  // as pods request it: the name, or name.shared
    std::int64_t replicas = 0;
    friend bool operator==(const Replicated&, const Replicated&) = default;
  };
  SharingMode mode = SharingMode::kExclusive;
  std::vector<Replicated> resources;
  std::string mig_strategy;  // empty: not said

  [[nodiscard]] bool shares_like(const PluginConfig& other) const {
    return mode == other.mode && resources == other.resources;
  }
  // "time-slicing ×4 of nvidia.com/gpu", "no sharing".
  [[nodiscard]] std::string summary() const;
};

[[nodiscard]] PluginConfig read_plugin_config(const kube::Value& config);
// From a ConfigMap's value, YAML or JSON.
[[nodiscard]] Result<PluginConfig> parse_plugin_config(std::string_view yaml);

}  // namespace kts::cluster
