// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <string>
#include <string_view>

#include "kts/control/protocol.hpp"
#include "property.hpp"

namespace {

std::string_view without_newline(const std::string& line) {
  KTS_PROPERTY(line.ends_with('\n') && line.find('\n') == line.size() - 1);
  return std::string_view(line).substr(0, line.size() - 1);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto command = kts::control::parse_command(text)) {
    const std::string written = kts::control::to_line(*command);
    const auto again = kts::control::parse_command(without_newline(written));
    KTS_PROPERTY(again && kts::control::to_line(*again) == written);
  }
  if (const auto answer = kts::control::parse_answer(text); answer && *answer) {
    const std::string written = kts::control::to_line(**answer);
    const auto again = kts::control::parse_answer(without_newline(written));
    KTS_PROPERTY(again && *again && kts::control::to_line(**again) == written);
  }
  return 0;
}
