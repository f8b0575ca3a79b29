// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kts/analysis/matrix.hpp"
#include "kts/analysis/modes.hpp"
#include "kts/analysis/summary.hpp"

namespace kts::report {

inline constexpr std::string_view kMemoryCaption =
    "Of the device. Predicted before the start: what the agent allocates by its shapes, and an "
    "estimate of what its process needs beside that (context). Allocated: what its worker said. "
    "Measured: the most that its process was seen to hold. Error: measured against predicted.";

// Rows of cells, the head first, all agents' sum last; nothing without a MemoryUse. The first three
// columns are words.
[[nodiscard]] std::vector<std::vector<std::string>> memory_table(const analysis::Summary& summary);
// Of a matrix: each agent once, and all processes, copies among them.
[[nodiscard]] std::vector<std::vector<std::string>> memory_table(const analysis::Matrix& matrix);
// What the largest set takes of what there is, and what all processes held.
[[nodiscard]] std::string memory_sentence(const analysis::Matrix& matrix);

inline constexpr std::string_view kModesMemoryCaption =
    "Of all agents together, by way of sharing: predicted before the start, the most that was "
    "measured, and that against what the device has and against the prediction.";
// Of each way that was measured; three columns of words, the last why it could not be.
[[nodiscard]] std::vector<std::vector<std::string>> memory_table(
    const analysis::ModesSummary& modes);

// What all agents hold of what there is, and how good the prediction was; empty likewise.
[[nodiscard]] std::string memory_sentence(const analysis::Summary& summary);

}  // namespace kts::report
