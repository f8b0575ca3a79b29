// SPDX-License-Identifier: Apache-2.0
#include "painter.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "format.hpp"

namespace kts::report {
namespace {

constexpr std::size_t kLineWidth = 98;

std::string_view code(Ink ink) {
  switch (ink) {
    case Ink::kBold:
      return "1";
    case Ink::kDim:
      return "2";
    case Ink::kRed:
      return "1;31";
    case Ink::kGreen:
      return "32";
    case Ink::kYellow:
      return "33";
    case Ink::kPlain:
      break;
  }
  return "0";
}

}  // namespace

std::string Painter::operator()(Ink ink, std::string text) const {
  if (!color_ || ink == Ink::kPlain || text.empty()) return text;
  return fmt::format("\x1b[{}m{}\x1b[0m", code(ink), text);
}

std::string wrapped(std::string_view text, std::string_view indent, std::size_t used) {
  std::string out;
  std::string line;
  const auto flush = [&] {
    if (!line.empty()) out += line + "\n";
    line.clear();
  };
  while (!text.empty()) {
    const auto space = text.find(' ');
    const auto word = text.substr(0, space);
    text.remove_prefix(space == std::string_view::npos ? text.size() : space + 1);
    if (!line.empty() && columns(line) + 1 + columns(word) + (out.empty() ? used : 0) > kLineWidth)
      flush();
    line += line.empty() ? (out.empty() ? "" : std::string(indent)) : " ";
    line += word;
  }
  flush();
  return out;
}

std::string table(const std::vector<Row>& rows, const Painter& paint) {
  std::vector<std::size_t> widths(rows.front().size(), 0);
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], columns(row[i]));
  }
  std::string out;
  for (const Row& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += i + 1 < row.size() ? pad_right(row[i], widths[i] + 2) : row[i];
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += paint(&row == &rows.front() ? Ink::kDim : Ink::kPlain, line) + "\n";
  }
  return out;
}

}  // namespace kts::report
