// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "kts/kube/api_error.hpp"
#include "kts/kube/client.hpp"
#include "kts/kube/value.hpp"

namespace kts::cluster {

// The objects, or why they can't be seen. A kind that the server doesn't know has none.
using Listing = kube::Answer<std::vector<kube::Value>>;

// What an API server said of a cluster, once.
struct Snapshot {
  std::string server_version;
  std::string name_space;  // pods and DaemonSets of this one only; empty: of all
  Listing nodes, pods, daemon_sets, runtime_classes, cluster_policies, gpu_clusters,
      resource_slices;
  // By "namespace/name".
  std::map<std::string, kube::Answer<kube::Value>> config_maps;  // those that plugins mount
  std::map<std::string, kube::Answer<std::string>> plugin_logs;  // of each plugin pod
};

struct LookOptions {
  std::string server_version;
  std::string name_space;
};

// Asks for all of it. What isn't permitted is an error in its place; an error of this function
// means that the API server stopped answering.
[[nodiscard]] Result<Snapshot> look(kube::Client& client, const LookOptions& options);

}  // namespace kts::cluster
