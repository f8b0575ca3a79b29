// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "kts/analysis/load.hpp"
#include "load_lines.hpp"

namespace kts::analysis {

// The two layouts that load() tells apart.
[[nodiscard]] Result<RunData> load_run_folder(const std::filesystem::path& run,
                                              const LoadOptions& options);
[[nodiscard]] Result<RunData> load_study_logs(const std::filesystem::path& folder,
                                              const LoadOptions& options);

// The folder's own name, also for "." and "runs/x/".
[[nodiscard]] std::string folder_name(const std::filesystem::path& folder);

// Warns of what was left out, and fills the header's counts.
void report_counts(const LogCounts& counts, Summary& header);

// Fills in every agent's baseline: itself when it was measured alone, else the first agent that was
// and is `equal` by their places in header.agents, else itself.
void find_baselines(RunData& data, const std::function<bool(std::size_t, std::size_t)>& equal);

// Drops the shared samples of a block that wasn't shared.
void leave_out_shared_block(RunData& data, int block);

}  // namespace kts::analysis
