// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

// Text that came from outside.
namespace kts {

// `text` as one printable line of UTF-8: control characters become spaces, what is broken U+FFFD.
[[nodiscard]] std::string printable(std::string_view text);

// Where `text` stops being what an editor saves: UTF-8 whose only control characters are tabs and
// line ends. npos: it is.
[[nodiscard]] std::size_t find_not_text(std::string_view text);

// In our words what nlohmann::json says of a document that isn't as it should be; `id` and `said`
// are its exception's.
[[nodiscard]] std::string describe_json_error(int id, std::string_view said);

}  // namespace kts
