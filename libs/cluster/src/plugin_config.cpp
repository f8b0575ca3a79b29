// SPDX-License-Identifier: Apache-2.0
// Fields: api/config/v1 of NVIDIA/k8s-device-plugin.
#include "kts/cluster/plugin_config.hpp"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <nlohmann/json.hpp>

#include "yaml.hpp"

namespace kts::cluster {
namespace {

constexpr std::string_view kPrefix = "nvidia.com/";

std::vector<PluginConfig::Replicated> read_replicated(const kube::Value& replicated) {
  const bool rename = replicated["renameByDefault"].boolean().value_or(false);
  std::vector<PluginConfig::Replicated> out;
  for (const kube::Value& item : replicated["resources"].items()) {
    PluginConfig::Replicated resource;
    resource.name = item["name"].text();
    if (!resource.name.starts_with(kPrefix)) resource.name.insert(0, kPrefix);
    resource.advertised = item["rename"].text();
    if (resource.advertised.empty()) {
      resource.advertised = rename ? resource.name + ".shared" : resource.name;
    }
    resource.replicas = item["replicas"].integer().value_or(0);
    // One replica is no sharing.
    if (resource.replicas > 1) out.push_back(std::move(resource));
  }
  return out;
}

nlohmann::json to_json(const YAML::Node& node, int depth = 0) {
  // As the plugin's own YAML library does: untagged scalars become numbers and booleans.
  if (depth > 100) return nullptr;
  switch (node.Type()) {
    case YAML::NodeType::Sequence: {
      nlohmann::json out = nlohmann::json::array();
      for (const YAML::Node& item : node) out.push_back(to_json(item, depth + 1));
      return out;
    }
    case YAML::NodeType::Map: {
      nlohmann::json out = nlohmann::json::object();
      for (const auto& entry : node) {
        out[entry.first.as<std::string>()] = to_json(entry.second, depth + 1);
      }
      return out;
    }
    case YAML::NodeType::Scalar: {
      if (node.Tag() == "!") return node.Scalar();
      std::int64_t number = 0;
      if (YAML::convert<std::int64_t>::decode(node, number)) return number;
      // yaml-cpp would take "n" and "off" for booleans too.
      if (node.Scalar() == "true" || node.Scalar() == "false") return node.Scalar() == "true";
      return node.Scalar();
    }
    case YAML::NodeType::Null:
    case YAML::NodeType::Undefined:
      break;
  }
  return nullptr;
}

}  // namespace

Result<kube::Value> parse_yaml(std::string_view yaml) {
  try {
    return kube::Value::parse(to_json(YAML::Load(std::string(yaml)))
                                  .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  } catch (const YAML::Exception& error) {
    return bad_input("this is not YAML", "mend it in its ConfigMap",
                     fmt::format("line {}", error.mark.line + 1));
  }
}

std::string_view name(SharingMode mode) {
  switch (mode) {
    case SharingMode::kTimeSlicing:
      return "time-slicing";
    case SharingMode::kMps:
      return "mps";
    case SharingMode::kMig:
      return "mig";
    case SharingMode::kExclusive:
      break;
  }
  return "exclusive";
}

std::string PluginConfig::summary() const {
  if (mode == SharingMode::kExclusive) return "no sharing";
  std::string text(name(mode));
  std::string_view joint = " ";
  for (const Replicated& resource : resources) {
    text += fmt::format("{}×{} of {}", joint, resource.replicas, resource.advertised);
    joint = " and ";
  }
  return text;
}

PluginConfig read_plugin_config(const kube::Value& config) {
  PluginConfig out;
  out.mig_strategy = config["flags"]["migStrategy"].text();
  const kube::Value sharing = config["sharing"];
  // The plugin looks at MPS first.
  out.resources = read_replicated(sharing["mps"]);
  if (!out.resources.empty()) {
    out.mode = SharingMode::kMps;
    return out;
  }
  out.resources = read_replicated(sharing["timeSlicing"]);
  if (!out.resources.empty()) out.mode = SharingMode::kTimeSlicing;
  return out;
}

Result<PluginConfig> parse_plugin_config(std::string_view yaml) {
  KTS_TRY(const kube::Value config, parse_yaml(yaml));
  return read_plugin_config(config);
}

}  // namespace kts::cluster
