// SPDX-License-Identifier: Apache-2.0
#include "kts/base/units.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

namespace kts {
namespace {

struct DurationUnit {
  std::string_view name;
  std::int64_t ns;
};
constexpr std::array kDurationUnits{
    DurationUnit{"ns", 1},
    DurationUnit{"us", 1'000},
    DurationUnit{"ms", 1'000'000},
    DurationUnit{"s", 1'000'000'000},
    DurationUnit{"min", 60'000'000'000},
    DurationUnit{"h", 3'600'000'000'000},
};

struct ByteUnit {
  std::string_view name;
  std::int64_t bytes;
};
constexpr std::array kByteUnits{
    ByteUnit{"GiB", std::int64_t{1} << 30},
    ByteUnit{"MiB", std::int64_t{1} << 20},
    ByteUnit{"KiB", std::int64_t{1} << 10},
};

}  // namespace

Result<double> parse_double(std::string_view text) {
  double value = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (ec != std::errc{} || end != text.data() + text.size() || !std::isfinite(value)) {
    return bad_input(fmt::format("'{}' is not a number", text));
  }
  return value;
}

Result<std::int64_t> parse_int64(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (ec != std::errc{} || end != text.data() + text.size()) {
    return bad_input(fmt::format("'{}' is not a whole number", text));
  }
  return value;
}

Result<Nanoseconds> parse_duration(std::string_view text) {
  if (text == "0") return Nanoseconds(0);
  const auto refuse = [&] {
    return bad_input(fmt::format("'{}' is not a duration", text),
                     "write a number and a unit: ns, us, ms, s, min or h, as in 400ms");
  };
  const auto unit_at = text.find_first_not_of("0123456789.+-eE");
  if (unit_at == std::string_view::npos || unit_at == 0) return refuse();
  const auto number = parse_double(text.substr(0, unit_at));
  if (!number) return refuse();
  const auto unit = std::find_if(kDurationUnits.begin(), kDurationUnits.end(),
                                 [&](const auto& u) { return u.name == text.substr(unit_at); });
  if (unit == kDurationUnits.end()) return refuse();
  const double ns = *number * static_cast<double>(unit->ns);
  if (std::abs(ns) >= 9.2e18) return refuse();
  return Nanoseconds(std::llround(ns));
}

std::string format_duration(Nanoseconds value) {
  const std::int64_t ns = value.count();
  if (ns == 0) return "0s";
  for (const auto& unit : {kDurationUnits[3], kDurationUnits[2], kDurationUnits[1]}) {
    if (ns % unit.ns == 0) return fmt::format("{}{}", ns / unit.ns, unit.name);
  }
  return fmt::format("{}ns", ns);
}

std::string format_bytes(std::uint64_t bytes) {
  constexpr std::array<std::string_view, 5> kUnits{"B", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", value, kUnits[unit]);
}

Result<std::int64_t> parse_bytes(std::string_view text) {
  std::int64_t unit = 1;
  std::string_view digits = text;
  for (const ByteUnit& known : kByteUnits) {
    if (!text.ends_with(known.name)) continue;
    unit = known.bytes;
    digits.remove_suffix(known.name.size());
  }
  const auto count = parse_int64(digits);
  if (count && *count >= 0 && *count <= std::numeric_limits<std::int64_t>::max() / unit) {
    return *count * unit;
  }
  return bad_input(fmt::format("'{}' is no number of bytes", text.substr(0, 64)),
                   "write it like 4096, 64KiB, 12MiB or 2GiB");
}

std::string exact_bytes(std::int64_t bytes) {
  for (const ByteUnit& unit : kByteUnits) {
    if (bytes >= unit.bytes && bytes % unit.bytes == 0) {
      return fmt::format("{}{}", bytes / unit.bytes, unit.name);
    }
  }
  return fmt::format("{}", bytes);
}

std::string in_small_letters(std::string_view text) {
  std::string small(text);
  for (char& c : small) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return small;
}

// Optimal string alignment: two neighbours that changed places are one edit.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1);
  std::vector<std::size_t> last(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::swap(before, last);
    std::swap(last, row);
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] =
          std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
  }
  return row[b.size()];
}

}  // namespace kts
