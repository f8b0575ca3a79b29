// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "format.hpp"
#include "kts/base/text.hpp"
#include "kts/report/matrix.hpp"
#include "matrix_words.hpp"
#include "memory_words.hpp"
#include "painter.hpp"

namespace kts::report {
namespace {

using analysis::MatrixCell;
using analysis::SetResult;

constexpr std::size_t kNameWidth = 14;
constexpr std::size_t kPairWidth = 12;
constexpr std::size_t kMostColumns = 7;  // of a table of pairs that fits in 100
constexpr std::size_t kMostRows = 20;

Ink ink_of(const MatrixCell& cell) {
  if (cell.overloaded || cell.verdict == analysis::Verdict::kHurt) return Ink::kRed;
  return cell.verdict == analysis::Verdict::kCannotConclude ? Ink::kYellow : Ink::kGreen;
}

std::string name_of(const std::string& agent, std::size_t width) {
  return shorten(printable(agent), width - 1);
}

// Row: who suffers; column: beside whom. A DF without a verdict has a question mark, or its
// quantile if that isn't p99.
std::string pairs(const Matrix& matrix, const Painter& paint) {
  const auto& agents = matrix.header.agents;
  if (agents.size() > kMostColumns) return {};
  std::string head = pad_right("p99 DF beside", kNameWidth);
  for (const auto& agent : agents) head += pad_left(name_of(agent.name, kPairWidth), kPairWidth);
  std::string out = paint(Ink::kDim, head) + "\n";
  bool any = false;
  bool unsettled = false;
  for (const auto& agent : agents) {
    out += paint(Ink::kBold, pad_right(name_of(agent.name, kNameWidth), kNameWidth));
    for (const auto& neighbour : agents) {
      const SetResult* set = find_set(matrix, {agent.name, neighbour.name});
      const MatrixCell* cell = set ? find_cell(*set, agent.name) : nullptr;
      any |= cell != nullptr;
      std::string text(kAbsent);
      if (cell) {
        text = cell->overloaded ? "overloaded" : cell->df.value ? times(*cell->df.value) : text;
        const bool unsure =
            !cell->overloaded && cell->verdict == analysis::Verdict::kCannotConclude;
        if (unsure && cell->df.value) {
          text += cell->quantile == 0.99 ? "?" : " " + quantile_name(cell->quantile);
          unsettled |= cell->quantile == 0.99;
        }
      }
      text = pad_left(text, kPairWidth);
      out += cell ? paint(ink_of(*cell), text) : text;
    }
    out += "\n";
  }
  if (!any) return {};
  if (unsettled) out += paint(Ink::kDim, "?: its interval doesn't settle it") + "\n";
  return out + "\n";
}

std::string dearest(const Matrix& matrix, const Painter& paint) {
  const std::vector<CellView> cells = costliest(matrix);
  std::string out =
      paint(Ink::kDim, pad_right("agent", kNameWidth) + pad_right("beside", 27) +
                           pad_left("p99 ms", 8) + pad_left("DF", 15) + "  " +
                           pad_right("95 %", 14) + pad_right("verdict", 16) + "kept") +
      "\n";
  for (std::size_t i = 0; i < std::min(cells.size(), kMostRows); ++i) {
    const MatrixCell& c = *cells[i].cell;
    out += pad_right(name_of(c.agent, kNameWidth), kNameWidth) +
           pad_right(shorten(beside(*cells[i].set, c.agent), 26), 27) +
           pad_left(number(c.p99.value), 8) +
           pad_left(c.overloaded ? std::string(kAbsent) : df_text(c), 15) + "  " +
           pad_right(df_interval(c), 14) + paint(ink_of(c), pad_right(verdict_words(c), 16)) +
           kept_text(c.kept) + "\n";
  }
  if (cells.size() > kMostRows) {
    out +=
        paint(Ink::kDim, fmt::format("and {} more in results.md", cells.size() - kMostRows)) + "\n";
  }
  return out;
}

}  // namespace

std::string matrix_table(const Matrix& matrix, TerminalStyle style) {
  const Painter paint(style);
  std::string out = pairs(matrix, paint) + dearest(matrix, paint);
  out += "\n" + paint(Ink::kBold, wrapped(finding(matrix), ""));
  for (const auto& sentence : sentences(matrix)) out += wrapped("- " + sentence, "  ");
  if (const std::string memory = printable(memory_sentence(matrix)); !memory.empty()) {
    out += wrapped("- " + memory, "  ");
  }
  for (const auto& reason : matrix.header.inconclusive) {
    out += wrapped("- " + printable(reason), "  ");
  }
  return out;
}

}  // namespace kts::report
