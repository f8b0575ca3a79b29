// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "kts/analysis/datasheet.hpp"
#include "kts/report/plots.hpp"
#include "kts/report/report.hpp"

namespace kts::report {

// A device's data sheet. The JSON of it is analysis::to_json.

// How the device shares itself, in one sentence.
[[nodiscard]] std::string headline(const analysis::DataSheet& sheet);
[[nodiscard]] std::string datasheet_table(const analysis::DataSheet& sheet, TerminalStyle style);
[[nodiscard]] std::string datasheet_markdown(const analysis::DataSheet& sheet);
[[nodiscard]] std::string datasheet_html(const analysis::DataSheet& sheet, const Drawing& drawing);

inline constexpr const char* kTurnsPlot = "turns";
inline constexpr const char* kLoadsPlot = "loads";
// How long turns and the gaps between them are, by the number of busy contexts, and what a load
// costs by the memory that it is in, as far as the sheet has them; not drawn yet.
[[nodiscard]] std::vector<Plot> plan_plots(const analysis::DataSheet& sheet);

// Writes datasheet.json, datasheet.md, datasheet.html and plots/ into `folder`. Returns
// warnings, such as that no plot could be drawn.
[[nodiscard]] Result<std::vector<std::string>> write_datasheet(const analysis::DataSheet& sheet,
                                                               const std::filesystem::path& folder,
                                                               const WriteOptions& options = {});

}  // namespace kts::report
