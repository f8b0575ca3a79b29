// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace kts::report {

// Pieces of Markdown; `cells` and `text` are escaped already.
std::string row(const std::vector<std::string>& cells);
// `align` has a letter a column: l for words, r for numbers.
std::string table_head(const std::vector<std::string>& cells, std::string_view align);
// A table of plain text, the head first, with an empty line after it; nothing without rows.
std::string plain_rows(const std::vector<std::vector<std::string>>& rows, std::string_view align);
// The section of such a table and a sentence, of plain text.
std::string markdown_memory(std::string_view caption,
                            const std::vector<std::vector<std::string>>& rows,
                            std::string_view align, const std::string& said);
std::string bullet(const std::string& text);
// A section of bullets, which it escapes; nothing without items.
std::string list(std::string_view title, const std::vector<std::string>& items);

}  // namespace kts::report
