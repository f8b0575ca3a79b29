// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "attribution.hpp"

namespace kts::analysis {

// One shared block's agents: places in `subjects`, and their samples.
struct TurnBlock {
  std::vector<std::size_t> subjects;
  std::vector<const AgentBlock*> blocks;
};

// How well round robin by `figures` tells the waits of some shared blocks: due times (of closed
// agents, the time between done and submit) as they were, lengths of work, launch and notify drawn
// from each agent's solo blocks. One entry an agent that has any.
[[nodiscard]] std::vector<TurnCheck> check_turns(const std::vector<TurnBlock>& blocks,
                                                 const std::vector<GrowthSubject>& subjects,
                                                 const TurnFigures& figures);

// By how much an agent's latency would drop without another, by the same round robin with and
// without that one. Intervals by the blocks drawn anew; none for fewer than five.
struct ModelDrop {
  std::size_t subject = 0, left_out = 0;
  Estimate mean_ms, p95_ms;
};
[[nodiscard]] std::vector<ModelDrop> drops_by_turns(const std::vector<TurnBlock>& blocks,
                                                    const std::vector<GrowthSubject>& subjects,
                                                    const TurnFigures& figures);

}  // namespace kts::analysis
