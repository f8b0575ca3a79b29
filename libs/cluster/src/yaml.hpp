// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "kts/kube/value.hpp"

namespace kts::cluster {

// YAML (and so JSON) as a value; kBadInput naming the line.
[[nodiscard]] Result<kube::Value> parse_yaml(std::string_view yaml);

}  // namespace kts::cluster
