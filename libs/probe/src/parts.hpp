// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "crew.hpp"
#include "draft.hpp"
#include "kts/analysis/turns.hpp"
#include "kts/probe/probe.hpp"

namespace kts::probe {

inline constexpr int kRounds = 5;  // the fewest blocks that make an interval
inline constexpr std::chrono::seconds kPatience{15};

// Rounds in which the first `contexts` members of a crew spin at once.
struct TurnRounds {
  int contexts = 0;
  double step_ns = 0;
  analysis::Blocks run, gap, handover, cycle_share;
  analysis::Blocks gap_share, short_gap_share;
  analysis::Blocks same_order;
  analysis::Blocks steps_per_ns;  // of a context that ran
  double cycles_per_ns = 0;       // mean of the rounds; 0: unknown
  double shared_ratio = 0, register_ratio = 0;
  std::uint64_t foreign_turns = 0;
  // Of each round the CPU time of a context and how often it was made to wait; CPU device.
  analysis::Blocks slice_by_counts;
};
struct SpinWish {
  int contexts = 2;
  std::chrono::milliseconds length{400};
  bool full = false;
  double cycles_per_ns = 0;
};
[[nodiscard]] Result<TurnRounds> spin_rounds(Crew& crew, std::string_view name,
                                             const SpinWish& wish, int rounds = kRounds);

// What both devices' sheets say of `rounds`, under keys that end in `suffix` ("", "_k4", "_full").
void describe_turns(Draft& draft, const TurnRounds& rounds, std::string_view suffix,
                    std::string_view note);

void probe_cpu(const ProbeSpec& spec, Crew& crew, Draft& draft);
// `worker`: a context's process; `apart`: the same, which no MPS daemon catches, as the crew's.
void probe_cuda(const ProbeSpec& spec, Crew& crew, const process::Command& worker,
                const process::Command& apart, Draft& draft);

}  // namespace kts::probe
