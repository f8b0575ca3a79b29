// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "kts/analysis/summary.hpp"
#include "kts/base/error.hpp"

namespace kts::analysis {

// One agent's log of a block whose kernels were traced.
struct TracedLog {
  std::string agent;
  Phase phase = Phase::kSolo;
  std::filesystem::path log;
  std::filesystem::path kernels;  // <agent>.kernels.csv
  std::int64_t start_ns = 0;      // of the trimmed window
  std::int64_t stop_ns = 0;
  std::uint64_t lost = 0;
};

// Joins kernels to iterations: header.kernels, kernel_changes and warnings. `baseline` says whose
// solo blocks stand for an agent's. Streams the kernels; keeps the device instants of one log at a
// time. kBadInput when a file can't be read or has other columns.
[[nodiscard]] Status read_kernels(const std::vector<TracedLog>& logs,
                                  const std::map<std::string, std::string>& baseline,
                                  Summary& header);

}  // namespace kts::analysis
