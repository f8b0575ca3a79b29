// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "kts/base/error.hpp"

namespace kts::timeline {

inline constexpr std::uint64_t kDefaultLimitBytes = std::uint64_t{64} << 20;

struct TimelineOptions {
  std::optional<std::uint64_t> limit_bytes = kDefaultLimitBytes;  // nullopt: everything
  std::vector<int> blocks;  // numbers of those to draw; empty: all
};

// Writes trace.json into `folder`, which it makes: one process an agent with its requests, the
// parts of each and its kernels where they were traced; the blocks; telemetry as counters. Of a
// folder without blocks nothing is written, and a trace of before is removed. Same bytes for the
// same input. The returned lines say what a limit or damage left out, as otherData does in the
// file.
//
// Logs are streamed; each block and agent gets an equal share of what the limit still leaves, so
// what is left out is the end of a block. kBadInput names a block of `blocks` that isn't there, and
// files that can't be read.
[[nodiscard]] Result<std::vector<std::string>> write_trace(const std::filesystem::path& run,
                                                           const std::filesystem::path& folder,
                                                           const TimelineOptions& options = {});

}  // namespace kts::timeline
