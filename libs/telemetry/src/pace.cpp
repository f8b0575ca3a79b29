// SPDX-License-Identifier: Apache-2.0
#include "pace.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "kts/base/units.hpp"

namespace kts::telemetry {
namespace {

// A source that costs years' worth of its share is not asked again; time stays representable.
constexpr Nanoseconds kLongest = std::chrono::hours(24 * 365);

double in_milliseconds(Nanoseconds value) {
  return std::chrono::duration<double, std::milli>(value).count();
}

}  // namespace

MonotonicTime CostPace::next(MonotonicTime due, MonotonicTime end, Nanoseconds cpu,
                             Nanoseconds period) {
  if (++looks_ == 1) {
    first_due_ = due;
    opened_ = end;
    opening_cpu_ = cpu;
  } else {
    spent_ += cpu;
  }
  const MonotonicTime by_period = std::max(due + period, end);
  const double paid_after = static_cast<double>(spent_.count()) / share_;
  const MonotonicTime by_cost =
      opened_ + (paid_after < static_cast<double>(kLongest.count())
                     ? Nanoseconds(static_cast<Nanoseconds::rep>(paid_after))
                     : kLongest);
  if (by_cost > by_period) ++put_off_;
  return next_due_ = std::max(by_period, by_cost);
}

void CostPace::tell(SourceFacts& facts, Nanoseconds period) const {
  facts.asked_every = period;
  if (looks_ == 0) return;
  const auto looks = static_cast<Nanoseconds::rep>(looks_);
  // With the wait that the last look brought: a source may cost so much that nothing follows it.
  facts.asked_every = (next_due_ - first_due_) / looks;
  facts.opening_cpu = opening_cpu_;
  if (looks > 1) facts.look_cpu = spent_ / (looks - 1);
  if (put_off_ == 0) return;
  facts.stretched = fmt::format(
      "after {} of {} looks the next was put off beyond {}: one takes {:.3f} ms of CPU time, and "
      "this source may take {:.3f} % of a core",
      put_off_, looks, format_duration(period), in_milliseconds(*facts.look_cpu), share_ * 100);
}

}  // namespace kts::telemetry
