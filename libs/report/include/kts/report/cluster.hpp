// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "kts/cluster/share.hpp"
#include "kts/cluster/status.hpp"
#include "kts/report/report.hpp"

namespace kts::report {

[[nodiscard]] std::string cluster_json(const cluster::ClusterStatus& status);  // kts.cluster/1
// Nodes, who uses them, how GPUs are offered, and what is wrong with what to do.
[[nodiscard]] std::string cluster_table(const cluster::ClusterStatus& status, TerminalStyle style);

// A share or unshare as numbered steps, with the configuration that it writes.
[[nodiscard]] std::string plan_text(const cluster::Plan& plan);

}  // namespace kts::report
