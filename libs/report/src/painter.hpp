// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kts/report/report.hpp"

namespace kts::report {

enum class Ink { kPlain, kBold, kDim, kRed, kGreen, kYellow };

// Colours text for a terminal that takes it.
class Painter {
 public:
  explicit Painter(TerminalStyle style) : color_(style.color) {}
  [[nodiscard]] std::string operator()(Ink ink, std::string text) const;

 private:
  bool color_;
};

// `text` in lines of at most 98 columns, each ended; all but the first begin with `indent`, and the
// first stands after `used` columns.
[[nodiscard]] std::string wrapped(std::string_view text, std::string_view indent,
                                  std::size_t used = 0);

// Columns as wide as their widest cell, two spaces apart; the first row is the head.
using Row = std::vector<std::string>;
[[nodiscard]] std::string table(const std::vector<Row>& rows, const Painter& paint);

}  // namespace kts::report
