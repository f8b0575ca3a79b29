// SPDX-License-Identifier: Apache-2.0
#include "kts/base/text.hpp"

#include <fmt/format.h>

namespace kts {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

// Length of the UTF-8 sequence at the front of `text`, 0 when it is broken (RFC 3629).
std::size_t sequence_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto continues = [&](std::size_t i) { return i < text.size() && (byte(i) & 0xC0) == 0x80; };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return continues(1) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    if (!continues(1) || !continues(2)) return 0;
    const bool overlong = lead == 0xE0 && byte(1) < 0xA0;
    const bool surrogate = lead == 0xED && byte(1) > 0x9F;
    return overlong || surrogate ? 0 : 3;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    if (!continues(1) || !continues(2) || !continues(3)) return 0;
    const bool overlong = lead == 0xF0 && byte(1) < 0x90;
    const bool beyond = lead == 0xF4 && byte(1) > 0x8F;
    return overlong || beyond ? 0 : 4;
  }
  return 0;
}

bool is_control(std::string_view sequence) {
  const auto lead = static_cast<unsigned char>(sequence[0]);
  if (sequence.size() == 1) return lead < 0x20 || lead == 0x7F;
  // C1 controls; a terminal may take U+009B for the start of an escape sequence.
  return sequence.size() == 2 && lead == 0xC2 && static_cast<unsigned char>(sequence[1]) < 0xA0;
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = sequence_length(text);
    if (length == 0) {
      out += kReplacement;
      text.remove_prefix(1);
      continue;
    }
    const auto sequence = text.substr(0, length);
    if (is_control(sequence)) {
      out += ' ';
    } else {
      out += sequence;
    }
    text.remove_prefix(length);
  }
  return out;
}

std::size_t find_not_text(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = sequence_length(text.substr(at));
    const char lead = text[at];
    const bool spacing = lead == '\t' || lead == '\n' || lead == '\r';
    if (length == 0 || (is_control(text.substr(at, length)) && !spacing)) return at;
    at += length;
  }
  return std::string_view::npos;
}

std::string describe_json_error(int id, std::string_view said) {
  if (id == 101) return "it is cut short, or no JSON";  // parse_error
  if (id == 403) {                                      // out_of_range: key 'run' not found
    const std::size_t from = said.find('\'');
    const std::size_t to = said.rfind('\'');
    if (from < to && to != std::string_view::npos) {
      return fmt::format("{} is missing", said.substr(from, to - from + 1));
    }
  }
  return "a value in it is of another kind";
}

}  // namespace kts
