// SPDX-License-Identifier: Apache-2.0
#include "kts/process/wait.hpp"

#include <poll.h>

#include <algorithm>

namespace kts::process {

bool is_readable(int fd) {
  pollfd watched{fd, POLLIN, 0};
  return fd >= 0 && poll(&watched, 1, 0) > 0;
}

int poll_timeout_ms(MonotonicTime deadline) {
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(deadline - MonotonicTimeline::now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 60'000));
}

}  // namespace kts::process
