// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace kts::cluster {

// A whole Kubernetes quantity: "4", "80Gi", "2k". Empty when it isn't whole or isn't one.
[[nodiscard]] std::optional<std::int64_t> parse_quantity(std::string_view text);

}  // namespace kts::cluster
