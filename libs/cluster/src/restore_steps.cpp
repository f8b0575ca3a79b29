// SPDX-License-Identifier: Apache-2.0
#include "restore_steps.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace kts::cluster {
namespace {

using Json = nlohmann::json;

constexpr const char* kVolume = "kts-device-plugin-config";

Json text_or_null(const std::optional<std::string>& text) { return text ? Json(*text) : Json(); }

Write daemon_set_patch(const Backup& backup, Json container, const Json& volume) {
  container["name"] = backup.daemon_set->container;
  const Json body{
      {"spec",
       {{"template",
         {{"spec",
           {{"containers", Json::array({std::move(container)})},
            {"volumes", volume.is_null() ? Json::array() : Json::array({volume})}}}}}}}};
  return {Write::Kind::kStrategicPatch, kube::kDaemonSets, backup.name_space,
          backup.daemon_set->name, body.dump()};
}

Result<Offer> offer_before(const Backup::Node& node) {
  Offer offer;
  offer.node = node.name;
  offer.resource = "nvidia.com/gpu";
  offer.slots = node.cards;
  KTS_TRY(offer.config, parse_plugin_config(node.config_before));
  if (!offer.config.resources.empty()) {
    offer.resource = offer.config.resources.front().advertised;
    offer.slots = node.cards * offer.config.resources.front().replicas;
  }
  return offer;
}

Step labels_step(const Backup& backup) {
  Step step;
  step.disturbs = true;
  std::string what;
  for (const Backup::Node& node : backup.nodes) {
    if (!node.labelled) continue;
    step.writes.push_back(label_write(node.name, node.label_before));
    what += fmt::format("{}{} to {}", what.empty() ? "" : ", ", node.name,
                        node.label_before ? *node.label_before : "none");
  }
  step.what = fmt::format("put label {} back: {}", kConfigLabel, what);
  return step;
}

Step policy_step(const Backup& backup) {
  const Backup::Policy& policy = *backup.policy;
  Json config{{"name", text_or_null(policy.config_before)}};
  if (!policy.default_after.empty()) config["default"] = text_or_null(policy.default_before);
  if (!policy.config_before && !policy.default_before) config = nullptr;
  const Json body{{"spec", {{"devicePlugin", {{"config", config}}}}}};
  Step step;
  step.disturbs = true;
  step.what = fmt::format("put spec.devicePlugin.config of ClusterPolicy {} back", policy.name);
  step.writes = {{Write::Kind::kMergePatch, kube::kClusterPolicies, {}, policy.name, body.dump()}};
  return step;
}

Step keys_step(const Backup& backup) {
  Step step;
  if (backup.config_map_made) {
    step.what = fmt::format("delete ConfigMap {}/{}", backup.name_space, backup.config_map);
    step.writes = {
        {Write::Kind::kDelete, kube::kConfigMaps, backup.name_space, backup.config_map, {}}};
    return step;
  }
  Json data = Json::object();
  std::string keys;
  for (const auto& [key, hash] : backup.keys_written) {
    data[key] = nullptr;
    keys += (keys.empty() ? "" : ", ") + key;
  }
  step.what =
      fmt::format("remove {} from ConfigMap {}/{}", keys, backup.name_space, backup.config_map);
  step.writes = {{Write::Kind::kMergePatch, kube::kConfigMaps, backup.name_space, backup.config_map,
                  Json{{"data", data}}.dump()}};
  return step;
}

}  // namespace

std::string backup_object(const Backup& backup) {
  return Json{{"apiVersion", "v1"},
              {"kind", "ConfigMap"},
              {"metadata",
               {{"name", kBackupName},
                {"namespace", backup.name_space},
                {"labels", {{kManagedLabel, kManagedBy}}}}},
              {"data", {{kBackupKey, to_json(backup)}}}}
      .dump();
}

Write label_write(const std::string& node, const std::optional<std::string>& value) {
  return {Write::Kind::kMergePatch,
          kube::kNodes,
          {},
          node,
          Json{{"metadata", {{"labels", {{kConfigLabel, text_or_null(value)}}}}}}.dump()};
}

