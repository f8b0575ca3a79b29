// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "kts/base/units.hpp"
#include "kts/cluster/share.hpp"
#include "operand.hpp"
#include "plugin_pod.hpp"
#include "restore_steps.hpp"
#include "share_checks.hpp"

namespace kts::cluster {
namespace {

using Json = nlohmann::json;

// How a configuration reaches the plugin.
enum class Way {
  kLabel,      // a config manager follows the node's label
  kPolicy,     // the GPU Operator adds the config manager when its ClusterPolicy names a ConfigMap
  kDaemonSet,  // nobody follows anything: the DaemonSet names the file
};

struct Target {
  const GpuNode* node = nullptr;
  std::string active;  // configuration's text
  std::string key, config;
  Offer offer;
};

std::string names_of(const std::vector<Target>& targets) {
  std::vector<std::string> names;
  for (const Target& target : targets) names.push_back(target.node->name);
  return fmt::format("{}", fmt::join(names, ", "));
}

bool is_so_already(const Target& target) {
  const GpuNode& node = *target.node;
  if (node.config.key != target.key || node.config.in_force != true) return false;
  return std::any_of(node.resources.begin(), node.resources.end(), [&](const ResourceCount& c) {
    return c.name == target.offer.resource && c.capacity == target.offer.slots &&
           c.allocatable == target.offer.slots;
  });
}

std::string indented(std::string_view text) {
  std::string out = "  ";
  for (std::size_t i = 0; i < text.size(); ++i) {
    out += text[i];
    if (text[i] == '\n' && i + 1 < text.size()) out += "  ";
  }
  return out;
}

class Planner {
 public:
  Planner(const Snapshot& snapshot, const ClusterStatus& status,
          const std::optional<Backup>& standing, const ShareRequest& request)
      : snapshot_(snapshot), status_(status), standing_(standing), request_(request) {}

  Result<Plan> plan() {
    KTS_CHECK_OK(check_request(request_));
    KTS_TRY(installation_, changeable_installation(status_));
    daemon_set_ = daemon_set_of(snapshot_, installation_.name_space, installation_.daemon_set);
    if (!daemon_set_.exists()) {
      return environment_lacks("the device plugin's DaemonSet isn't there yet",
                               "wait until the GPU Operator has made it; kts cluster status");
    }
    KTS_CHECK_OK(choose_way());
    KTS_CHECK_OK(choose_nodes());
    KTS_CHECK_OK(write_configs());
    std::vector<const GpuNode*> nodes;
    std::vector<Target> others;
    for (const Target& target : targets_) {
      if (is_so_already(target)) {
        plan_.notes.push_back(fmt::format("{} is shared so already", target.node->name));
      } else {
        nodes.push_back(target.node);
        others.push_back(target);
      }
    }
    KTS_CHECK_OK(check_nodes(nodes, snapshot_, status_, installation_, request_));
    targets_ = std::move(others);
    plan_.title = targets_.empty()
                      ? "nothing to do"
                      : fmt::format("{} ×{} of nvidia.com/gpu on {}", name(request_.mode),
                                    request_.replicas, names_of(targets_));
    plan_.name_space = installation_.name_space;
    plan_.plugin = installation_.daemon_set;
    if (targets_.empty()) return std::move(plan_);
    add_notes();
    fill_backups();
    add_steps();
    KTS_TRY(plan_.undo, restore_steps(start_, standing_));
    return std::move(plan_);
  }

 private:
  Status choose_way() {
    const kube::Value spec = daemon_set_["spec"]["template"]["spec"];
    const bool managed = config_manager(spec).exists() && !installation_.config_map.empty();
    way_ = managed                                                ? Way::kLabel
           : installation_.kind == InstallationKind::kGpuOperator ? Way::kPolicy
                                                                  : Way::kDaemonSet;
    if (installation_.kind == InstallationKind::kHelm && !request_.force) return helm_without();
    if (way_ == Way::kDaemonSet) {
      for (const kube::Value& argument : plugin_container(spec)["args"].items()) {
        if (argument.text().starts_with("--config-file")) {
          return environment_lacks(
              fmt::format("DaemonSet {} names its configuration in its arguments, which beat the "
                          "environment",
                          full_name(daemon_set_)),
              "put it into the variable CONFIG_FILE instead, or edit that file");
        }
      }
    }
    config_map_ = way_ == Way::kLabel ? installation_.config_map : kOwnConfigMap;
    return {};
  }

