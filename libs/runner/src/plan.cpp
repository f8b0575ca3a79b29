// SPDX-License-Identifier: Apache-2.0
#include "kts/runner/plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "kts/runner/local_run.hpp"

namespace kts::runner {
namespace {

// Who is measured alone: an agent, or those that chains tie together.
using Party = std::vector<std::size_t>;

std::vector<Party> distinct_baselines(const scenario::Scenario& scenario) {
  std::vector<Party> chosen;
  for (std::size_t i = 0; i < scenario.agents.size(); ++i) {
    const bool known = std::ranges::any_of(chosen, [&](const Party& earlier) {
      return std::ranges::find(earlier, i) != earlier.end() ||
             same_baseline(scenario.agents[earlier.front()], scenario.agents[i]);
    });
    if (!known) chosen.push_back(party_of(scenario, i));
  }
  return chosen;
}

}  // namespace

std::string_view name(Phase phase) { return phase == Phase::kSolo ? "solo" : "shared"; }

std::string_view name(Neighbours neighbours) {
  switch (neighbours) {
    case Neighbours::kNone:
      return "";
    case Neighbours::kParked:
      return "parked";
    case Neighbours::kAbsent:
      return "absent";
  }
  return "";
}

std::vector<std::size_t> Block::alive() const {
  std::vector<std::size_t> places = active;
  places.insert(places.end(), parked.begin(), parked.end());
  std::sort(places.begin(), places.end());
  return places;
}

std::vector<Block> plan_blocks(const scenario::Scenario& scenario, bool ends_absent) {
  std::vector<std::size_t> everyone(scenario.agents.size());
  std::iota(everyone.begin(), everyone.end(), std::size_t{0});
  const std::vector<Party> baselines = distinct_baselines(scenario);
  const int cycles = scenario.plan.cycles;
  const bool alone = party_of(scenario, 0) == everyone;

  std::vector<Block> blocks;
  const auto add = [&](Block block) {
    block.index = static_cast<int>(blocks.size()) + 1;
    blocks.push_back(std::move(block));
  };
  const auto add_solo = [&](int cycle, const Party& party) {
    const bool absent = alone || (ends_absent && (cycle == 1 || cycle == cycles));
    Block block{0,     cycle, Phase::kSolo, absent ? Neighbours::kAbsent : Neighbours::kParked,
                party, {}};
    if (!absent) {
      std::ranges::copy_if(everyone, std::back_inserter(block.parked), [&](std::size_t other) {
        return std::ranges::find(party, other) == party.end();
      });
    }
    add(std::move(block));
  };
  const auto add_shared = [&](int cycle) {
    if (!alone) add({0, cycle, Phase::kShared, Neighbours::kNone, everyone, {}});
  };
  // Each agent once, in the order of the agents or against it.
  const auto add_left_out = [&](int cycle, bool backwards) {
    if (!scenario.plan.leave_one_out || everyone.size() < 3) return;
    for (std::size_t k = 0; k < everyone.size(); ++k) {
      const std::size_t parked = backwards ? everyone.size() - 1 - k : k;
      Block block{0, cycle, Phase::kShared, Neighbours::kNone, everyone, {parked}};
      std::erase(block.active, parked);
      add(std::move(block));
    }
  };
  for (int cycle = 1; cycle <= cycles; ++cycle) {
    const bool shared_first = cycle % 2 == 0 || (ends_absent && cycle == cycles && cycles > 1);
    std::vector<Party> order = baselines;
    if (shared_first) {
      std::reverse(order.begin(), order.end());
      add_left_out(cycle, true);
      add_shared(cycle);
    }
    for (const Party& party : order) add_solo(cycle, party);
    if (!shared_first) {
      add_shared(cycle);
      add_left_out(cycle, false);
    }
  }
  return blocks;
}

std::vector<Block> plan_local_blocks(const scenario::Scenario& scenario) {
  return plan_blocks(scenario,
                     device_kind(scenario.device) == "cuda" && scenario.sharing != "streams");
}

std::string folder_name(const Block& block, const scenario::Scenario& scenario,
                        std::size_t blocks) {
  const std::size_t width = std::max<std::size_t>(2, fmt::format("{}", blocks).size());
  return block.phase == Phase::kShared ? fmt::format("{:0{}}-shared", block.index, width)
                                       : fmt::format("{:0{}}-solo-{}", block.index, width,
                                                     party_name(scenario, block.active));
}

}  // namespace kts::runner