Step restart_step(std::vector<std::string> nodes) {
  Step step;
  step.kind = Step::Kind::kRestart;
  step.disturbs = true;
  step.what = fmt::format(
      "delete the pods of plugin, feature discovery and MPS on {}, so that new "
      "ones mount it afresh",
      fmt::join(nodes, ", "));
  step.nodes = std::move(nodes);
  return step;
}

Step await_step(std::vector<Offer> offers) {
  Step step;
  step.kind = Step::Kind::kAwaitLoaded;
  step.disturbs = true;
  step.what = "wait until each plugin's log says so and its node offers";
  for (const Offer& offer : offers) {
    step.what += fmt::format("{} {} of {} on {} ({})", &offer == offers.data() ? "" : ",",
                             offer.slots, offer.resource, offer.node, offer.config.summary());
  }
  step.offers = std::move(offers);
  return step;
}

Write daemon_set_write(const Backup& backup, const std::string& config_map) {
  return daemon_set_patch(
      backup,
      {{"env", Json::array({{{"name", "CONFIG_FILE"}, {"value", backup.daemon_set->file_after}}})},
       {"volumeMounts", Json::array({{{"name", kVolume}, {"mountPath", kOwnFolder}}})}},
      {{"name", kVolume}, {"configMap", {{"name", config_map}}}});
}

Write daemon_set_restore(const Backup& backup) {
  const auto& before = backup.daemon_set->file_before;
  Json variable{{"name", "CONFIG_FILE"}};
  if (before) {
    variable["value"] = *before;
  } else {
    variable["$patch"] = "delete";
  }
  if (before && before->starts_with(std::string(kOwnFolder) + "/")) {
    return daemon_set_patch(backup, {{"env", Json::array({variable})}}, {});
  }
  return daemon_set_patch(
      backup,
      {{"env", Json::array({variable})},
       {"volumeMounts", Json::array({{{"mountPath", kOwnFolder}, {"$patch", "delete"}}})}},
      {{"name", kVolume}, {"$patch", "delete"}});
}

Result<std::vector<Step>> restore_steps(const Backup& backup,
                                        const std::optional<Backup>& instead) {
  std::vector<Step> out;
  std::vector<Offer> offers;
  std::vector<std::string> names;
  for (const Backup::Node& node : backup.nodes) {
    KTS_TRY(Offer offer, offer_before(node));
    offers.push_back(std::move(offer));
    names.push_back(node.name);
  }
  if (Step labels = labels_step(backup); !labels.writes.empty()) out.push_back(std::move(labels));
  if (backup.policy) {
    out.push_back(policy_step(backup));
    Step rollout;
    rollout.kind = Step::Kind::kAwaitRollout;
    rollout.disturbs = true;
    rollout.what = fmt::format("wait until the operator's DaemonSets no longer mount ConfigMap {}",
                               backup.config_map);
    rollout.config_map = backup.config_map;
    rollout.mounted = false;
    out.push_back(std::move(rollout));
  }
  if (backup.daemon_set) {
    Step patch;
    patch.disturbs = true;
    patch.what = fmt::format("take volume and CONFIG_FILE out of DaemonSet {}/{}",
                             backup.name_space, backup.daemon_set->name);
    patch.writes = {daemon_set_restore(backup)};
    out.push_back(std::move(patch));
  }
  if (!names.empty()) {
    out.push_back(restart_step(names));
    out.push_back(await_step(std::move(offers)));
  }
  if (backup.config_map_made || !backup.keys_written.empty()) out.push_back(keys_step(backup));
  Step last;
  if (instead) {
    last.what = fmt::format("put ConfigMap {}/{} back", backup.name_space, kBackupName);
    last.writes = {{Write::Kind::kMergePatch, kube::kConfigMaps, backup.name_space, kBackupName,
                    Json{{"data", {{kBackupKey, to_json(*instead)}}}}.dump()}};
  } else {
    last.what = fmt::format("delete ConfigMap {}/{}", backup.name_space, kBackupName);
    last.writes = {{Write::Kind::kDelete, kube::kConfigMaps, backup.name_space, kBackupName, {}}};
  }
  out.push_back(std::move(last));
  return out;
}

}  // namespace kts::cluster
