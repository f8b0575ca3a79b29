// SPDX-License-Identifier: Apache-2.0
#include "kts/cluster/backup.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "kts/kube/value.hpp"

namespace kts::cluster {
namespace {

constexpr std::string_view kSchema = "kts.share-backup/1";

nlohmann::json nullable(const std::optional<std::string>& text) {
  return text ? nlohmann::json(*text) : nlohmann::json();
}

std::optional<std::string> read_nullable(const kube::Value& value) {
  return value.exists() ? std::optional<std::string>(value.text()) : std::nullopt;
}

std::map<std::string, std::string> read_map(const kube::Value& value) {
  std::map<std::string, std::string> out;
  for (const auto& [key, hash] : value.members()) out.emplace(key, hash.text());
  return out;
}

}  // namespace

std::string content_hash(std::string_view text) {
  std::uint64_t hash = 14695981039346656037ULL;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return fmt::format("{:016x}", hash);
}

std::string to_json(const Backup& backup) {
  nlohmann::ordered_json out{{"schema", kSchema},
                             {"namespace", backup.name_space},
                             {"plugin", backup.plugin},
                             {"config_map", backup.config_map},
                             {"config_map_made", backup.config_map_made},
                             {"keys_before", backup.keys_before},
                             {"keys_written", backup.keys_written}};
  out["nodes"] = nlohmann::ordered_json::array();
  for (const Backup::Node& node : backup.nodes) {
    out["nodes"].push_back({{"name", node.name},
                            {"labelled", node.labelled},
                            {"label_before", nullable(node.label_before)},
                            {"label_after", node.label_after},
                            {"config_before", node.config_before},
                            {"cards", node.cards}});
  }
  if (backup.policy) {
    out["cluster_policy"] = {{"name", backup.policy->name},
                             {"config_before", nullable(backup.policy->config_before)},
                             {"default_before", nullable(backup.policy->default_before)},
                             {"config_after", backup.policy->config_after},
                             {"default_after", backup.policy->default_after}};
  }
  if (backup.daemon_set) {
    out["daemon_set"] = {{"name", backup.daemon_set->name},
                         {"container", backup.daemon_set->container},
                         {"config_file_before", nullable(backup.daemon_set->file_before)},
                         {"config_file_after", backup.daemon_set->file_after}};
  }
  return out.dump(1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

Result<Backup> parse_backup(std::string_view json) {
  const auto parsed = kube::Value::parse(json);
  if (!parsed || (*parsed)["schema"].text() != kSchema) {
    return bad_input(fmt::format("this isn't a backup as this kts writes it ({})", kSchema));
  }
  const kube::Value& value = *parsed;
  Backup out;
  out.name_space = value["namespace"].text();
  out.plugin = value["plugin"].text();
  out.config_map = value["config_map"].text();
  out.config_map_made = value["config_map_made"].boolean().value_or(false);
  out.keys_before = read_map(value["keys_before"]);
  out.keys_written = read_map(value["keys_written"]);
  if (out.name_space.empty() || out.plugin.empty() || out.config_map.empty()) {
    return bad_input("the backup doesn't say whose it is");
  }
  for (const kube::Value& entry : value["nodes"].items()) {
    Backup::Node node;
    node.name = entry["name"].text();
    node.labelled = entry["labelled"].boolean().value_or(false);
    node.label_before = read_nullable(entry["label_before"]);
    node.label_after = entry["label_after"].text();
    node.config_before = entry["config_before"].text();
    node.cards = entry["cards"].integer().value_or(0);
    if (node.name.empty() || node.cards <= 0) {
      return bad_input("the backup names a node without its name or cards");
    }
    out.nodes.push_back(std::move(node));
  }
  if (const kube::Value policy = value["cluster_policy"]; policy.exists()) {
    out.policy = Backup::Policy{policy["name"].text(), read_nullable(policy["config_before"]),
                                read_nullable(policy["default_before"]),
                                policy["config_after"].text(), policy["default_after"].text()};
  }
  if (const kube::Value set = value["daemon_set"]; set.exists()) {
    out.daemon_set = Backup::DaemonSet{set["name"].text(), set["container"].text(),
                                       read_nullable(set["config_file_before"]),
                                       set["config_file_after"].text()};
  }
  return out;
}

}  // namespace kts::cluster
