// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "kts/telemetry/sampler.hpp"

namespace kts::telemetry {

struct Window {
  bool shared = false;
  std::int64_t start_ns = 0;
  std::int64_t stop_ns = 0;
};

// What the clocks say against comparing solo with shared blocks: a median SM clock that differs by
// more than 2 %, and throttling inside blocks. One sentence each; readings outside the windows
// don't count.
[[nodiscard]] std::vector<std::string> clock_warnings(std::span<const Reading> readings,
                                                      std::span<const Window> windows);

}  // namespace kts::telemetry
