// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "kts/cluster/snapshot.hpp"

namespace kts::cluster {

// The pod in which NVIDIA's DCGM exporter watches a node's cards.
struct DcgmExporter {
  std::string name_space, pod;
  std::string port;  // its number
};
// The one that runs on that node, if pods can be seen. A pure function.
[[nodiscard]] std::optional<DcgmExporter> dcgm_exporter_on(const Snapshot& snapshot,
                                                           std::string_view node);

}  // namespace kts::cluster
