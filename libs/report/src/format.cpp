// SPDX-License-Identifier: Apache-2.0
#include "format.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "kts/base/text.hpp"
#include "kts/report/report.hpp"

namespace kts::report {
namespace {

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

}  // namespace

std::string number(double value, int digits) {
  constexpr int kMaxDecimals = 4;
  if (!std::isfinite(value)) return std::string(kAbsent);
  const double magnitude = std::abs(value);
  if (magnitude < 0.5 * std::pow(10, -kMaxDecimals)) return "0";
  int decimals = digits - 1 - static_cast<int>(std::floor(std::log10(magnitude)));
  // 9.996 rounds up to 10.0, one decimal less than its own magnitude asks for.
  if (magnitude * std::pow(10, decimals) >= std::pow(10, digits) - 0.5) --decimals;
  return fmt::format("{}{:.{}f}", value < 0 ? "−" : "", magnitude,
                     std::clamp(decimals, 0, kMaxDecimals));
}

std::string number(const std::optional<double>& value) {
  return value ? number(*value) : std::string(kAbsent);
}

std::string count(std::uint64_t value) {
  std::string digits = fmt::format("{}", value);
  for (auto i = static_cast<std::ptrdiff_t>(digits.size()) - 3; i > 0; i -= 3) {
    digits.insert(static_cast<std::size_t>(i), ",");
  }
  return digits;
}

std::string exact(const std::optional<double>& value) {
  return value && std::isfinite(*value) ? fmt::format("{}", *value) : std::string();
}

std::string times(double ratio) { return number(ratio) + "×"; }

std::string interval(const analysis::Estimate& estimate, int digits) {
  if (estimate.ci_low && estimate.ci_high) {
    return number(*estimate.ci_low, digits) + (*estimate.ci_low < 0 ? " to " : "–") +
           number(*estimate.ci_high, digits);
  }
  if (estimate.ci_low) return "at least " + number(*estimate.ci_low, digits);
  if (estimate.ci_high) return "at most " + number(*estimate.ci_high, digits);
  return {};
}

std::string bounded(const analysis::Estimate& estimate, std::string_view unit) {
  if (!estimate.value) return std::string(kAbsent);
  const std::string bounds = interval(estimate);
  return number(*estimate.value) + std::string(unit) + (bounds.empty() ? "" : " (" + bounds + ")");
}

std::string bounded_percent(const analysis::Estimate& share) {
  const auto percent_of = [](std::optional<double> part) {
    if (part) *part *= 100;
    return part;
  };
  return bounded({percent_of(share.value), percent_of(share.ci_low), percent_of(share.ci_high)},
                 "\u00a0%");
}

std::string bounds_words(const analysis::Estimate& estimate) {
  const std::string bounds = interval(estimate);
  if (bounds.empty()) return {};
  return fmt::format("95 % {}{}", estimate.ci_low && estimate.ci_high ? "interval " : "sure to be ",
                     bounds);
}

std::string percent(double fraction) {
  const double value = std::round(fraction * 1000) / 10;
  if (value == 0) return "±0.0 %";
  const std::string digits = std::abs(value) < 99.95 ? fmt::format("{:.1f}", std::abs(value))
                                                     : fmt::format("{:.0f}", std::abs(value));
  return (value < 0 ? "−" : "+") + digits + " %";
}

std::string quantile_name(double quantile) {
  std::string digits = fmt::format("{:.6f}", quantile * 100);
  digits.erase(digits.find_last_not_of('0') + 1);
  if (digits.back() == '.') digits.pop_back();
  return "p" + digits;
}

std::size_t columns(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return !is_continuation(c); }));
}

std::string pad_left(std::string_view text, std::size_t width) {
  const std::size_t used = columns(text);
  return std::string(width > used ? width - used : 0, ' ').append(text);
}

std::string pad_right(std::string_view text, std::size_t width) {
  const std::size_t used = columns(text);
  return std::string(text).append(width > used ? width - used : 0, ' ');
}

std::string shorten(std::string_view text, std::size_t width) {
  const std::size_t used = columns(text);
  if (used <= width) return std::string(text);
  const std::size_t head = width / 2;
  const std::size_t tail = width - head - 1;
  std::string out;
  std::size_t index = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (i > 0 && !is_continuation(text[i])) ++index;
    if (index == head && !is_continuation(text[i])) out += "…";
    if (index < head || index >= used - tail) out += text[i];
  }
  return out;
}

std::string escape_html(std::string_view text) {
  std::string out;
  for (const char c : printable(text)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string escape_markdown(std::string_view text) {
  std::string out;
  for (const char c : printable(text)) {
    if (c == '<') {
      out += "&lt;";
    } else if (c == '&') {
      out += "&amp;";
    } else {
      if (std::string_view("\\`*_[]#|~").find(c) != std::string_view::npos) out += '\\';
      out += c;
    }
  }
  return out;
}

std::string escape_csv(std::string_view text) {
  std::string clean = printable(text);
  if (clean.find_first_of(",\"") == std::string::npos) return clean;
  std::string out = "\"";
  for (const char c : clean) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + '"';
}

}  // namespace kts::report
