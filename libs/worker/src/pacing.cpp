// SPDX-License-Identifier: Apache-2.0
#include "kts/worker/pacing.hpp"

#include <sys/eventfd.h>

#include "kts/workload/futex.hpp"

namespace kts::worker {
namespace {

// A wake-up from an idle core comes some tens of microseconds late.
constexpr Nanoseconds kSpin{100'000};

}  // namespace

void StopFlag::raise(StopRequest request) noexcept {
  const auto wanted = static_cast<std::uint32_t>(request);
  std::uint32_t found = word_.load(std::memory_order_relaxed);
  while (found < wanted && !word_.compare_exchange_weak(found, wanted)) {
  }
  workload::futex_wake_all(word_);
  if (const int fd = eventfd_.load(); fd >= 0) eventfd_write(fd, 1);
}

void StopFlag::clear_stop() noexcept {
  for (const StopRequest request : {StopRequest::kStop, StopRequest::kGiveUp}) {
    auto found = static_cast<std::uint32_t>(request);
    word_.compare_exchange_strong(found, static_cast<std::uint32_t>(StopRequest::kNone));
  }
}

void StopFlag::sleep_until(MonotonicTime deadline) const noexcept {
  const std::uint32_t now = word_.load(std::memory_order_relaxed);
  if (now == static_cast<std::uint32_t>(StopRequest::kNone)) {
    workload::futex_wait_until(word_, now, deadline);
  }
}

void SystemPacing::wait_until(MonotonicTime instant) noexcept {
  if (now() >= instant) return;
  const MonotonicTime wake = own_core_ ? instant - kSpin : instant;
  while (flag_.get() == StopRequest::kNone && now() < wake) flag_.sleep_until(wake);
  while (flag_.get() == StopRequest::kNone && now() < instant) workload::relax();
}

}  // namespace kts::worker
