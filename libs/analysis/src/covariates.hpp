// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "kts/analysis/summary.hpp"
#include "kts/base/error.hpp"

namespace kts::analysis {

// A block's place in time, on the records' time line.
struct BlockWindow {
  Phase phase = Phase::kSolo;
  std::string agent;  // solo
  std::int64_t start_ns = 0, stop_ns = 0;
};

// Joins telemetry/dcgm.csv, if it is there, to the blocks: by the card's UUID, if there is
// one, and by time. Where the exporter's values are renewed less often than a block is long they
// say nothing of it, and covariates_missing says so. Malformed lines are left out, with a warning.
[[nodiscard]] Status read_covariates(const std::filesystem::path& run,
                                     const std::vector<BlockWindow>& blocks,
                                     const std::string& card_uuid, Summary& header);

}  // namespace kts::analysis
