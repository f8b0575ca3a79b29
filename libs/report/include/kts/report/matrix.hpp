// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "kts/analysis/matrix.hpp"
#include "kts/base/error.hpp"
#include "kts/report/plots.hpp"
#include "kts/report/report.hpp"

namespace kts::report {

using analysis::Matrix;

// The contention matrix in one sentence: who pays most beside whom.
[[nodiscard]] std::string finding(const Matrix& matrix);

[[nodiscard]] std::string matrix_json(const Matrix& matrix);  // kts.matrix/1
[[nodiscard]] std::string matrix_csv(const Matrix& matrix);   // tidy: one row a statistic
[[nodiscard]] std::string matrix_markdown(const Matrix& matrix);
[[nodiscard]] std::string matrix_html(const Matrix& matrix, const Drawing& drawing);
[[nodiscard]] std::string matrix_table(const Matrix& matrix, TerminalStyle style);
// Heat maps of the pairs, and how p99 and the card's throughput go with the number of agents; those
// that the matrix has data for, not drawn yet.
[[nodiscard]] std::vector<Plot> plan_plots(const Matrix& matrix);

// Writes matrix.json, matrix.csv, results.md, plots/*.svg and report.html, as write_all does.
[[nodiscard]] Result<std::vector<std::string>> write_all(const Matrix& matrix,
                                                         const std::filesystem::path& folder,
                                                         const WriteOptions& options = {});

}  // namespace kts::report
