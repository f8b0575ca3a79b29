// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <vector>

namespace kts::analysis {

// Agents that take turns on one device (docs/attribution.md). All lengths in ms.
struct TurnRules {
  double slice_ms = 0;   // > 0; how long one keeps the device while others want it
  double switch_ms = 0;  // >= 0; from one agent's work to another's
  // Whether an agent without work gives its turn up, and how long after.
  bool work_conserving = true;
  double idle_hold_ms = 0;
};

// One iteration, as it would be on a device of its own.
struct TurnWork {
  double due_ms = 0;     // open agents: ascending
  double think_ms = 0;   // closed agents: from the previous batch's done to this submit
  double launch_ms = 0;  // from submit until the device could begin
  double service_ms = 0;
  double notify_ms = 0;
};
struct TurnAgent {
  bool closed = false;
  std::size_t in_flight = 1;  // of closed agents: iterations of a batch
  std::vector<TurnWork> work;
};

struct TurnInstants {
  double due_ms = 0, submit_ms = 0, start_ms = 0, end_ms = 0, done_ms = 0;
};

// What becomes of each agent's iterations under round robin: an agent that wants the device gets
// it for at most a slice, then the next one in order does. Iterations that begin after `until_ms`
// are left out. Pure: the same input gives the same output.
[[nodiscard]] std::vector<std::vector<TurnInstants>> take_turns(
    const TurnRules& rules, const std::vector<TurnAgent>& agents, double until_ms);

}  // namespace kts::analysis