  // Helm would take a patched DaemonSet back at its next upgrade.
  [[nodiscard]] Status helm_without() const {
    const std::string chart = installation_.version.starts_with('v')
                                  ? " --version " + installation_.version.substr(1)
                                  : std::string();
    return environment_lacks(
        fmt::format("Helm release {} was installed without a configuration", installation_.name),
        fmt::format(
            "give it one and run this again: kubectl -n {0} create configmap {1} "
            "--from-literal=default='version: v1' && helm -n {0} upgrade {2} "
            "nvdp/nvidia-device-plugin{3} --reuse-values --set config.name={1}; or --force, which "
            "patches its DaemonSet until Helm's next upgrade",
            installation_.name_space, kOwnConfigMap, installation_.name, chart));
  }

  Status choose_nodes() {
    if (!status_.nodes_seen) {
      return environment_lacks("nodes can't be seen", "have the verb list on nodes granted");
    }
    std::vector<std::string> left_out;
    for (const GpuNode& node : status_.nodes) {
      if (request_.nodes && !request_.nodes->contains(node.name)) {
        left_out.push_back(node.name);
      } else {
        targets_.push_back({&node, {}, {}, {}, {}});
      }
    }
    if (targets_.empty()) {
      return environment_lacks(
          left_out.empty() ? "no node has an NVIDIA card that Kubernetes knows of"
                           : fmt::format("no node with NVIDIA cards matches --node-selector; "
                                         "there are {}",
                                         fmt::join(left_out, ", ")),
          "kts cluster status shows them");
    }
    if (way_ == Way::kDaemonSet && !left_out.empty()) {
      return environment_lacks(
          fmt::format("DaemonSet {} has one configuration for all its nodes, so {} can't be left "
                      "out",
                      full_name(daemon_set_), fmt::join(left_out, ", ")),
          "drop --node-selector, or install the plugin with a configuration");
    }
    return {};
  }

  Status write_configs() {
    kube::Value data;
    if (!installation_.config_map.empty()) {
      const std::string map = installation_.name_space + "/" + installation_.config_map;
      const auto found = snapshot_.config_maps.find(map);
      if (found == snapshot_.config_maps.end() || !found->second) {
        return environment_lacks(
            fmt::format("the plugin's configuration, ConfigMap {}, can't be read", map),
            found == snapshot_.config_maps.end() ? "kts cluster status says more"
                                                 : to_line(found->second.error()));
      }
      data = (*found->second)["data"];
    }
    for (const auto& [key, text] : data.members()) keys_before_[key] = content_hash(text.text());
    for (Target& target : targets_) {
      const std::string& key = target.node->config.key;
      if (!key.empty() && !data[key].exists()) {
        return environment_lacks(
            fmt::format("{} is to use key '{}', which ConfigMap {}/{} doesn't have",
                        target.node->name, key, installation_.name_space, installation_.config_map),
            fmt::format("correct that first: kubectl label node {} {}-", target.node->name,
                        kConfigLabel));
      }
      target.active = data[key].text();
      auto config = with_sharing(target.active, request_);
      if (!config) {
        Error error = std::move(config).error();
        error.where = fmt::format("key '{}' of ConfigMap {}/{}", key, installation_.name_space,
                                  installation_.config_map);
        return tl::unexpected<Error>(std::move(error));
      }
      target.config = *std::move(config);
      target.key = key_for(request_, target.config);
      if (data[target.key].exists() && data[target.key].text() != target.config) {
        return environment_lacks(
            fmt::format("ConfigMap {}/{} has a key '{}' with another content",
                        installation_.name_space, installation_.config_map, target.key),
            "remove that key: nobody but kts is to write keys of such names");
      }
      target.offer.node = target.node->name;
      KTS_TRY(target.offer.config, parse_plugin_config(target.config));
      target.offer.resource = target.offer.config.resources.front().advertised;
      target.offer.slots = target.node->cards.value_or(0) * request_.replicas;
    }
    return {};
  }

