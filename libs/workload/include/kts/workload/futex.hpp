// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>

#include "kts/base/clock.hpp"

namespace kts::workload {

// The kernel's wait on a word (futex(2)), without the spinning that std::atomic::wait does first:
// on a shared core that would be work of ours. May return early; look at the word again.
void futex_wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected) noexcept;
// Returns at `deadline` (CLOCK_MONOTONIC) too, as exactly as the thread's timer slack allows.
void futex_wait_until(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
                      MonotonicTime deadline) noexcept;
void futex_wake_all(const std::atomic<std::uint32_t>& word) noexcept;

// What a thread that spins says to its core.
inline void relax() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace kts::workload
