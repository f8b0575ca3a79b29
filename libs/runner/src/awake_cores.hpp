// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <thread>
#include <vector>

namespace kts::runner {

// Keeps cores from sleeping while it lives, by a thread on each that runs only when nothing else
// wants to (SCHED_IDLE): a GPU is awake between two requests, a core that has to be woken is late.
// Where the system doesn't let it, it does nothing.
class AwakeCores {
 public:
  explicit AwakeCores(const std::vector<int>& cores);

 private:
  std::vector<std::jthread> threads_;
};

}  // namespace kts::runner
