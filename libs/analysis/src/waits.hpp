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

// What one iteration waited for, ns; `on` has one entry an agent of the block, in its order.
struct Held {
  struct On {
    double backlog = 0, wait = 0, out = 0;
    double alone = 0;  // of wait: nobody else had the device
  };
  std::vector<On> on;
  double switches = 0;           // of all `wait`
  double switches_mid_work = 0;  // of all `out`
  double overlap = 0;            // of gpu_time: others had the device as well, weighted
};
// Hears of sample `i` of agent `a`; null where it has no device instants.
using TellHeld = std::function<void(std::size_t a, std::size_t i, const Held* held)>;

// Goes along the timeline of one shared block: at each instant who had the device, between
// gpu_start and gpu_end, and who waited for it. Where several had it, it is divided among them by
// how likely each was the one at work, as one whose work takes d of the time between these instants
// is for d of it. Tells each agent's samples in their order, as soon as they and those before have
// ended; only what is under way, or ahead of a backlog, is kept. Returns the device's changes from
// the end of one agent's work to the begin of another's that had waited for it, nobody else at
// work.
std::vector<std::int64_t> walk_timeline(std::span<const AgentBlock* const> agents,
                                        std::span<const WorkRule> rules, const TurnLengths& turns,
                                        const TellHeld& tell);

}  // namespace kts::analysis
