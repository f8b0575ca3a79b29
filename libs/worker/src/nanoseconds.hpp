// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "kts/base/clock.hpp"

namespace kts::worker {

inline std::int64_t ns(MonotonicTime t) { return t.time_since_epoch().count(); }

}  // namespace kts::worker
