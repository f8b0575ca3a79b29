// SPDX-License-Identifier: Apache-2.0
#include "quantity.hpp"

#include <array>
#include <limits>

#include "kts/base/units.hpp"

namespace kts::cluster {
namespace {

struct Suffix {
  std::string_view name;
  std::int64_t factor;
};
constexpr std::array kSuffixes{
    Suffix{"", 1},
    Suffix{"k", 1'000},
    Suffix{"M", 1'000'000},
    Suffix{"G", 1'000'000'000},
    Suffix{"T", 1'000'000'000'000},
    Suffix{"Ki", std::int64_t{1} << 10},
    Suffix{"Mi", std::int64_t{1} << 20},
    Suffix{"Gi", std::int64_t{1} << 30},
    Suffix{"Ti", std::int64_t{1} << 40},
};

}  // namespace

std::optional<std::int64_t> parse_quantity(std::string_view text) {
  const auto digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const auto number = parse_int64(text.substr(0, digits));
  if (!number) return std::nullopt;
  for (const auto& [name, factor] : kSuffixes) {
    if (text.substr(digits) != name) continue;
    if (*number > std::numeric_limits<std::int64_t>::max() / factor) return std::nullopt;
    return *number * factor;
  }
  return std::nullopt;
}

}  // namespace kts::cluster
