// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "kts/analysis/comparison.hpp"
#include "kts/report/report.hpp"

namespace kts::report {

using analysis::Comparison;

[[nodiscard]] std::string comparison_json(const Comparison& comparison);  // kts.comparison/1
[[nodiscard]] std::string comparison_markdown(const Comparison& comparison);
// Each agent's quantities before and after; then what became of each, and what else is different.
[[nodiscard]] std::string comparison_table(const Comparison& comparison, TerminalStyle style);

}  // namespace kts::report
