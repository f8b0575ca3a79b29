// SPDX-License-Identifier: Apache-2.0
// The order of choice: cmd/config-manager of NVIDIA/k8s-device-plugin.
#include "configured.hpp"

#include <fmt/format.h>

#include "kts/base/units.hpp"
#include "plugin_pod.hpp"

namespace kts::cluster {
namespace {

constexpr std::string_view kLabel = "nvidia.com/device-plugin.config";

NodeConfig choose(const kube::Value& labels, const kube::Value& manager, const kube::Value& data) {
  if (const std::string key = labels[kLabel].text(); !key.empty()) return {key, "node label", {}};
  if (const std::string key = environment(manager, "DEFAULT_CONFIG"); !key.empty()) {
    return {key, "default", {}};
  }
  // The chart's default order is named, single; older plugins know no other.
  std::string strategies = environment(manager, "FALLBACK_STRATEGIES");
  while (!strategies.empty()) {
    const std::string strategy = strategies.substr(0, strategies.find(','));
    strategies.erase(0, std::min(strategy.size() + 1, strategies.size()));
    const auto members = data.members();
    if (strategy == "named" && data["default"].exists())
      return {"default", "key named default", {}};
    if (strategy == "single" && members.size() == 1) return {members[0].first, "only key", {}};
    if (strategy == "empty") break;
  }
  return {};
}

}  // namespace

NodeConfig judge_config(const std::string& node, const kube::Value& labels,
                        const kube::Value& plugin_pod, const std::optional<PluginConfig>& loaded,
                        const Snapshot& snapshot, std::vector<Warning>& warnings) {
  const kube::Value spec = plugin_pod["spec"];
  const kube::Value manager = config_manager(spec);
  const std::string map_name = plugin_config_map(spec);
  if (map_name.empty()) {
    if (labels[kLabel].exists() && plugin_pod.exists()) {
      warnings.push_back(
          {fmt::format("{} is labelled {}={}, but its device plugin has no configuration to choose "
                       "from: the label has no effect",
                       node, kLabel, labels[kLabel].text()),
           "install the plugin with a configuration (Helm: config.name; GPU Operator: "
           "devicePlugin.config.name)"});
    }
    return {};
  }
  const std::string space = plugin_pod["metadata"]["namespace"].text();
  const std::string map = space + "/" + map_name;
  const auto found = snapshot.config_maps.find(map);
  if (found == snapshot.config_maps.end()) return {};
  if (!found->second) {
    if (found->second.error().not_found()) {
      warnings.push_back({fmt::format("ConfigMap {}, which the device plugin mounts, isn't there: "
                                      "its pods can't start again",
                                      map),
                          "create it, or take its name out of the plugin's settings"});
    }
    NodeConfig known;
    known.key = labels[kLabel].text();
    if (!known.key.empty()) known.chosen_by = "node label";
    return known;
  }
  const kube::Value data = (*found->second)["data"];
  NodeConfig config;
  if (manager.exists()) {
    config = choose(labels, manager, data);
  } else {
    // Without a config manager one file is mounted.
    const std::string file = environment(plugin_container(spec), "CONFIG_FILE");
    config.key = file.substr(file.rfind('/') + 1);
    config.chosen_by = "CONFIG_FILE";
    if (!data[config.key].exists() && data.members().size() == 1) {
      config.key = data.members()[0].first;
    }
  }
  if (config.key.empty()) return config;
  if (!data[config.key].exists()) {
    warnings.push_back(
        {fmt::format(
             "{} is to use key '{}' ({}), which ConfigMap {} doesn't have: its plugin won't "
             "start again",
             node, config.key, config.chosen_by, map),
         fmt::format("add the key, or choose another: kubectl label node {} {}=KEY --overwrite",
                     node, kLabel)});
    config.in_force = false;
    return config;
  }
  const auto wanted = parse_plugin_config(data[config.key].text());
  if (!wanted) {
    warnings.push_back(
        {fmt::format("key '{}' of ConfigMap {} is not YAML ({}): a plugin that loads "
                     "it won't start",
                     config.key, map, to_line(wanted.error())),
         "correct it"});
    return config;
  }
  if (!loaded) return config;
  config.in_force = wanted->shares_like(*loaded);
  if (!*config.in_force) {
    warnings.push_back(
        {fmt::format(
             "{} runs with {}, but key '{}' ({}) of ConfigMap {} says {}: edited or chosen, "
             "not loaded",
             node, loaded->summary(), config.key, config.chosen_by, map, wanted->summary()),
         fmt::format("the plugin reads it when it starts: kubectl -n {} delete pod {}", space,
                     plugin_pod["metadata"]["name"].text())});
  }
  const std::string environment_mig = environment(plugin_container(spec), "MIG_STRATEGY");
  if (!environment_mig.empty() && !wanted->mig_strategy.empty() &&
      environment_mig != wanted->mig_strategy) {
    warnings.push_back(
        {fmt::format("key '{}' of ConfigMap {} says migStrategy {}, but the plugin's environment "
                     "says MIG_STRATEGY={}, which wins",
                     config.key, map, wanted->mig_strategy, environment_mig),
         "change it where the plugin is installed"});
  }
  return config;
}

}  // namespace kts::cluster
