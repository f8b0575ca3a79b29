// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "kts/analysis/modes.hpp"

namespace kts::report {

// Of one way, as tables say it; kAbsent where there is nothing.
struct ModeCells {
  std::string way;
  std::string p50, p95, p99, p999;  // with their intervals
  std::string df, df_common;
  std::string neighbours;  // with their intervals
  std::string samples;
  std::string memory;
  std::string note;  // why it wasn't measured or can't conclude, how the objective fares
};
// "gemm 96 % (94–98), decode 88 % (85–91)"
[[nodiscard]] std::string neighbours_kept(const analysis::ModeResult& mode, bool with_intervals);
[[nodiscard]] ModeCells cells_of(const analysis::ModeResult& mode);
// The compared agent, and then the other light ones.
[[nodiscard]] std::vector<const analysis::ModesSummary*> light_agents(
    const analysis::ModesSummary& modes);
// What its companies together say, where that isn't said of the only one; empty of the compared
// agent, whose advice stands in front.
[[nodiscard]] std::string own_advice(const analysis::ModesSummary& light,
                                     const analysis::ModesSummary& modes);
// The agent alone in mode exclusive.
[[nodiscard]] ModeCells baseline_cells(const analysis::ModesSummary& modes);

[[nodiscard]] std::vector<std::pair<std::string, std::string>> modes_facts(
    const analysis::ModesSummary& modes);
// How the figures came about, and what the modes' names mean for them.
[[nodiscard]] std::vector<std::string> modes_method(const analysis::ModesSummary& modes);

}  // namespace kts::report
