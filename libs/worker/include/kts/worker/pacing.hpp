// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>

#include "kts/base/clock.hpp"

namespace kts::worker {

// kStop: no further requests become due, those that are get done. kGiveUp: those that are not begun
// are dropped and counted. kInterrupt: leave after the iteration that is under way.
enum class StopRequest : std::uint32_t { kNone, kStop, kGiveUp, kInterrupt };

// How other threads reach the one that drives the engine, asleep or not. Thread-safe.
class StopFlag {
 public:
  // A weaker request doesn't replace a stronger one.
  void raise(StopRequest request) noexcept;
  // Takes back kStop and kGiveUp, never kInterrupt.
  void clear_stop() noexcept;
  [[nodiscard]] StopRequest get() const noexcept {
    return static_cast<StopRequest>(word_.load(std::memory_order_relaxed));
  }
  // An eventfd that raise writes to as well, for a thread that waits for descriptors; -1: none.
  void wakes(int eventfd) noexcept { eventfd_.store(eventfd); }
  // Returns at `deadline`, or earlier once the flag changes or without a reason.
  void sleep_until(MonotonicTime deadline) const noexcept;

 private:
  std::atomic<std::uint32_t> word_{0};
  std::atomic<int> eventfd_{-1};
};

// Time and interruption as the loop sees them.
class Pacing {
 public:
  virtual ~Pacing() = default;
  [[nodiscard]] virtual MonotonicTime now() const noexcept = 0;
  // Returns at `instant` or as soon as a stop is requested.
  virtual void wait_until(MonotonicTime instant) noexcept = 0;
  [[nodiscard]] virtual StopRequest stop_request() const noexcept = 0;
};

// Sleeps, and spins over the last stretch only when the thread has a core of its own.
class SystemPacing final : public Pacing {
 public:
  SystemPacing(const StopFlag& flag, bool own_core) : flag_(flag), own_core_(own_core) {}
  [[nodiscard]] MonotonicTime now() const noexcept override { return MonotonicTimeline::now(); }
  void wait_until(MonotonicTime instant) noexcept override;
  [[nodiscard]] StopRequest stop_request() const noexcept override { return flag_.get(); }

 private:
  const StopFlag& flag_;
  bool own_core_;
};

}  // namespace kts::worker
