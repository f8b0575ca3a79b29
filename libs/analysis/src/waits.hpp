// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "kts/analysis/run_data.hpp"

namespace kts::analysis {

// What is known of one agent's work on the device, ns.
struct WorkRule {
  std::optional<double> service;  // mean gpu_time alone
  double launch = 0;              // mean gpu_wait alone
  // gpu_time of work that wasn't interrupted, and how much more an interruption adds at least;
  // empty: agents run at once, or it isn't known, and nothing counts as switched out.
  std::optional<double> uninterrupted, interruption;
};
struct TurnLengths {
  std::optional<double> slice, switch_over;  // ns
};

// A block's timeline: at each instant which agents have the device, between gpu_start and gpu_end
// of an iteration, and which wait for it. Both go along it once and keep only what is under way;
// samples without device instants aren't on it.

// What it shows of how agents take turns, ns.
struct TurnSigns {
  // From the end of one agent's work to the begin of another's that had waited for it, nobody else
  // at work: the device changed over.
  std::vector<std::int64_t> handovers;
  // gpu_time of iterations during which no other agent had the device, an agent each.
  std::vector<std::vector<std::int64_t>> undisturbed;
};
[[nodiscard]] TurnSigns find_turn_signs(std::span<const AgentBlock* const> agents);

// What one iteration waited for, ns; `on` has one entry an agent of the block, in its order.
struct Held {
  struct On {
    double backlog = 0, wait = 0, out = 0;
    double alone = 0;  // of wait: nobody else had the device
  };
  std::vector<On> on;
  double switches = 0;           // of all `wait`
  double switches_mid_work = 0;  // of all `out`
};
// Hears of sample `i` of agent `a`; null where it isn't on the timeline.
using TellHeld = std::function<void(std::size_t a, std::size_t i, const Held* held)>;

// Where several have the device, it is divided among them by how likely each is the one at work, as
// one whose work takes d of the time between its instants is for d of it. Tells each agent's
// samples in their order, as soon as they and those before have ended.
void tell_held(std::span<const AgentBlock* const> agents, std::span<const WorkRule> rules,
               const TurnLengths& turns, const TellHeld& tell);

}  // namespace kts::analysis
