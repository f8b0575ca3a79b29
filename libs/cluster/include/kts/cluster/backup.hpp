// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kts/base/error.hpp"

namespace kts::cluster {

inline constexpr const char* kBackupName = "kts-share-backup";
inline constexpr const char* kBackupKey = "backup.json";
inline constexpr const char* kOwnConfigMap = "kts-device-plugin-config";  // where there was none
inline constexpr const char* kOwnFolder = "/etc/kts-device-plugin";       // and no config manager
inline constexpr const char* kConfigLabel = "nvidia.com/device-plugin.config";
// On all that kts makes in a cluster.
inline constexpr const char* kManagedLabel = "app.kubernetes.io/managed-by";
inline constexpr const char* kManagedBy = "kts";

// What stood before `kts cluster share` and what it wrote in its place; kept in a ConfigMap beside
// the plugin (schema kts.share-backup/1) until `kts cluster unshare` has put it all back.
struct Backup {
  struct Node {
    std::string name;
    bool labelled = false;  // whether kts labels it; without a config manager a label does nothing
    std::optional<std::string> label_before;
    std::string label_after;
    std::string config_before;  // the text that its plugin had, empty: none
    std::int64_t cards = 0;
  };
  struct Policy {  // ClusterPolicy, spec.devicePlugin.config
    std::string name;
    std::optional<std::string> config_before, default_before;
    std::string config_after, default_after;  // empty: not written
  };
  struct DaemonSet {  // without a config manager: CONFIG_FILE of one container
    std::string name, container;
    std::optional<std::string> file_before;
    std::string file_after;
  };
  std::string name_space, plugin;                   // the plugin's DaemonSet
  std::string config_map;                           // that has the keys
  bool config_map_made = false;                     // by kts
  std::map<std::string, std::string> keys_before;   // hashes
  std::map<std::string, std::string> keys_written;  // hashes
  std::vector<Node> nodes;
  std::optional<Policy> policy;
  std::optional<DaemonSet> daemon_set;
};

[[nodiscard]] std::string to_json(const Backup& backup);
[[nodiscard]] Result<Backup> parse_backup(std::string_view json);

// Tells accidents apart, not attacks: 64 bits of FNV-1a, 16 hexadecimal digits.
[[nodiscard]] std::string content_hash(std::string_view text);

}  // namespace kts::cluster
