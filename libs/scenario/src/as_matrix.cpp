// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "kts/scenario/scenario.hpp"
#include "limits.hpp"

namespace kts::scenario {
namespace {

using Names = std::vector<std::string>;

// All multisets of `size` of the agents, from the `first` on.
void add_multisets(const std::vector<AgentSpec>& agents, std::size_t first, std::size_t size,
                   Names& begun, std::vector<Names>& sets) {
  if (size == 0) {
    sets.push_back(begun);
    return;
  }
  for (std::size_t i = first; i < agents.size() && sets.size() <= kMaxSets; ++i) {
    begun.push_back(agents[i].name);
    add_multisets(agents, i, size - 1, begun, sets);
    begun.pop_back();
  }
}

// "fft-2", or what comes next when the scenario has an agent of that name already.
std::string copy_name(const Scenario& scenario, const std::string& agent, int copy) {
  for (std::string name = fmt::format("{}-{}", agent, copy);; name += "-copy") {
    if (std::ranges::find(scenario.agents, name, &AgentSpec::name) == scenario.agents.end()) {
      return name;
    }
  }
}

}  // namespace

Result<Scenario> as_matrix(Scenario scenario, int slots) {
  if (!scenario.chains.empty()) {
    return bad_input("a matrix has no chains: their agents are never alone",
                     "remove them, or take kts run, or kts modes --beside each", scenario.name);
  }
  Plan& plan = scenario.plan;
  plan.order = Order::kMatrix;
  if (plan.sets.empty()) {
    for (std::size_t size = 2; size <= static_cast<std::size_t>(slots); ++size) {
      Names begun;
      add_multisets(scenario.agents, 0, size, begun, plan.sets);
    }
  }
  if (plan.sets.size() > kMaxSets) {
    return bad_input(
        fmt::format("more than {} sets of {} agents", kMaxSets, scenario.agents.size()),
        "take fewer slots or agents, or list the sets in the plan", scenario.name);
  }
  std::map<std::string, Names> copies;  // of an agent, itself first
  const std::vector<AgentSpec> originals = scenario.agents;
  for (const AgentSpec& agent : originals) copies[agent.name] = {agent.name};
  for (Names& set : plan.sets) {
    std::map<std::string, std::size_t> seen;
    for (std::string& member : set) {
      const std::size_t number = seen[member]++;
      Names& known = copies[member];
      if (number == known.size()) {
        const auto original = std::ranges::find(originals, member, &AgentSpec::name);
        if (scenario.agents.size() == kMaxAgents) {
          return bad_input(fmt::format("with copies for its sets more than {} agents", kMaxAgents),
                           "take fewer slots or agents, or smaller sets", scenario.name);
        }
        AgentSpec copy = *original;
        copy.name = copy_name(scenario, member, static_cast<int>(number) + 1);
        copy.seed += 100 * number;
        known.push_back(copy.name);
        scenario.agents.push_back(std::move(copy));
      }
      member = known[number];
    }
  }
  return scenario;
}

std::size_t most_alive(const Scenario& scenario) {
  if (!scenario.plan.others_absent) return scenario.agents.size();
  std::size_t most = 1;
  for (const Names& set : scenario.plan.sets) most = std::max(most, set.size());
  return most;
}

}  // namespace kts::scenario
