// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>

#include "kts/base/units.hpp"
#include "property.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto duration = kts::parse_duration(text)) {
    const auto again = kts::parse_duration(kts::format_duration(*duration));
    // Above 2^53 ns a duration's text passes through a double.
    constexpr std::int64_t kExact = std::int64_t{1} << 53;
    const bool exact = duration->count() > -kExact && duration->count() < kExact;
    KTS_PROPERTY(!exact || (again && *again == *duration));
  }
  if (const auto number = kts::parse_double(text)) KTS_PROPERTY(std::isfinite(*number));
  if (const auto number = kts::parse_int64(text)) {
    const auto again = kts::parse_int64(std::to_string(*number));
    KTS_PROPERTY(again && *again == *number);
  }
  return 0;
}
