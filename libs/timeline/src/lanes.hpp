// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace kts::timeline {

// Rows on which intervals don't overlap: each goes to the first that is free.
class Lanes {
 public:
  static constexpr std::size_t kMost = 64;

  // nullopt: all are taken.
  std::optional<int> place(std::int64_t start_ns, std::int64_t end_ns) {
    auto lane = std::find_if(free_at_.begin(), free_at_.end(),
                             [&](std::int64_t free) { return free <= start_ns; });
    if (lane == free_at_.end()) {
      if (free_at_.size() == kMost) return std::nullopt;
      lane = free_at_.insert(lane, 0);
    }
    // What takes no time has its instant to itself: of two that begin at once, readers put the
    // shorter one inside the longer one.
    *lane = std::max(end_ns, start_ns + 1);
    return static_cast<int>(lane - free_at_.begin());
  }

 private:
  std::vector<std::int64_t> free_at_;
};

}  // namespace kts::timeline
