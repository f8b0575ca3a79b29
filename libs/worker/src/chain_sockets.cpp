// SPDX-License-Identifier: Apache-2.0
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>

#include "kts/worker/chain.hpp"
#include "kts/worker/pacing.hpp"

namespace kts::worker {

ChainSockets::ChainSockets(int inbox, StopFlag& stop)
    : inbox_(inbox), stop_(stop), wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  // Touched now, so that taking a message in costs no page fault later.
  queue_.resize(kRoom);
  queue_.clear();
  stop_.wakes(wake_);
}

ChainSockets::~ChainSockets() {
  stop_.wakes(-1);
  ::close(wake_);
}

const ChainMessage* ChainSockets::front() noexcept {
  collect();
  return head_ == queue_.size() ? nullptr : &queue_[head_];
}

void ChainSockets::pop() noexcept {
  if (++head_ < queue_.size() && head_ < kRoom / 2) return;
  queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(head_));
  head_ = 0;
}

void ChainSockets::collect() noexcept {
  while (!orphaned_) {
    ChainMessage message;
    const ssize_t n = recv(inbox_, &message, sizeof message, MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) {
      orphaned_ = true;
      return;
    }
    if (n == sizeof message) queue_.push_back(message);
  }
}

void ChainSockets::sleep(int writable, MonotonicTime deadline) noexcept {
  std::array<pollfd, 3> fds{
      {{wake_, POLLIN, 0}, {orphaned_ ? -1 : inbox_, POLLIN, 0}, {writable, POLLOUT, 0}}};
  timespec left{};
  const bool bounded = deadline != MonotonicTime::max();
  if (bounded) {
    const auto ns = std::max<std::int64_t>(0, (deadline - MonotonicTimeline::now()).count());
    left = {static_cast<time_t>(ns / 1'000'000'000), static_cast<long>(ns % 1'000'000'000)};
  }
  if (ppoll(fds.data(), fds.size(), bounded ? &left : nullptr, nullptr) <= 0) return;
  std::uint64_t count = 0;
  if (fds[0].revents != 0 && read(wake_, &count, sizeof count) < 0) return;
}

void ChainSockets::wait_until(MonotonicTime instant) noexcept {
  const StopRequest before = stop_.get();
  const bool was_orphaned = orphaned_;
  while (front() == nullptr && orphaned_ == was_orphaned && stop_.get() == before &&
         MonotonicTimeline::now() < instant) {
    sleep(-1, instant);
  }
}

void ChainSockets::send(int to, const ChainMessage& message) noexcept {
  while (::send(to, &message, sizeof message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
    if (errno == EINTR) continue;
    if (errno != EAGAIN || stop_.get() == StopRequest::kInterrupt) return;
    sleep(to, MonotonicTime::max());
    collect();
  }
}

}  // namespace kts::worker
