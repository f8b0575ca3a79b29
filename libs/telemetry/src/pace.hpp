// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kts/base/clock.hpp"
#include "kts/telemetry/recorder.hpp"

namespace kts::telemetry {

// When a source is asked next: after its period, or later where the CPU time of its looks would
// else exceed `share` of a core. What it has spent before a look is always within `share` of the
// time since its first look; that one opens things and is not counted.
class CostPace {
 public:
  explicit CostPace(double share) : share_(share) {}

  // After a look that was due at `due`, ended at `end` and took `cpu`: when the next one is due. A
  // look that takes longer than its period leaves a gap, not a burst.
  MonotonicTime next(MonotonicTime due, MonotonicTime end, Nanoseconds cpu, Nanoseconds period);
  // Fills in what is of the pace. `period` is the last one.
  void tell(SourceFacts& facts, Nanoseconds period) const;

 private:
  double share_;  // of a core
  std::uint64_t looks_ = 0;
  std::uint64_t put_off_ = 0;
  MonotonicTime first_due_, opened_, next_due_;  // opened: the end of the first look
  Nanoseconds opening_cpu_{0};
  Nanoseconds spent_{0};  // by the others
};

}  // namespace kts::telemetry
