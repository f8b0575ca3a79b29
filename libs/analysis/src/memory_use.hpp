// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>

#include "kts/analysis/summary.hpp"

namespace kts::analysis {

// What environment.json says of memory; nothing where it has no entry of it.
[[nodiscard]] std::optional<MemoryUse> memory_use(const nlohmann::json& environment);

}  // namespace kts::analysis
