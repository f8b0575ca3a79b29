// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
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
// Of plain text, the head first; cells may have several lines. The first `words` columns are words,
// the rest numbers. Empty without rows.
std::string plain_table(std::string_view caption, const std::vector<std::vector<std::string>>& rows,
                        std::size_t words);
// The section of such a table and a sentence, of plain text.
std::string html_memory(std::string_view caption, const std::vector<std::vector<std::string>>& rows,
                        std::size_t words, const std::string& said);
std::string head_cells(const std::vector<std::string_view>& words,
                       const std::vector<std::string_view>& numbers,
                       const std::vector<std::string_view>& notes = {},
                       const std::vector<std::string_view>& more_numbers = {});
std::string cell(const std::string& text);
std::string word(const std::string& text);
std::string several(const std::string& text);  // words that may break into lines
std::string note(const std::string& text);     // a sentence
// A number with its interval below it ("≥ 1.20" where it has one bound), of "1.42 (1.20–6.74)" or
// of two texts.
std::string stacked(std::string_view number_and_interval);
std::string stacked(const std::string& number, const std::string& interval);
std::string row_head(const std::string& text);
std::string badge(const std::string& verdict);
std::string list(const std::vector<std::string>& items);  // of plain text; empty without items
// The plots, or why there are none.
std::string figures(const Drawing& drawing);

}  // namespace kts::report
