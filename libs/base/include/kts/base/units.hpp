// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "kts/base/clock.hpp"
#include "kts/base/error.hpp"

namespace kts {

// "2s", "400ms", "5us", "10ns", "1.5min"; a bare number is refused, except "0".
[[nodiscard]] Result<Nanoseconds> parse_duration(std::string_view text);
// Shortest exact form that parse_duration reads back: "2s", "400ms", "1500us".
[[nodiscard]] std::string format_duration(Nanoseconds value);
// "1.5 GiB".
[[nodiscard]] std::string format_bytes(std::uint64_t bytes);
// "4096", "64KiB", "12MiB", "2GiB": whole and not negative.
[[nodiscard]] Result<std::int64_t> parse_bytes(std::string_view text);
// Shortest exact form that parse_bytes reads back.
[[nodiscard]] std::string exact_bytes(std::int64_t bytes);
// Whole text as a number, independent of the locale; refuses NaN and infinities.
[[nodiscard]] Result<double> parse_double(std::string_view text);
[[nodiscard]] Result<std::int64_t> parse_int64(std::string_view text);

[[nodiscard]] constexpr double to_ms(std::int64_t ns) { return static_cast<double>(ns) * 1e-6; }

// The candidate nearest to `word` by edit distance, or empty if none is near enough to be a typo:
// a letter in three may be wrong, and any may be a capital.
template <typename Range>
[[nodiscard]] std::string nearest_word(std::string_view word, const Range& candidates);
[[nodiscard]] std::size_t edit_distance(std::string_view a, std::string_view b);
[[nodiscard]] std::string in_small_letters(std::string_view text);  // of ASCII

template <typename Range>
std::string nearest_word(std::string_view word, const Range& candidates) {
  std::string best;
  std::size_t best_distance = (word.size() + 1) / 3 + 1;
  for (const auto& candidate : candidates) {
    const std::size_t distance = edit_distance(in_small_letters(word), in_small_letters(candidate));
    if (distance < best_distance) {
      best_distance = distance;
      best = std::string(candidate);
    }
  }
  return best;
}

}  // namespace kts
