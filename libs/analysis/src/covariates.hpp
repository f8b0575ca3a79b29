// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "kts/analysis/summary.hpp"
#include "kts/base/error.hpp"
#include "telemetry_table.hpp"

namespace kts::analysis {

// A block's place in time, on the records' time line.
struct BlockWindow {
  Phase phase = Phase::kSolo;
  std::string agent;  // solo
  std::int64_t start_ns = 0, stop_ns = 0;
  std::string name;   // of its folder
  std::string label;  // who was active: blocks with the same label can be compared
};

// Joins what stands in telemetry/ to the blocks: by the card's UUID, where there is one, and by
// time. Readings that speak of more than the block don't count, and covariates_missing says of
// which fields none did. Under MPS what is said of one process counts for none, and it says that
// too. Malformed lines are left out, with a warning.
[[nodiscard]] Status read_covariates(const std::filesystem::path& run,
                                     const std::vector<BlockWindow>& blocks,
                                     const std::string& card_uuid, Summary& header);

// What NVML's clocks, its counters and Xid errors say against the run's comparisons, one sentence
// each: throttling inside blocks, a clock, temperature or power that differs between phases or
// drifts within one, errors of the card.
[[nodiscard]] std::vector<std::string> card_conditions(const TelemetryTable& nvml,
                                                       const TelemetryTable& counters,
                                                       const TelemetryTable& xid,
                                                       const std::vector<BlockWindow>& blocks);

}  // namespace kts::analysis
