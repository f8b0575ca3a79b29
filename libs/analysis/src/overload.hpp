// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "distribution.hpp"

namespace kts::analysis {

// Medians of one phase that tell a queue from a few iterations in progress; ms.
struct Service {
  std::optional<double> gpu_wait_ms;
  std::optional<double> gpu_time_ms;
};

// Offered and completed rates of an open agent, and whether it is overloaded in most of the blocks:
// its queue had to be given up, draining takes longer than 5 % of the block and than three
// iterations, or the median backlog of the block's last third exceeds three times the first third's
// and the median gpu_time. Empty for closed agents and unknown arrivals. A chain has no queue of
// its own: its requests are given up on their way.
[[nodiscard]] std::optional<Load> load_of(const Group& group, const Service& service,
                                          bool is_chain);

}  // namespace kts::analysis
