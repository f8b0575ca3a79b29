// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "kts/stats/interval.hpp"

namespace kts::stats {

// A ratio's interval against the band that doesn't matter to anybody.
enum class Verdict { kHurt, kFree, kHelped, kCannotConclude };
inline constexpr double kHurtAbove = 1.05;
inline constexpr double kHelpedBelow = 0.95;

// kHurt: interval above 1.05; kFree: inside 0.95 to 1.05; kHelped: below 0.95. A bound that is
// missing is unbounded.
[[nodiscard]] Verdict judge(const Interval& ratio);
[[nodiscard]] std::string_view name(
    Verdict verdict);  // "hurt", "free", "helped", "cannot conclude"

// How many samples a verdict would take, where `n` gave `ratio`: n * (half-width / distance to the
// nearest threshold)^2 on logarithms. Empty without both bounds, or when it is more than a hundred
// times n: the ratio then stands on a threshold, and where it falls is anyone's guess.
[[nodiscard]] std::optional<std::uint64_t> samples_needed(double ratio, const Interval& interval,
                                                          std::uint64_t n);

}  // namespace kts::stats
