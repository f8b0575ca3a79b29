// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kts/analysis/summary.hpp"
#include "kts/base/error.hpp"
#include "kts/report/plots.hpp"

namespace kts::report {

using analysis::Summary;

// Every renderer gives the same bytes for the same Summary, whatever the locale and the clock say.
// Text that came from logs is made harmless for its medium: one line, valid UTF-8, escaped.

// The run in one sentence, about the agent that pays most.
[[nodiscard]] std::string finding(const Summary& summary);
// The objectives that were missed, in one line; empty when none was.
[[nodiscard]] std::string missed_objectives(const Summary& summary);

[[nodiscard]] std::string summary_json(const Summary& summary);  // kts.summary/1
[[nodiscard]] std::string summary_csv(const Summary& summary);
// What telemetry said in each block; only its head where there is none.
[[nodiscard]] std::string covariates_csv(const Summary& summary);  // tidy: one row a statistic
[[nodiscard]] std::string kernels_csv(const Summary& summary);     // likewise
[[nodiscard]] std::string results_markdown(const Summary& summary);
[[nodiscard]] std::string report_html(const Summary& summary, const Drawing& drawing);

struct TerminalStyle {
  bool color = false;
};
// A colour terminal: `fd` is one, TERM isn't "dumb" and NO_COLOR is unset or empty.
[[nodiscard]] TerminalStyle terminal_style(int fd);
// At most 100 columns unless an agent's own description is longer; ends with the finding.
[[nodiscard]] std::string terminal_table(const Summary& summary, TerminalStyle style);

struct WriteOptions {
  std::string gnuplot = "gnuplot";  // program, looked up in PATH
};
// Writes summary.json, summary.csv, covariates.csv, kernels.csv, results.md, plots/*.svg and
// report.html into `folder`, which it makes; plots of an earlier report that can't be drawn again
// are removed. Returns warnings, such as that no plots could be drawn; errors are those of
// write_file.
[[nodiscard]] Result<std::vector<std::string>> write_all(const Summary& summary,
                                                         const std::filesystem::path& folder,
                                                         const WriteOptions& options = {});

// JSON Schema (draft 2020-12) by one of schema_names(); empty for another name.
[[nodiscard]] std::optional<std::string_view> schema(std::string_view name);
[[nodiscard]] const std::vector<std::string_view>& schema_names();

}  // namespace kts::report
