// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "kts/cluster/share.hpp"

namespace kts::cluster {

// Whether these nodes can be shared so, now: kEnvironment with what to do.
[[nodiscard]] Status check_nodes(const std::vector<const GpuNode*>& nodes, const Snapshot& snapshot,
                                 const ClusterStatus& status, const Installation& installation,
                                 const ShareRequest& request);

}  // namespace kts::cluster
