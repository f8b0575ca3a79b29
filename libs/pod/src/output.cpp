// SPDX-License-Identifier: Apache-2.0
#include "output.hpp"

#include <limits.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace kts::pod {

Status Output::pump() {
  // Room for PIPE_BUF bytes is what POLLOUT promises.
  while (written_ < pending_.size()) {
    pollfd watched{fd_, POLLOUT, 0};
    const int ready = poll(&watched, 1, 0);
    if (ready < 0 && errno == EINTR) continue;
    if (ready == 0) return {};
    const std::size_t size = std::min<std::size_t>(pending_.size() - written_, PIPE_BUF);
    const ssize_t n = write(fd_, pending_.data() + written_, size);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) return {};
    if (n < 0) {
      return environment_lacks(with_errno("the log can't be written", errno),
                               errno == EPIPE ? "keep the reader of standard output open"
                                              : "make room where standard output goes");
    }
    written_ += static_cast<std::size_t>(n);
  }
  pending_.clear();
  written_ = 0;
  return {};
}

}  // namespace kts::pod
