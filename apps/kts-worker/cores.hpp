// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "kts/base/error.hpp"

namespace kts::worker_app {

// Keeps the calling thread, and those that it starts, on these cores; none: as it is.
[[nodiscard]] Status stay_on(const std::vector<int>& cores);

}  // namespace kts::worker_app
