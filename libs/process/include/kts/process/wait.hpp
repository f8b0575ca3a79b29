// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kts/base/clock.hpp"

namespace kts::process {

// Whether there is something to read, without waiting; false of a negative descriptor.
[[nodiscard]] bool is_readable(int fd);
// For poll(2) and its like: until then, rounded up, 0 when it is past and a minute at most.
[[nodiscard]] int poll_timeout_ms(MonotonicTime deadline);

}  // namespace kts::process
