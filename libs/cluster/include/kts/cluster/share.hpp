// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "kts/cluster/backup.hpp"
#include "kts/cluster/snapshot.hpp"
#include "kts/cluster/status.hpp"

namespace kts::cluster {

struct ShareRequest {
  SharingMode mode = SharingMode::kTimeSlicing;
  std::int64_t replicas = 0;
  bool rename = false;                         // shared cards are offered as nvidia.com/gpu.shared
  bool yes = false;                            // although pods use the cards now
  bool force = false;                          // patch a DaemonSet that Helm will want back
  std::optional<std::set<std::string>> nodes;  // empty: all that have cards
};

// One write to the API server.
struct Write {
  enum class Kind { kCreate, kMergePatch, kStrategicPatch, kDelete };
  Kind kind = Kind::kMergePatch;
  kube::Resource resource;
  std::string name_space, name, body;
};

// What a node is to offer when its plugin has loaded its configuration.
struct Offer {
  std::string node;
  PluginConfig config;
  std::string resource;
  std::int64_t slots = 0;
};

// What a person reads, and what is done.
struct Step {
  enum class Kind {
    kWrite,
    kAwaitRollout,  // until every DaemonSet mounts the ConfigMap, or none does
    kRestart,       // the pods of the plugin, feature discovery and MPS on `nodes`
    kAwaitLoaded,   // until `offers` are true, in the plugin's log and on the nodes
  };
  Kind kind = Kind::kWrite;
  std::string what;
  std::string detail;     // lines to show below it: a configuration
  bool disturbs = false;  // the plugin notices; what only prepares or tidies up doesn't
  std::vector<Write> writes;
  std::string config_map;  // kAwaitRollout
  bool mounted = true;     // kAwaitRollout
  std::vector<std::string> nodes;
  std::vector<Offer> offers;
};

struct Plan {
  std::string title;
  std::string name_space;   // of the device plugin
  std::string plugin;       // its DaemonSet
  std::vector<Step> steps;  // none: all is as wanted
  std::vector<Step> undo;   // back to what stood when this was planned
  std::vector<std::string> notes;
};

// What is asked for, by itself: kBadInput.
[[nodiscard]] Status check_request(const ShareRequest& request);
// Pure functions; what can't or shouldn't be done is kBadInput or kEnvironment with what to do.
// `standing` is the backup of an earlier share: what it calls the original stays the original.
[[nodiscard]] Result<Plan> plan_share(const Snapshot& snapshot, const ClusterStatus& status,
                                      const std::optional<Backup>& standing,
                                      const ShareRequest& request);
// Refuses where what stands isn't what kts wrote, unless `force`.
[[nodiscard]] Result<Plan> plan_unshare(const Snapshot& snapshot, const ClusterStatus& status,
                                        const Backup& backup, bool force);

// The configuration `active` (empty: none) with nothing but `sharing` replaced, as YAML.
[[nodiscard]] Result<std::string> with_sharing(std::string_view active,
                                               const ShareRequest& request);
// "kts-time-slicing4-0a1b2c3d", of a configuration that with_sharing made.
[[nodiscard]] std::string key_for(const ShareRequest& request, std::string_view config);

// The installation whose configuration kts can change; kEnvironment says why there is none.
[[nodiscard]] Result<Installation> changeable_installation(const ClusterStatus& status);

}  // namespace kts::cluster
