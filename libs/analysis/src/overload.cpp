// SPDX-License-Identifier: Apache-2.0
#include "overload.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace kts::analysis {
namespace {

constexpr double kDrainShare = 0.05;
constexpr double kDrainIterations = 3;
constexpr double kBacklogGrowth = 3;

bool is_open(const AgentBlock& block) {
  return block.meta && !block.meta->arrival.empty() && block.meta->arrival != "closed" &&
         block.meta->arrival != "saturate";
}

double window_ns(const AgentBlock& block) {
  return static_cast<double>(block.window_stop_ns - block.window_start_ns);
}

}  // namespace

std::optional<Load> load_of(const Group& group, const Service& service, bool is_chain) {
  if (group.blocks.empty() ||
      !std::ranges::all_of(group.blocks, [](const AgentBlock* block) { return is_open(*block); })) {
    return std::nullopt;
  }
  Load load;
  double due = 0;
  double completed = 0;
  double seconds = 0;
  // Time segments of one block share its number and its END.
  struct WholeBlock {
    double length_ns = 0;
    const AgentBlock* any = nullptr;
  };
  std::map<int, WholeBlock> blocks;
  for (const AgentBlock* block : group.blocks) {
    due += static_cast<double>(block->due_in_window);
    completed += static_cast<double>(block->completed_in_window);
    load.abandoned += block->abandoned;
    seconds += window_ns(*block) / 1e9;
    auto& whole = blocks[block->block];
    whole.length_ns += window_ns(*block);
    whole.any = block;
  }
  if (seconds > 0) {
    load.offered_per_s = due / seconds;
    load.completed_per_s = completed / seconds;
  }

  const double gpu_time_ns = service.gpu_time_ms.value_or(0) * 1e6;
  const double iteration_ns = gpu_time_ns + service.gpu_wait_ms.value_or(0) * 1e6;
  std::size_t given_up = 0;
  std::size_t slow_drains = 0;
  std::size_t growing_backlogs = 0;
  for (const auto& [number, block] : blocks) {
    if (block.any->end) {
      const auto drain = static_cast<double>(block.any->end->drain_ns);
      const bool gave_up = block.any->end->abandoned > 0;
      given_up += gave_up;
      slow_drains += gave_up || (drain > kDrainShare * block.length_ns &&
                                 drain > kDrainIterations * iteration_ns);
    }
    const auto& first = block.any->backlog_median_first_third_ns;
    const auto& last = block.any->backlog_median_last_third_ns;
    growing_backlogs += first && last && *last > kBacklogGrowth * *first && *last > gpu_time_ns;
  }
  if (2 * given_up > blocks.size()) {
    const std::string in_blocks = fmt::format("in {} of {} blocks", given_up, blocks.size());
    load.why = is_chain
                   ? fmt::format("{} requests had to be given up before or on their way, {}",
                                 load.abandoned, in_blocks)
                   : fmt::format("its queue had to be given up {}, with {} requests never begun",
                                 in_blocks, load.abandoned);
  } else if (2 * growing_backlogs > blocks.size()) {
    load.why = fmt::format("the backlog keeps growing in {} of {} blocks", growing_backlogs,
                           blocks.size());
  } else if (2 * slow_drains > blocks.size()) {
    load.why = fmt::format("draining takes longer than {:.0f} % of the block in {} of {} blocks",
                           kDrainShare * 100, slow_drains, blocks.size());
  }
  load.overloaded = !load.why.empty();
  return load;
}

}  // namespace kts::analysis
