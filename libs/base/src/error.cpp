// SPDX-License-Identifier: Apache-2.0
#include "kts/base/error.hpp"

#include <fmt/format.h>

#include <system_error>

#include "kts/base/text.hpp"

namespace kts {

std::string to_line(const Error& error) {
  std::string line;
  if (!error.where.empty()) line += error.where + ": ";
  line += error.message;
  if (!error.hint.empty()) line += "; " + error.hint;
  return printable(line);
}

std::string with_errno(std::string_view text, int error_number) {
  return fmt::format("{} ({})", text, std::generic_category().message(error_number));
}

}  // namespace kts
