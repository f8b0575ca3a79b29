// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "kts/cluster/share.hpp"
#include "operand.hpp"
#include "plugin_pod.hpp"
#include "restore_steps.hpp"

namespace kts::cluster {
namespace {

// One that was, or one that kts wrote; a share that was interrupted has written only some.
bool is_known(const std::string& now, const std::optional<std::string>& before,
              const std::string& after) {
  return now == before.value_or("") || now == after;
}

class Comparison {
 public:
  Comparison(const Snapshot& snapshot, const Backup& backup)
      : snapshot_(snapshot), backup_(backup) {}

  // The first thing that neither stood before kts nor is what kts wrote; empty: none.
  std::string stranger() const {
    std::string text = strange_label();
    if (text.empty()) text = strange_key();
    if (text.empty() && backup_.policy) text = strange_policy();
    if (text.empty() && backup_.daemon_set) text = strange_daemon_set();
    return text;
  }

 private:
  [[nodiscard]] std::string strange_label() const {
    for (const Backup::Node& node : backup_.nodes) {
      if (!node.labelled) continue;
      const std::string now = labels_of(snapshot_, node.name)[kConfigLabel].text();
      if (is_known(now, node.label_before, node.label_after) ||
          backup_.keys_written.contains(now)) {
        continue;
      }
      return fmt::format("{} is labelled {}={}, where kts wrote {}", node.name, kConfigLabel, now,
                         node.label_after);
    }
    return {};
  }

  [[nodiscard]] std::string strange_key() const {
    const auto map = snapshot_.config_maps.find(backup_.name_space + "/" + backup_.config_map);
    if (map == snapshot_.config_maps.end() || !map->second) return {};
    const kube::Value data = (*map->second)["data"];
    for (const auto& [key, hash] : backup_.keys_written) {
      if (data[key].exists() && content_hash(data[key].text()) != hash) {
        return fmt::format("key '{}' of ConfigMap {} was edited since", key, map->first);
      }
    }
    if (!backup_.config_map_made) return {};
    for (const auto& [key, value] : data.members()) {
      if (!backup_.keys_written.contains(key)) {
        return fmt::format("ConfigMap {}, which kts made, has got a key '{}'", map->first, key);
      }
    }
    return {};
  }

  [[nodiscard]] std::string strange_policy() const {
    if (!snapshot_.cluster_policies) return {};
    for (const kube::Value& policy : *snapshot_.cluster_policies) {
      if (policy["metadata"]["name"].text() != backup_.policy->name) continue;
      const kube::Value config = policy["spec"]["devicePlugin"]["config"];
      const Backup::Policy& known = *backup_.policy;
      if (!is_known(config["name"].text(), known.config_before, known.config_after)) {
        return fmt::format("ClusterPolicy {} names ConfigMap {}, where kts wrote {}", known.name,
                           config["name"].text(), known.config_after);
      }
      if (!is_known(config["default"].text(), known.default_before, known.default_after)) {
        return fmt::format("ClusterPolicy {} has the default key {}, where kts wrote {}",
                           known.name, config["default"].text(), known.default_after);
      }
    }
    return {};
  }

  [[nodiscard]] std::string strange_daemon_set() const {
    const Backup::DaemonSet& known = *backup_.daemon_set;
    const kube::Value set = daemon_set_of(snapshot_, backup_.name_space, known.name);
    const std::string now =
        environment(plugin_container(set["spec"]["template"]["spec"]), "CONFIG_FILE");
    if (is_known(now, known.file_before, known.file_after) ||
        now.starts_with(std::string(kOwnFolder) + "/")) {
      return {};
    }
    return fmt::format("DaemonSet {}/{} has CONFIG_FILE={}, where kts wrote {}", backup_.name_space,
                       known.name, now, known.file_after);
  }

  const Snapshot& snapshot_;
  const Backup& backup_;
};

bool is_there(const Snapshot& snapshot, const std::string& node) {
  return !snapshot.nodes ||
         std::any_of(snapshot.nodes->begin(), snapshot.nodes->end(),
                     [&](const kube::Value& n) { return n["metadata"]["name"].text() == node; });
}

}  // namespace

Result<Plan> plan_unshare(const Snapshot& snapshot, const ClusterStatus& status,
                          const Backup& backup, bool force) {
  Plan plan;
  plan.name_space = backup.name_space;
  plan.plugin = backup.plugin;
  if (const std::string stranger = Comparison(snapshot, backup).stranger(); !stranger.empty()) {
    if (!force) {
      return environment_lacks(
          stranger, "somebody changed it after kts; kts cluster unshare --force overwrites it");
    }
    plan.notes.push_back(stranger + ": overwritten");
  }
  Backup there = backup;
  there.nodes.clear();
  std::vector<std::string> names;
  for (const Backup::Node& node : backup.nodes) {
    if (!is_there(snapshot, node.name)) {
      plan.notes.push_back(fmt::format("{} is gone", node.name));
      continue;
    }
    there.nodes.push_back(node);
    names.push_back(node.name);
  }
  const auto sharing =
      std::count_if(status.pods.begin(), status.pods.end(), [&](const GpuPod& pod) {
        return std::find(names.begin(), names.end(), pod.node) != names.end();
      });
  if (sharing > 0) {
    plan.notes.push_back(fmt::format("{} pod{} on these nodes keep{} sharing until {} end{}",
                                     sharing, sharing == 1 ? "" : "s", sharing == 1 ? "s" : "",
                                     sharing == 1 ? "it" : "they", sharing == 1 ? "s" : ""));
  }
  plan.title = fmt::format("what stood before kts on {}",
                           names.empty() ? "no node" : fmt::format("{}", fmt::join(names, ", ")));
  KTS_TRY(plan.steps, restore_steps(there, std::nullopt));
  return plan;
}

}  // namespace kts::cluster
