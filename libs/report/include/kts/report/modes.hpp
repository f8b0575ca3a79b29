// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "kts/analysis/modes.hpp"
#include "kts/report/report.hpp"

namespace kts::report {

// Sharing modes side by side. As for a Summary, renderers compute nothing, and the same comparison
// gives the same bytes.
[[nodiscard]] std::string modes_json(const analysis::ModesSummary& modes);  // kts.modes/1
[[nodiscard]] std::string modes_csv(
    const analysis::ModesSummary& modes);  // one row an agent and way
[[nodiscard]] std::string modes_markdown(const analysis::ModesSummary& modes);
[[nodiscard]] std::string modes_html(const analysis::ModesSummary& modes, const Drawing& drawing);
[[nodiscard]] std::string modes_table(const analysis::ModesSummary& modes, TerminalStyle style);

// p99 against the throughput that the neighbours keep; not drawn yet. Empty without a point.
[[nodiscard]] std::vector<Plot> plan_frontier(const analysis::ModesSummary& modes);

// Writes modes.json, modes.csv, results.md, report.html and plots/frontier.svg into `folder`.
// Returns warnings, such as that no plot could be drawn.
[[nodiscard]] Result<std::vector<std::string>> write_modes(const analysis::ModesSummary& modes,
                                                           const std::filesystem::path& folder,
                                                           const WriteOptions& options = {});

}  // namespace kts::report
