// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace kts::report {

// Cells are Markdown already.
inline std::string row(const std::vector<std::string>& cells) {
  std::string out = "|";
  for (const auto& cell : cells) out += " " + cell + " |";
  return out + "\n";
}

// `align` has a letter a column: l for words, r for numbers.
inline std::string table_head(const std::vector<std::string>& cells, std::string_view align) {
  std::string rule = "|";
  for (const char c : align) rule += c == 'l' ? "---|" : "--:|";
  return row(cells) + rule + "\n";
}

inline std::string bullet(const std::string& text) { return "- " + text + "\n"; }

}  // namespace kts::report
