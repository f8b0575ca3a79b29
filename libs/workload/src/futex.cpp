// SPDX-License-Identifier: Apache-2.0
#include "kts/workload/futex.hpp"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <limits>

namespace kts::workload {
namespace {

static_assert(sizeof(std::atomic<std::uint32_t>) == sizeof(std::uint32_t) &&
              std::atomic<std::uint32_t>::is_always_lock_free);

void wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
          const timespec* deadline) noexcept {
  // The kind with a bit set takes an absolute time.
  syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE, expected, deadline, nullptr,
          FUTEX_BITSET_MATCH_ANY);
}

}  // namespace

void futex_wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected) noexcept {
  wait(word, expected, nullptr);
}

void futex_wait_until(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
                      MonotonicTime deadline) noexcept {
  const auto ns = std::max<std::int64_t>(deadline.time_since_epoch().count(), 0);
  timespec t{};
  t.tv_sec = static_cast<time_t>(ns / 1'000'000'000);
  t.tv_nsec = static_cast<long>(ns % 1'000'000'000);
  wait(word, expected, &t);
}

void futex_wake_all(const std::atomic<std::uint32_t>& word) noexcept {
  syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, std::numeric_limits<int>::max(), nullptr, nullptr,
          0);
}

}  // namespace kts::workload
