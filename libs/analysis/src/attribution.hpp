// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "distribution.hpp"

namespace kts::analysis {

inline constexpr auto kParts = record::kLatencyParts;

// Means of the parts, ms, over the iterations in a window of latency ranks; a part that too few of
// them have is empty.
struct WindowMeans {
  std::uint64_t n = 0;
  std::array<std::optional<double>, kParts.size()> part_ms;
};

// One for each of kRankWindows.
[[nodiscard]] std::vector<WindowMeans> window_means(
    const Group& group, const std::vector<Distribution::Bounds>& windows);

// One agent's phases: solo first, then shared. `at` is a RankWindow's name or "mean".
[[nodiscard]] Attribution attribute(std::string_view agent, std::string_view at,
                                    const WindowMeans& solo, const WindowMeans& shared,
                                    std::optional<double> solo_latency_ms,
                                    std::optional<double> shared_latency_ms);

}  // namespace kts::analysis
