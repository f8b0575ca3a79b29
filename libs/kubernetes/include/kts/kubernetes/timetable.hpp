// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kts/base/clock.hpp"
#include "kts/pod/plan.hpp"
#include "kts/runner/plan.hpp"
#include "kts/scenario/scenario.hpp"

namespace kts::kubernetes {

// What the pods' READY lines told.
struct Tempo {
  std::vector<Nanoseconds> medians;    // an iteration's, of each agent
  Nanoseconds start_up{0};             // of a worker, the slowest agent's
  std::vector<std::int64_t> ready_ns;  // when each agent's worker was
};

// Gives blocks their instants. Pure; instants are the node's CLOCK_MONOTONIC.
class Timetable {
 public:
  Timetable(const scenario::Scenario& scenario, bool on_gpu, Tempo tempo)
      : scenario_(scenario), on_gpu_(on_gpu), tempo_(std::move(tempo)) {}

  // The block's length: the scenario's, or what 30 of the slowest agent's iterations take.
  [[nodiscard]] Nanoseconds length_of(const runner::Block& block) const;
  // `previous` is the block before it, null for the first; pods that were late get more room with
  // each `attempt` (from 0). It begins at `not_before` or after what the one before leaves to do:
  // records to print, processes to start or to end.
  [[nodiscard]] pod::Block place(const runner::Block& block, int index,
                                 const runner::Block* previous, std::int64_t not_before_ns,
                                 int attempt) const;

 private:
  [[nodiscard]] Nanoseconds gap_before(const runner::Block& block,
                                       const runner::Block& previous) const;

  const scenario::Scenario& scenario_;
  bool on_gpu_;
  Tempo tempo_;
};

}  // namespace kts::kubernetes