  void add_notes() {
    const std::string& mig = installation_.mig_strategy_environment;
    for (const Target& target : targets_) {
      const std::string& said = target.offer.config.mig_strategy;
      if (!mig.empty() && !said.empty() && mig != said) {
        plan_.notes.push_back(
            fmt::format("the plugin's environment says MIG_STRATEGY={}, which beats migStrategy {} "
                        "of the configuration",
                        mig, said));
        break;
      }
    }
    for (const Owner& owner : installation_.owners) {
      if (!owner.reverts_by_itself() || owner.object.starts_with("Node")) continue;
      plan_.notes.push_back(fmt::format("{} is {}'s ({}), which may revert what is written here",
                                        owner.object, owner.tool, owner.name));
    }
    if (request_.mode == SharingMode::kMps) {
      plan_.notes.emplace_back(
          "the plugin's MPS puts cards into EXCLUSIVE_PROCESS and caps each pod at 1/replicas of "
          "memory and threads; pods of one card must run under one user id");
    }
    if (way_ == Way::kDaemonSet && installation_.kind != InstallationKind::kStatic) {
      plan_.notes.emplace_back("Helm's next upgrade will undo this");
    }
  }

  void fill_backups() {
    start_.name_space = installation_.name_space;
    start_.plugin = installation_.daemon_set;
    start_.config_map = config_map_;
    const auto map = snapshot_.config_maps.find(installation_.name_space + "/" + config_map_);
    start_.config_map_made =
        way_ != Way::kLabel && (map == snapshot_.config_maps.end() || !map->second);
    if (way_ == Way::kLabel) start_.keys_before = keys_before_;
    for (const Target& target : targets_) {
      const auto label = labels_of(snapshot_, target.node->name)[kConfigLabel];
      Backup::Node node;
      node.name = target.node->name;
      node.labelled = way_ != Way::kDaemonSet;
      if (label.exists()) node.label_before = label.text();
      node.label_after = target.key;
      node.config_before = target.active;
      node.cards = target.node->cards.value_or(0);
      start_.nodes.push_back(std::move(node));
      start_.keys_written[target.key] = content_hash(target.config);
    }
    if (way_ == Way::kPolicy) add_policy();
    if (way_ == Way::kDaemonSet) {
      const kube::Value container = plugin_container(daemon_set_["spec"]["template"]["spec"]);
      Backup::DaemonSet set;
      set.name = installation_.daemon_set;
      set.container = container["name"].text();
      if (const std::string file = environment(container, "CONFIG_FILE"); !file.empty()) {
        set.file_before = file;
      }
      set.file_after = fmt::format("{}/{}", kOwnFolder, targets_.front().key);
      start_.daemon_set = std::move(set);
    }
    merge_backups();
  }

  void add_policy() {
    kube::Value config;
    if (snapshot_.cluster_policies) {
      for (const kube::Value& policy : *snapshot_.cluster_policies) {
        if (policy["metadata"]["name"].text() == installation_.name) {
          config = policy["spec"]["devicePlugin"]["config"];
        }
      }
    }
    Backup::Policy policy;
    policy.name = installation_.name;
    if (config["name"].exists()) policy.config_before = config["name"].text();
    if (config["default"].exists()) policy.default_before = config["default"].text();
    policy.config_after = config_map_;
    // Nodes that join later are to be shared as well, unless only some were meant.
    if (!request_.nodes && config["default"].text().empty()) {
      policy.default_after = targets_.front().key;
    }
    start_.policy = std::move(policy);
  }

