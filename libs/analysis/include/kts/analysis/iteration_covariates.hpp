// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>

#include "kts/analysis/summary.hpp"
#include "kts/base/error.hpp"

namespace kts::analysis {

struct IterationJoin {
  std::uint64_t iterations = 0;  // that were looked at
  std::uint64_t joined = 0;      // of which some reading is of nothing else
};

// Writes a line for each iteration that readings of the card speak of alone: their means between
// its submit and done, empty where a source is slower than the iteration. Nothing is interpolated.
// No file where there are none; logs are read again only if some iteration outlasts a source's
// interval.
[[nodiscard]] Result<IterationJoin> join_iterations(const std::filesystem::path& run,
                                                    const Summary& summary,
                                                    const std::filesystem::path& csv);

}  // namespace kts::analysis
