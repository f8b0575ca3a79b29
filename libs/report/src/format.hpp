// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "kts/analysis/summary.hpp"

namespace kts::report {

inline constexpr std::string_view kAbsent = "–";  // an unavailable number in text

// Significant digits without an exponent, at most four decimals: "0.0215", "7.61", "1234".
std::string number(double value, int digits = 3);
std::string number(const std::optional<double>& value);
// Shortest decimal that reads back to the same double, for programs; empty without one.
std::string exact(const std::optional<double>& value);
std::string count(std::uint64_t value);  // "12,345"
std::string times(double ratio);         // "17.2×"
// "15.9–18.6", "−0.2 to 0.1"; with one bound "at least 15.9" or "at most 18.6"; empty without.
std::string interval(const analysis::Estimate& estimate, int digits = 3);
// "1.30 (1.21–1.39)", "7.6× (at least 6.8)"
std::string bounded(const analysis::Estimate& estimate, std::string_view unit = "");
std::string bounded_percent(const analysis::Estimate& share);  // "48.8 % (42.4–55.2)" of 0.488 …
// "95 % interval 3–5"; with one bound "95 % sure to be at least 3", for the other may be anything.
std::string bounds_words(const analysis::Estimate& estimate);
std::string percent(double fraction);  // "+4.1 %", "−0.2 %", with a space that doesn't break
// "p99" of 0.99, "p99.9" of 0.999.
std::string quantile_name(double quantile);

// Terminal columns of UTF-8 text, one a code point.
std::size_t columns(std::string_view text);
std::string pad_left(std::string_view text, std::size_t width);
std::string pad_right(std::string_view text, std::size_t width);
// At most `width` code points; the middle gives way to "…", so that both ends still tell apart.
std::string shorten(std::string_view text, std::size_t width);

std::string escape_html(std::string_view text);
std::string escape_markdown(std::string_view text);
std::string escape_csv(std::string_view text);

}  // namespace kts::report
