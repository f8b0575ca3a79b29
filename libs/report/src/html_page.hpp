// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kts/report/plots.hpp"

namespace kts::report {

// Pieces of a single-file page. What they are given is HTML already, unless said otherwise.

// A whole document; `title` is plain text.
std::string page(std::string_view title, const std::string& body);
// Empty without a body.
std::string section(std::string_view title, const std::string& body);
std::string table(std::string_view caption, const std::string& inside);
std::string head_cells(const std::vector<std::string_view>& words,
                       const std::vector<std::string_view>& numbers,
                       const std::vector<std::string_view>& notes = {});
std::string cell(const std::string& text);
std::string word(const std::string& text);
std::string row_head(const std::string& text);
std::string badge(const std::string& verdict);
std::string list(const std::vector<std::string>& items);  // of plain text; empty without items
// The plots, or why there are none.
std::string figures(const Drawing& drawing);

}  // namespace kts::report
