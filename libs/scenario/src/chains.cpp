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
constexpr int kMaxDepth = 16;  // of lists in lists

bool waits_for_chain(const AgentSpec& agent) {
  return agent.arrival.process == workload::ArrivalProcess::kChain;
}

Result<std::string> read_step(const YamlValue& item, const Scenario& scenario) {
  if (item.is_map()) {
    return item.refuse("a step has no keys",
                       "name an agent; steps come in the order in which they stand, and a list "
                       "among them is a fork, so that no step can wait for a later one");
  }
  KTS_TRY(std::string step, item.name());
  const auto agent = std::ranges::find(scenario.agents, step, &AgentSpec::name);
  if (agent == scenario.agents.end()) {
    std::vector<std::string_view> names;
    for (const AgentSpec& known : scenario.agents) names.push_back(known.name);
    const std::string near = nearest_word(step, names);
    return item.refuse(fmt::format("no agent is called '{}'", step),
                       near.empty() ? fmt::format("there are: {}", fmt::join(names, ", "))
                                    : fmt::format("did you mean '{}'?", near));
  }
  if (!waits_for_chain(*agent)) {
    return item.refuse(fmt::format("'{}' has arrivals of its own", step),
                       "give it 'arrival: {process: chain}'; the chain's are the chain's");
  }
  return step;
}

// The parts that a list names: at depth 0 the chain's, one after the other; at each level below by
// turns side by side and one after the other. Adds to `steps` how many agents were named.
Result<std::vector<ChainPart>> read_parts(const YamlValue& value, const Scenario& scenario,
                                          int depth, std::size_t& steps) {
  KTS_TRY(const std::vector<YamlValue> items, value.items());
  const bool side_by_side = depth % 2 == 1;
  if (depth > kMaxDepth) {
    return value.refuse(
        fmt::format("lists more than {} deep", kMaxDepth),
        "a list in a list in a list comes one after the other again: write it flat");
  }
  if (depth > 0 && items.size() < 2) {
    return value.refuse(items.empty()
                            ? "an empty group"
                            : fmt::format("a group of one {}", side_by_side ? "branch" : "step"),
                        side_by_side ? "name two branches or more, or the agent without brackets"
                                     : "name two steps or more, or the agent without brackets");
  }
  std::vector<ChainPart> parts;
  for (const YamlValue& item : items) {
    ChainPart part;
    if (item.is_list()) {
      KTS_TRY(part.parts, read_parts(item, scenario, depth + 1, steps));
    } else {
      KTS_TRY(part.agent, read_step(item, scenario));
      ++steps;
    }
    parts.push_back(std::move(part));
  }
  return parts;
}

Result<std::vector<ChainPart>> read_way(const YamlValue& value, const Scenario& scenario) {
  std::size_t steps = 0;
  KTS_TRY(std::vector<ChainPart> way, read_parts(value, scenario, 0, steps));
  if (steps < 2 || steps > kMaxSteps) {
    return value.refuse(
        fmt::format("{} step{}", steps, steps == 1 ? "" : "s"),
        fmt::format("name 2 to {} agents, one as often as it is needed", kMaxSteps));
  }
  return way;
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
  KTS_TRY(chain.way, read_way(steps, scenario));
  if (value.has("seed")) {
    KTS_TRY(chain.seed, read_seed(value.at("seed")));
  }
  if (value.has("slo")) {
    KTS_TRY(chain.slo, read_slo(value.at("slo")));
  }
  return chain;
}

bool has_step(const std::vector<ChainPart>& parts, const std::string& agent) {
  return std::ranges::any_of(parts, [&](const ChainPart& part) {
    return part.parts.empty() ? part.agent == agent : has_step(part.parts, agent);
  });
}
bool has_step(const Chain& chain, const std::string& agent) { return has_step(chain.way, agent); }

// Whose branches or steps alternate with each level.
enum class Arranged { kInTurn, kSideBySide };

constexpr Arranged other(Arranged order) {
  return order == Arranged::kInTurn ? Arranged::kSideBySide : Arranged::kInTurn;
}

std::string words_of(const std::vector<ChainPart>& parts, Arranged order) {
  std::vector<std::string> words;
  for (const ChainPart& part : parts) {
    const std::string inner = part.parts.empty() ? part.agent : words_of(part.parts, other(order));
    words.push_back(
        part.parts.empty() || order == Arranged::kSideBySide ? inner : fmt::format("({})", inner));
  }
  return fmt::format("{}", fmt::join(words, order == Arranged::kInTurn ? " → " : " | "));
}

std::string yaml_of(const std::vector<ChainPart>& parts) {
  std::vector<std::string> words;
  for (const ChainPart& part : parts) {
    words.push_back(part.parts.empty() ? part.agent : yaml_of(part.parts));
  }
  return fmt::format("[{}]", fmt::join(words, ", "));
}

// Numbers the steps and notes the forks on its way through the parts.
class Layout {
 public:
  explicit Layout(const Chain& chain) { walk(chain.way, Arranged::kInTurn, {}); }
  std::vector<ChainStep> steps;
  std::vector<ChainFork> forks;

 private:
  using Steps = std::vector<std::size_t>;

  // The steps after which all of them are done.
  Steps walk(const std::vector<ChainPart>& parts, Arranged order, Steps after) {
    if (order == Arranged::kInTurn) {
      for (const ChainPart& part : parts) after = walk(part, order, std::move(after));
      return after;
    }
    const std::size_t fork = forks.size();
    forks.emplace_back();
    Steps last;
    for (const ChainPart& part : parts) {
      ChainFork::Branch branch;
      const std::size_t first = steps.size();
      const Steps ends = walk(part, order, after);
      last.insert(last.end(), ends.begin(), ends.end());
      branch.words = part.parts.empty() ? part.agent : words_of(part.parts, other(order));
      for (std::size_t step = first; step < steps.size(); ++step) {
        if (steps[step].after == after) branch.heads.push_back(step);
      }
      forks[fork].branches.push_back(std::move(branch));
    }
    return last;
  }
  Steps walk(const ChainPart& part, Arranged order, Steps after) {
    if (!part.parts.empty()) return walk(part.parts, other(order), std::move(after));
    steps.push_back({part.agent, std::move(after)});
    return {steps.size() - 1};
  }
};

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
      return value.refuse("a matrix has no chains: their agents are never alone",
                          "remove them, or the plan's order; kts modes --beside each puts a chain "
                          "beside each other agent");
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
    out += fmt::format("  - name: {}\n    arrival: {}\n    steps: {}\n    seed: {}\n", chain.name,
                       to_yaml(chain.arrival), yaml_of(chain.way), chain.seed);
    if (chain.slo) out += to_yaml(*chain.slo);
  }
  return out;
}

std::vector<ChainStep> steps_of(const Chain& chain) { return Layout(chain).steps; }

std::vector<ChainFork> forks_of(const Chain& chain) { return Layout(chain).forks; }

std::string describe_way(const Chain& chain) { return words_of(chain.way, Arranged::kInTurn); }

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
