// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>

namespace kts {

using Nanoseconds = std::chrono::nanoseconds;

// CLOCK_MONOTONIC: the one clock that orders instants inside a run.
struct MonotonicTimeline {
  using rep = std::int64_t;
  using period = std::nano;
  using duration = Nanoseconds;
  using time_point = std::chrono::time_point<MonotonicTimeline>;
  static constexpr bool is_steady = true;
  static time_point now() noexcept;
};
using MonotonicTime = MonotonicTimeline::time_point;
using EpochTime = std::chrono::sys_time<Nanoseconds>;

// Offset from CLOCK_MONOTONIC to the epoch. The runner takes it once and hands it to every worker,
// so that all records of a run share one time line whatever happens to the wall clock.
struct EpochOffset {
  Nanoseconds value{0};

  [[nodiscard]] static EpochOffset measure();
  [[nodiscard]] EpochTime to_epoch(MonotonicTime t) const {
    return EpochTime(t.time_since_epoch() + value);
  }
  [[nodiscard]] MonotonicTime to_monotonic(EpochTime t) const {
    return MonotonicTime(t.time_since_epoch() - value);
  }
};

// Time as a dependency: what waits or stamps takes a Clock, so that tests and the simulator can
// supply their own.
class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual MonotonicTime now() const = 0;
  // Returns at `deadline` or later; at once if it has passed.
  virtual void sleep_until(MonotonicTime deadline) = 0;
};

class SystemClock final : public Clock {
 public:
  [[nodiscard]] MonotonicTime now() const override { return MonotonicTimeline::now(); }
  void sleep_until(MonotonicTime deadline) override;
};

// Moves only when told to, or when slept on. Thread-safe.
class FakeClock final : public Clock {
 public:
  explicit FakeClock(MonotonicTime start = MonotonicTime{}) : now_(start) {}
  [[nodiscard]] MonotonicTime now() const override;
  void sleep_until(MonotonicTime deadline) override;
  void advance(Nanoseconds by);

 private:
  mutable std::mutex mutex_;
  MonotonicTime now_;
};

// "20261121T013000Z", as run folders are named.
[[nodiscard]] std::string utc_stamp(EpochTime t);
// "2026-11-21T01:30:00Z".
[[nodiscard]] std::string utc_iso8601(EpochTime t);

}  // namespace kts
