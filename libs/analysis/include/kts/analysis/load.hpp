// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "kts/analysis/run_data.hpp"
#include "kts/base/error.hpp"

namespace kts::analysis {

// What a folder of v1 logs can't say by itself; each entry is "FILE=VALUE", FILE a file's name.
// `datasheet` is a kts.datasheet/1 of the device; empty: datasheet.json in the run's folder, if
// any.
struct LoadOptions {
  std::vector<std::string> phases;  // "x.log=solo", "y.log=shared"
  std::vector<std::string> agents;  // "x.log=router"
  std::filesystem::path datasheet = {};
};
inline constexpr const char* kDataSheetFile = "datasheet.json";

// Beside environment.json: an earlier one that was damaged when kts matrix --resume went on.
inline constexpr const char* kDamagedEnvironmentFile = "environment.json.damaged";

// Segments that stand in for blocks where a phase has only one.
inline constexpr int kSegments = 20;

// Reads a run's folder (v2 records) or a folder of v1 logs as the study wrote them.
//
// What is damaged in a block of a run: a block.json that isn't one; a log that isn't there or is
// empty; v1 and v2 together; records, META or END of another agent; records of one seq that differ;
// instants of the host's clock out of order; more records than END counts. The block is left out,
// named in header.warnings and RunData::damage, and is why the run can't conclude. The first
// damage is the error where no block is left, and of v1 logs, kBadInput.
//
// What is left out, counted and warned of: malformed KTS_ lines, identical duplicates, lost
// records, blocks without a block.json, device instants out of order beyond the clock's bound,
// telemetry and kernel traces that are none. A shared block that wasn't shared is left out and
// named in header.inconclusive.
//
// Logs are streamed on two threads; beyond RunData, memory doesn't grow with their size, except for
// a log whose seq doesn't ascend, which is sorted in memory.
[[nodiscard]] Result<RunData> load(const std::filesystem::path& run,
                                   const LoadOptions& options = {});

}  // namespace kts::analysis
