// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <string>
#include <string_view>

#include "kts/scenario/scenario.hpp"
#include "property.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto scenario = kts::scenario::parse(text, "fuzz.yaml");
  if (!scenario) {
    KTS_PROPERTY(kts::to_line(scenario.error()).find('\n') == std::string::npos);
    return 0;
  }
  const auto again = kts::scenario::parse(kts::scenario::to_yaml(*scenario), "again.yaml");
  KTS_PROPERTY(again && *again == *scenario);
  return 0;
}
