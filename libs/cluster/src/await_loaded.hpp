// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>
#include <string>

#include "kts/cluster/execute.hpp"

namespace kts::cluster {

// Waits until a plugin pod that isn't among `old_pods` (by UID) says on each offer's node that it
// loaded that configuration and registered the resource, and the node offers as many. On time-out
// kEnvironment with the plugin's own words.
[[nodiscard]] Status await_loaded(kube::Client& client, const Plan& plan,
                                  const std::vector<Offer>& offers,
                                  const std::set<std::string>& old_pods,
                                  const ExecuteOptions& options);

}  // namespace kts::cluster
