// SPDX-License-Identifier: Apache-2.0
#include "operand.hpp"

#include <algorithm>

#include "plugin_pod.hpp"

namespace kts::cluster {

Operand operand_of(const kube::Value& pod_spec) {
  if (plugin_container(pod_spec).exists()) return Operand::kPlugin;
  for (const kube::Value& container : pod_spec["containers"].items()) {
    const std::string name = container["name"].text();
    const std::string command = container["command"].dump();
    const auto says = [&](const char* word) {
      return name.find(word) != std::string::npos || command.find(word) != std::string::npos;
    };
    if (says("mps-control-daemon")) return Operand::kMps;
    if (says("gpu-feature-discovery")) return Operand::kFeatureDiscovery;
  }
  return Operand::kNone;
}

std::vector<kube::Value> operands_of(const Snapshot& snapshot, const std::string& name_space) {
  std::vector<kube::Value> out;
  if (!snapshot.daemon_sets) return out;
  for (const kube::Value& set : *snapshot.daemon_sets) {
    if (set["metadata"]["namespace"].text() == name_space &&
        operand_of(set["spec"]["template"]["spec"]) != Operand::kNone) {
      out.push_back(set);
    }
  }
  return out;
}

kube::Value daemon_set_of(const Snapshot& snapshot, const std::string& name_space,
                          const std::string& name) {
  for (const kube::Value& set : operands_of(snapshot, name_space)) {
    if (set["metadata"]["name"].text() == name) return set;
  }
  return {};
}

kube::Value labels_of(const Snapshot& snapshot, const std::string& node) {
  if (!snapshot.nodes) return {};
  for (const kube::Value& object : *snapshot.nodes) {
    if (object["metadata"]["name"].text() == node) return object["metadata"]["labels"];
  }
  return {};
}

bool mounts(const kube::Value& pod_spec, const std::string& config_map) {
  const auto volumes = pod_spec["volumes"].items();
  return std::any_of(volumes.begin(), volumes.end(), [&](const kube::Value& volume) {
    return volume["configMap"]["name"].text() == config_map;
  });
}

std::string owner_of(const kube::Value& pod) {
  for (const kube::Value& owner : pod["metadata"]["ownerReferences"].items()) {
    if (owner["kind"].text() == "DaemonSet") return owner["name"].text();
  }
  return {};
}

}  // namespace kts::cluster