  // What an earlier share found stays what unshare goes back to.
  void merge_backups() {
    merged_ = start_;
    if (!standing_) return;
    merged_.config_map_made = start_.config_map_made || standing_->config_map_made;
    merged_.keys_before = standing_->keys_before;
    for (const auto& [key, hash] : standing_->keys_written) {
      merged_.keys_written[key] = hash;
      // Going back leaves what an earlier share wrote.
      start_.keys_written.erase(key);
    }
    for (const Backup::Node& node : standing_->nodes) {
      const auto same = std::find_if(merged_.nodes.begin(), merged_.nodes.end(),
                                     [&](const Backup::Node& n) { return n.name == node.name; });
      if (same == merged_.nodes.end()) {
        merged_.nodes.push_back(node);
        continue;
      }
      const std::string after = same->label_after;
      *same = node;
      same->label_after = after;
    }
    if (standing_->policy) merged_.policy = standing_->policy;
    if (standing_->daemon_set) {
      const std::string after =
          start_.daemon_set ? start_.daemon_set->file_after : standing_->daemon_set->file_after;
      merged_.daemon_set = standing_->daemon_set;
      merged_.daemon_set->file_after = after;
    }
  }

  void add_steps() {
    plan_.steps.push_back(backup_step());
    plan_.steps.push_back(keys_step());
    if (way_ != Way::kDaemonSet) plan_.steps.push_back(labels_step());
    if (way_ == Way::kPolicy) add_policy_steps();
    if (way_ == Way::kDaemonSet) {
      Step step;
      step.disturbs = true;
      step.what = fmt::format("give DaemonSet {} a volume of ConfigMap {}, and CONFIG_FILE={}",
                              full_name(daemon_set_), config_map_, start_.daemon_set->file_after);
      step.writes = {daemon_set_write(start_, config_map_)};
      plan_.steps.push_back(std::move(step));
    }
    std::vector<std::string> nodes;
    std::vector<Offer> offers;
    for (const Target& target : targets_) {
      nodes.push_back(target.node->name);
      offers.push_back(target.offer);
    }
    plan_.steps.push_back(restart_step(std::move(nodes)));
    plan_.steps.push_back(await_step(std::move(offers)));
  }

  [[nodiscard]] Step backup_step() const {
    Step step;
    step.what = fmt::format("keep what stands now in ConfigMap {}/{}", installation_.name_space,
                            kBackupName);
    if (standing_) {
      step.what = fmt::format("add to ConfigMap {}/{}, which keeps what stood before kts",
                              installation_.name_space, kBackupName);
      step.writes = {{Write::Kind::kMergePatch, kube::kConfigMaps, installation_.name_space,
                      kBackupName, Json{{"data", {{kBackupKey, to_json(merged_)}}}}.dump()}};
    } else {
      step.writes = {{Write::Kind::kCreate, kube::kConfigMaps, installation_.name_space,
                      kBackupName, backup_object(merged_)}};
    }
    return step;
  }

  [[nodiscard]] Step keys_step() const {
    Json data = Json::object();
    Step step;
    std::string keys;
    for (const Target& target : targets_) {
      if (data.contains(target.key)) continue;
      data[target.key] = target.config;
      keys += (keys.empty() ? "" : ", ") + target.key;
      step.detail +=
          (step.detail.empty() ? "" : "\n") + target.key + ":\n" + indented(target.config);
    }
    if (start_.config_map_made) {
      step.what = fmt::format("make ConfigMap {}/{} with key {}", installation_.name_space,
                              config_map_, keys);
      step.writes = {{Write::Kind::kCreate, kube::kConfigMaps, installation_.name_space,
                      config_map_,
                      Json{{"apiVersion", "v1"},
                           {"kind", "ConfigMap"},
                           {"metadata",
                            {{"name", config_map_},
                             {"namespace", installation_.name_space},
                             {"labels", {{kManagedLabel, kManagedBy}}}}},
                           {"data", data}}
                          .dump()}};
    } else {
      step.what = fmt::format("add to ConfigMap {}/{} the key {}", installation_.name_space,
                              config_map_, keys);
      step.writes = {{Write::Kind::kMergePatch, kube::kConfigMaps, installation_.name_space,
                      config_map_, Json{{"data", data}}.dump()}};
    }
    return step;
  }

