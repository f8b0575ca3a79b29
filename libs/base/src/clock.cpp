// SPDX-License-Identifier: Apache-2.0
#include "kts/base/clock.hpp"

#include <fmt/format.h>
#include <time.h>

#include <cerrno>
#include <limits>

namespace kts {
namespace {

Nanoseconds read_clock(clockid_t id) noexcept {
  timespec t{};
  clock_gettime(id, &t);
  return std::chrono::seconds(t.tv_sec) + Nanoseconds(t.tv_nsec);
}

tm utc_fields(EpochTime t) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(t);
  const std::time_t value = seconds.time_since_epoch().count();
  tm fields{};
  gmtime_r(&value, &fields);
  return fields;
}

}  // namespace

MonotonicTime MonotonicTimeline::now() noexcept {
  return MonotonicTime(read_clock(CLOCK_MONOTONIC));
}

EpochOffset EpochOffset::measure() {
  // The tightest of several brackets bounds the error by half its width.
  Nanoseconds best_width = Nanoseconds::max();
  EpochOffset best;
  for (int i = 0; i < 16; ++i) {
    const Nanoseconds before = read_clock(CLOCK_MONOTONIC);
    const Nanoseconds wall = read_clock(CLOCK_REALTIME);
    const Nanoseconds after = read_clock(CLOCK_MONOTONIC);
    if (after - before < best_width) {
      best_width = after - before;
      best.value = wall - (before + (after - before) / 2);
    }
  }
  return best;
}

void SystemClock::sleep_until(MonotonicTime deadline) {
  const auto ns = deadline.time_since_epoch().count();
  if (ns <= 0) return;
  timespec t{};
  t.tv_sec = static_cast<time_t>(ns / 1'000'000'000);
  t.tv_nsec = static_cast<long>(ns % 1'000'000'000);
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, nullptr) == EINTR) {
  }
}

MonotonicTime FakeClock::now() const {
  const std::lock_guard lock(mutex_);
  return now_;
}

void FakeClock::sleep_until(MonotonicTime deadline) {
  const std::lock_guard lock(mutex_);
  if (deadline > now_) now_ = deadline;
}

void FakeClock::advance(Nanoseconds by) {
  const std::lock_guard lock(mutex_);
  now_ += by;
}

std::string utc_stamp(EpochTime t) {
  const tm f = utc_fields(t);
  return fmt::format("{:04}{:02}{:02}T{:02}{:02}{:02}Z", f.tm_year + 1900, f.tm_mon + 1, f.tm_mday,
                     f.tm_hour, f.tm_min, f.tm_sec);
}

std::string utc_iso8601(EpochTime t) {
  const tm f = utc_fields(t);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", f.tm_year + 1900, f.tm_mon + 1,
                     f.tm_mday, f.tm_hour, f.tm_min, f.tm_sec);
}

}  // namespace kts
