// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace kts::scenario {

inline constexpr std::size_t kMaxAgents = 64;
inline constexpr std::size_t kMaxSets = 500;  // of a matrix

}  // namespace kts::scenario