  [[nodiscard]] Step labels_step() const {
    Step step;
    step.disturbs = true;
    step.what = "label";
    for (const Target& target : targets_) {
      step.what += fmt::format("{} {} {}={}", &target == targets_.data() ? "" : ",",
                               target.node->name, kConfigLabel, target.key);
      step.writes.push_back(label_write(target.node->name, target.key));
    }
    return step;
  }

  void add_policy_steps() {
    const Backup::Policy& policy = *start_.policy;
    Json config{{"name", policy.config_after}};
    std::string what = "name: " + policy.config_after;
    if (!policy.default_after.empty()) {
      config["default"] = policy.default_after;
      what += ", default: " + policy.default_after;
    }
    Step step;
    step.disturbs = true;
    step.what = fmt::format("set spec.devicePlugin.config of ClusterPolicy {} to {{{}}}",
                            policy.name, what);
    step.writes = {{Write::Kind::kMergePatch,
                    kube::kClusterPolicies,
                    {},
                    policy.name,
                    Json{{"spec", {{"devicePlugin", {{"config", config}}}}}}.dump()}};
    plan_.steps.push_back(std::move(step));
    Step rollout;
    rollout.kind = Step::Kind::kAwaitRollout;
    rollout.disturbs = true;
    rollout.what =
        fmt::format("wait until the operator's DaemonSets mount ConfigMap {}", policy.config_after);
    rollout.config_map = policy.config_after;
    plan_.steps.push_back(std::move(rollout));
  }

  const Snapshot& snapshot_;
  const ClusterStatus& status_;
  const std::optional<Backup>& standing_;
  const ShareRequest& request_;
  Plan plan_;
  Installation installation_;
  kube::Value daemon_set_;
  Way way_ = Way::kLabel;
  std::string config_map_;
  std::vector<Target> targets_;
  std::map<std::string, std::string> keys_before_;
  Backup start_, merged_;  // what stands now; the same with what stood before kts
};

}  // namespace

Result<Installation> changeable_installation(const ClusterStatus& status) {
  std::vector<const Installation*> found;
  for (const Installation& i : status.installations) {
    const bool ours = i.kind == InstallationKind::kGpuOperator ||
                      i.kind == InstallationKind::kHelmConfig ||
                      i.kind == InstallationKind::kHelm || i.kind == InstallationKind::kStatic;
    if (ours) found.push_back(&i);
  }
  if (found.size() == 1) return *found.front();
  if (found.size() > 1) {
    return environment_lacks(
        fmt::format("two device plugins are installed: {}/{} and {}/{}", found[0]->name_space,
                    found[0]->daemon_set, found[1]->name_space, found[1]->daemon_set),
        "remove one of them");
  }
  if (status.installations.empty()) {
    return environment_lacks(
        "no device plugin of NVIDIA's can be seen",
        "install it, or have the verb list on daemonsets.apps granted; kts cluster status");
  }
  const Installation& other = status.installations.front();
  switch (other.kind) {
    case InstallationKind::kGke:
      return environment_lacks("GKE shares cards by its node pools, not by this plugin",
                               "gcloud container node-pools create --accelerator "
                               "…,gpu-sharing-strategy=…,max-shared-clients-per-gpu=…");
    case InstallationKind::kDra:
      return environment_lacks(
          fmt::format("{} offers the cards by DRA, where each ResourceClaim says how it is shared",
                      other.name),
          "set sharing in the claim's configuration");
    default:
      return environment_lacks(
          "the nodes themselves offer their cards, without a DaemonSet that kts could change",
          "set it where the nodes are configured (Bottlerocket: "
          "settings.kubelet-device-plugins.nvidia)");
  }
}

Result<Plan> plan_share(const Snapshot& snapshot, const ClusterStatus& status,
                        const std::optional<Backup>& standing, const ShareRequest& request) {
  return Planner(snapshot, status, standing, request).plan();
}

}  // namespace kts::cluster
