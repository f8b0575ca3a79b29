// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "chains_yaml.hpp"
#include "kts/base/units.hpp"

namespace kts::scenario {
namespace {

constexpr std::size_t kMaxChains = 16;
constexpr std::size_t kMaxSteps = 64;

bool waits_for_chain(const AgentSpec& agent) {
  return agent.arrival.process == workload::ArrivalProcess::kChain;
}

Result<std::vector<std::string>> read_steps(const YamlValue& value, const Scenario& scenario) {
  KTS_TRY(const std::vector<YamlValue> items, value.items());
  if (items.size() < 2 || items.size() > kMaxSteps) {
    return value.refuse(
        fmt::format("{} step{}", items.size(), items.size() == 1 ? "" : "s"),
        fmt::format("name 2 to {} agents, one as often as it is needed", kMaxSteps));
  }
  std::vector<std::string_view> names;
  for (const AgentSpec& agent : scenario.agents) names.push_back(agent.name);
  std::vector<std::string> steps;
  for (const YamlValue& item : items) {
    KTS_TRY(std::string step, item.name());
    const auto agent = std::ranges::find(scenario.agents, step, &AgentSpec::name);
    if (agent == scenario.agents.end()) {
      const std::string near = nearest_word(step, names);
      return item.refuse(fmt::format("no agent is called '{}'", step),
                         near.empty() ? fmt::format("there are: {}", fmt::join(names, ", "))
                                      : fmt::format("did you mean '{}'?", near));
    }
    if (!waits_for_chain(*agent)) {
      return item.refuse(fmt::format("'{}' has arrivals of its own", step),
                         "give it 'arrival: {process: chain}'; the chain's are the chain's");
    }
    steps.push_back(std::move(step));
  }
  return steps;
}

Result<Chain> read_chain(const YamlValue& value, const Scenario& scenario, std::uint64_t seed) {
  KTS_CHECK_OK(value.check_keys({"name", "arrival", "steps", "seed", "slo"}));
  Chain chain;
  chain.seed = seed;
  KTS_TRY(const YamlValue name, value.require("name"));
  KTS_TRY(chain.name, name.name());
  if (std::ranges::find(scenario.agents, chain.name, &AgentSpec::name) != scenario.agents.end()) {
    return name.refuse(fmt::format("an agent is called '{}' already", chain.name),
                       "results name both: give the chain a name of its own");
  }
  KTS_TRY(const YamlValue arrival, value.require("arrival"));
  KTS_TRY(chain.arrival, read_arrival(arrival));
  using workload::ArrivalProcess;
  if (!is_open(chain.arrival.process) || chain.arrival.process == ArrivalProcess::kTrace ||
      chain.arrival.process == ArrivalProcess::kChain) {
    return arrival.at("process").refuse(
        fmt::format("a chain can't begin by '{}'", workload::name(chain.arrival.process)),
        "take poisson, uniform, gamma or on-off");
  }
  KTS_TRY(const YamlValue steps, value.require("steps"));
  KTS_TRY(chain.steps, read_steps(steps, scenario));
  if (value.has("seed")) {
    KTS_TRY(chain.seed, read_seed(value.at("seed")));
  }
  if (value.has("slo")) {
    KTS_TRY(chain.slo, read_slo(value.at("slo")));
  }
  return chain;
}

bool has_step(const Chain& chain, const std::string& agent) {
  return std::ranges::find(chain.steps, agent) != chain.steps.end();
}

}  // namespace

Result<std::vector<Chain>> read_chains(const YamlValue& root, const Scenario& scenario) {
  std::vector<Chain> chains;
  if (root.has("chains")) {
    const YamlValue value = root.at("chains");
    KTS_TRY(const std::vector<YamlValue> items, value.items());
    if (items.empty() || items.size() > kMaxChains) {
      return value.refuse(fmt::format("{} chains", items.size()),
                          fmt::format("give 1 to {}, or leave the key out", kMaxChains));
    }
    if (scenario.plan.order == Order::kMatrix) {
      return value.refuse("a matrix has no chains", "remove them, or the plan's order");
    }
    for (const YamlValue& item : items) {
      // Beyond those of the agents.
      KTS_TRY(Chain chain, read_chain(item, scenario, scenario.seed * 1000 + 501 + chains.size()));
      if (std::ranges::find(chains, chain.name, &Chain::name) != chains.end()) {
        return item.at("name").refuse(fmt::format("two chains are called '{}'", chain.name),
                                      "give each a name of its own");
      }
      chains.push_back(std::move(chain));
    }
  }
  KTS_TRY(const std::vector<YamlValue> agents, root.at("agents").items());
  for (std::size_t i = 0; i < agents.size(); ++i) {
    const AgentSpec& agent = scenario.agents[i];
    const auto has = [&](const Chain& chain) { return has_step(chain, agent.name); };
    if (!waits_for_chain(agent) || std::ranges::any_of(chains, has)) continue;
    return agents[i].at("arrival").refuse("no chain has this agent as a step",
                                          "name it under 'chains:', or give it another process");
  }
  return chains;
}

std::string to_yaml(const std::vector<Chain>& chains) {
  if (chains.empty()) return {};
  std::string out = "chains:\n";
  for (const Chain& chain : chains) {
    out += fmt::format("  - name: {}\n    arrival: {}\n    steps: [{}]\n    seed: {}\n", chain.name,
                       to_yaml(chain.arrival), fmt::join(chain.steps, ", "), chain.seed);
    if (chain.slo) out += to_yaml(*chain.slo);
  }
  return out;
}

std::vector<std::size_t> party_of(const Scenario& scenario, std::size_t agent) {
  std::set<std::size_t> party{agent};
  for (std::size_t before = 0; before != party.size();) {
    before = party.size();
    for (const Chain& chain : scenario.chains) {
      const bool touched = std::ranges::any_of(
          party, [&](std::size_t place) { return has_step(chain, scenario.agents[place].name); });
      for (std::size_t place = 0; touched && place < scenario.agents.size(); ++place) {
        if (has_step(chain, scenario.agents[place].name)) party.insert(place);
      }
    }
  }
  return {party.begin(), party.end()};
}

std::string party_name(const Scenario& scenario, const std::vector<std::size_t>& party) {
  const std::string& agent = scenario.agents[party.front()].name;
  for (const Chain& chain : scenario.chains) {
    if (has_step(chain, agent)) return chain.name;
  }
  return agent;
}

}  // namespace kts::scenario
