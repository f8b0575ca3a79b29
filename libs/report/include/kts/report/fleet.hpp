// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include "kts/analysis/fleet.hpp"
#include "kts/base/error.hpp"
#include "kts/report/report.hpp"

namespace kts::report {

using analysis::FleetSummary;

[[nodiscard]] std::string fleet_json(const FleetSummary& summary);  // kts.fleet_summary/1
[[nodiscard]] std::string fleet_csv(const FleetSummary& summary);   // one row a node and quantity
[[nodiscard]] std::string fleet_markdown(const FleetSummary& summary);
// Each agent's nodes, one below the other; then which stand apart, and which were not measured.
[[nodiscard]] std::string fleet_table(const FleetSummary& summary, TerminalStyle style);

// Writes summary.json, summary.csv and results.md into `folder`, which it makes.
[[nodiscard]] Status write_fleet(const FleetSummary& summary, const std::filesystem::path& folder);

}  // namespace kts::report
