// SPDX-License-Identifier: Apache-2.0
#include "kts/runner/modes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include "kts/base/units.hpp"
#include "kts/runner/memory.hpp"
#include "kts/workload/limits.hpp"

namespace kts::runner {
namespace {

using analysis::ModesPlan;
using scenario::AgentSpec;
using scenario::Scenario;

constexpr std::string_view kPartitions = "mps-partitions";
constexpr std::array<std::string_view, 5> kModes{"time-slicing", "mps", kPartitions, "streams",
                                                 "mig"};

// Who is measured alone: an agent, or those that chains tie together.
struct NamedParty {
  std::string name;
  std::vector<std::size_t> agents;  // by their places in the scenario
};

// Neighbours that the compared one meets together.
struct Company {
  std::string name;  // "gemm, decode at in_flight 4"
  std::string slug;  // for folders; empty when there is only one company
  std::vector<std::string> neighbours;
  Scenario scenario;
};

// One way to share, made for any company.
struct Way {
  std::string name;
  const scenario::Variant* variant = nullptr;
  [[nodiscard]] Scenario apply(const Scenario& scenario) const {
    if (variant != nullptr) return in_variant(scenario, *variant);
    if (name == kPartitions) return in_partitions(scenario);
    Scenario changed = in_mode(scenario, name);
    for (AgentSpec& agent : changed.agents) {
      if (agent.mps) agent.mps->partition_percent.reset();
    }
    return changed;
  }
};

// Of chains and then of agents the first with an objective; without any, the first.
std::string compared(const Scenario& scenario) {
  const auto has_slo = [](const auto& each) { return each.slo.has_value(); };
  const auto chain = std::ranges::find_if(scenario.chains, has_slo);
  if (chain != scenario.chains.end()) return chain->name;
  const auto agent = std::ranges::find_if(scenario.agents, has_slo);
  if (agent != scenario.agents.end()) return agent->name;
  return scenario.chains.empty() ? scenario.agents.front().name : scenario.chains.front().name;
}

// Whose latency matters: every chain and agent with an objective; without any, all whose requests
// come by themselves, a chain's agents as the chain.
std::vector<std::string> light_agents(const Scenario& scenario) {
  const auto has_slo = [](const auto& each) { return each.slo.has_value(); };
  const bool objectives = std::ranges::any_of(scenario.chains, has_slo) ||
                          std::ranges::any_of(scenario.agents, has_slo);
  std::vector<std::string> names;
  const auto add = [&](const auto& each) {
    const bool by_itself =
        is_open(each.arrival.process) && each.arrival.process != workload::ArrivalProcess::kChain;
    if (objectives ? has_slo(each) : by_itself) names.push_back(each.name);
  };
  std::ranges::for_each(scenario.chains, add);
  std::ranges::for_each(scenario.agents, add);
  return names;
}

std::vector<NamedParty> parties_of(const Scenario& scenario) {
  std::vector<NamedParty> parties;
  for (std::size_t i = 0; i < scenario.agents.size(); ++i) {
    std::vector<std::size_t> agents = party_of(scenario, i);
    if (agents.front() != i) continue;
    std::string name = party_name(scenario, agents);
    parties.push_back({std::move(name), std::move(agents)});
  }
  return parties;
}

// What `name`, of an agent or a chain, is measured alone with.
const NamedParty& party_with(const std::vector<NamedParty>& parties, const Scenario& scenario,
                             const std::string& name) {
  const auto chain = std::ranges::find(scenario.chains, name, &scenario::Chain::name);
  const std::string agent = chain == scenario.chains.end() ? name : steps_of(*chain).front().agent;
  return *std::ranges::find_if(parties, [&](const NamedParty& party) {
    return std::ranges::any_of(
        party.agents, [&](std::size_t place) { return scenario.agents[place].name == agent; });
  });
}

// The scenario of these agents, by their places, and the chains among them.
Scenario with_agents(const Scenario& scenario, const std::vector<std::size_t>& places) {
  Scenario part = scenario;
  part.agents.clear();
  for (std::size_t i = 0; i < scenario.agents.size(); ++i) {
    if (std::ranges::find(places, i) != places.end()) part.agents.push_back(scenario.agents[i]);
  }
  std::erase_if(part.chains, [&](const scenario::Chain& chain) {
    const std::string first = steps_of(chain).front().agent;
    return std::ranges::find(part.agents, first, &AgentSpec::name) == part.agents.end();
  });
  return part;
}

Result<std::vector<Way>> find_ways(const ModesRun& modes) {
  const Scenario& scenario = modes.base.scenario;
  std::vector<Way> known;
  for (const std::string_view mode : kModes) known.push_back({std::string(mode), nullptr});
  for (const scenario::Variant& variant : scenario.variants) {
    const bool taken = variant.name == "exclusive" || std::ranges::any_of(known, [&](const Way& w) {
                         return w.name == variant.name;
                       });
    if (taken) {
      return bad_input(fmt::format("a variant is called '{}', as a sharing mode is", variant.name),
                       "rename it", fmt::format("scenario {}", scenario.name));
    }
    known.push_back({variant.name, &variant});
  }
  if (modes.ways.empty()) return known;
  std::vector<Way> chosen;
  for (const std::string& wish : modes.ways) {
    if (wish == "exclusive") continue;  // the baseline, always measured
    const auto way = std::ranges::find(known, wish, &Way::name);
    if (way == known.end()) {
      std::vector<std::string> names{"exclusive"};
      for (const Way& each : known) names.push_back(each.name);
      const std::string near = nearest_word(wish, names);
      return bad_input(fmt::format("no mode or variant is called '{}'", wish),
                       near.empty() ? fmt::format("there are: {}", fmt::join(names, ", "))
                                    : fmt::format("did you mean '{}'?", near),
                       "--modes");
    }
    const bool twice = std::ranges::any_of(chosen, [&](const Way& w) { return w.name == wish; });
    if (!twice) chosen.push_back(*way);
  }
  if (chosen.empty()) {
    return bad_input("nothing to compare with the baseline", "name modes or variants", "--modes");
  }
  return chosen;
}

// Whether it can have several iterations in flight. What arrives by itself has none ahead; on a
// card a request is driven token by token and has one KV cache.
bool can_queue_ahead(const AgentSpec& agent, int depth, const std::string& device) {
  if (is_open(agent.arrival.process)) return false;
  return !workload::problem_on(device_kind(device), agent.workload, depth);
}

// Those of `agents` that can have `depth` iterations in flight get them.
Status queue_ahead(Scenario& scenario, const std::vector<std::size_t>& agents, int depth,
                   const std::string& names) {
  bool any = agents.empty();
  bool all_open = true;
  for (const std::size_t place : agents) {
    AgentSpec& agent = scenario.agents[place];
    all_open = all_open && is_open(agent.arrival.process);
    const bool can = can_queue_ahead(agent, depth, scenario.device);
    if (can) agent.in_flight = depth;
    any = any || can;
  }
  if (any) return {};
  if (all_open) {
    return bad_input(fmt::format("{} arrive by themselves, so none queues work ahead", names),
                     "leave --in-flight out", "--in-flight");
  }
  return bad_input(
      fmt::format("{} can't have {} in flight: on a card a request is driven token by token, one "
                  "at a time",
                  names, depth),
      "choose --in-flight 1, or leave it out", "--in-flight");
}

Result<std::vector<Company>> find_companies(const ModesRun& modes) {
  const Scenario& scenario = modes.base.scenario;
  const std::vector<NamedParty> parties = parties_of(scenario);
  const NamedParty& light = party_with(parties, scenario, compared(scenario));
  std::vector<std::vector<NamedParty>> groups;
  for (const NamedParty& party : parties) {
    if (&party == &light) continue;
    if (modes.beside_each || groups.empty()) groups.emplace_back();
    groups.back().push_back(party);
  }
  if (groups.empty()) {
    return bad_input(scenario.chains.empty() ? "one agent alone shares with nobody"
                                             : "one chain alone shares with nobody",
                     "add a neighbour", fmt::format("scenario {}", scenario.name));
  }
  const std::vector<int> depths = modes.in_flight.empty() ? std::vector<int>{0} : modes.in_flight;
  std::vector<Company> companies;
  for (const std::vector<NamedParty>& group : groups) {
    for (const int depth : depths) {
      Company company;
      std::vector<std::size_t> places = light.agents;
      std::vector<std::size_t> meant;
      for (const NamedParty& party : group) {
        company.neighbours.push_back(party.name);
        for (const std::size_t place : party.agents) {
          places.push_back(place);
          if (depth > 0) meant.push_back(place);
        }
      }
      company.name = fmt::format("{}", fmt::join(company.neighbours, ", "));
      company.slug = fmt::format("{}", fmt::join(company.neighbours, "-"));
      Scenario changed = scenario;
      KTS_CHECK_OK(queue_ahead(changed, meant, depth, company.name));
      company.scenario = with_agents(changed, places);
      if (depths.size() > 1) {
        company.name += fmt::format(" at in_flight {}", depth);
        company.slug += fmt::format("-in-flight-{}", depth);
      }
      companies.push_back(std::move(company));
    }
  }
  if (companies.size() == 1) companies.front().slug.clear();
  return companies;
}

// The light agents beside the compared one. One whose own load --in-flight varies is a neighbour
// and no more: it has no baseline that all companies share.
std::vector<ModesPlan::Other> find_others(const ModesRun& modes) {
  const Scenario& scenario = modes.base.scenario;
  const std::vector<NamedParty> parties = parties_of(scenario);
  const std::string first = compared(scenario);
  const NamedParty& light = party_with(parties, scenario, first);
  std::vector<ModesPlan::Other> others;
  for (const std::string& name : light_agents(scenario)) {
    if (name == first) continue;
    const NamedParty& party = party_with(parties, scenario, name);
    const bool is_varied = &party != &light && modes.in_flight.size() > 1 &&
                           std::ranges::any_of(party.agents, [&](std::size_t place) {
                             return !is_open(scenario.agents[place].arrival.process);
                           });
    if (!is_varied) others.push_back({name, &party == &light ? first : party.name});
  }
  return others;
}

// Says whose words they are, and what is left of all parts together.
class LabelledProgress final : public Progress {
 public:
  LabelledProgress(Progress& progress, std::string label)
      : progress_(progress), label_(std::move(label)) {}
  void expect_after(Nanoseconds others) { others_ = others; }
  void note(std::string_view line) override { progress_.note(fmt::format("{}: {}", label_, line)); }
  void update(const ProgressState& state) override { progress_.update(labelled(state)); }
  void block_done(const ProgressState& state) override { progress_.block_done(labelled(state)); }

 private:
  [[nodiscard]] ProgressState labelled(ProgressState state) const {
    state.what = fmt::format("{}: {}", label_, state.what);
    state.remaining += others_;
    return state;
  }
  Progress& progress_;
  std::string label_;
  Nanoseconds others_{0};  // when this part's turn is over
};

// A run of the comparison, in turns of some cycles.
struct Part {
  std::string folder;
  Scenario scenario;
  std::unique_ptr<LabelledProgress> progress;
  std::unique_ptr<RunInParts> run;  // none: left out

  [[nodiscard]] std::pair<int, int> cycles_of(int round, int rounds) const {
    const int cycles = scenario.plan.cycles;
    return {round * cycles / rounds + 1, (round + 1) * cycles / rounds};
  }
  // Of one turn, by the plan alone.
  [[nodiscard]] Nanoseconds planned(int round, int rounds) const {
    const auto [first, last] = cycles_of(round, rounds);
    const auto blocks = std::ranges::count_if(
        plan_local_blocks(scenario),
        [first = first, last = last](int cycle) { return first <= cycle && cycle <= last; },
        &Block::cycle);
    return scenario.plan.block * blocks;
  }
};

// How long turns take against what the plan says: starts and longer blocks come on top.
class Pace {
 public:
  void took(const std::string& part, Nanoseconds planned, Nanoseconds real) {
    for (Sums* sums : {&of_part_[part], &all_}) {
      sums->planned += planned;
      sums->real += real;
    }
  }
  [[nodiscard]] Nanoseconds expected(const std::string& part, Nanoseconds planned) const {
    const auto known = of_part_.find(part);
    const Sums& sums = known == of_part_.end() ? all_ : known->second;
    if (sums.planned.count() == 0) return planned;
    const double ratio =
        static_cast<double>(sums.real.count()) / static_cast<double>(sums.planned.count());
    return Nanoseconds(std::llround(static_cast<double>(planned.count()) * ratio));
  }

 private:
  struct Sums {
    Nanoseconds planned{0}, real{0};
  };
  std::map<std::string, Sums> of_part_;
  Sums all_;
};

}  // namespace

Result<ModesWork> plan_modes(const ModesRun& modes, const Result<std::vector<device::Gpu>>& gpus) {
  const Scenario& scenario = modes.base.scenario;
  KTS_TRY(const std::vector<Way> ways, find_ways(modes));
  KTS_TRY(const std::vector<Company> companies, find_companies(modes));
  ModesWork work;
  ModesPlan& plan = work.plan;
  plan.scenario = scenario.name;
  plan.agent = compared(scenario);
  plan.others = find_others(modes);
  plan.rounds = std::min(modes.rounds, scenario.plan.cycles);
  const auto add_run = [&](Scenario of_run, const std::string& folder) {
    LocalRun run = modes.base;
    run.scenario = std::move(of_run);
    run.folder = folder;
    work.runs.push_back(std::move(run));
  };

  std::set<std::string> folders;
  for (const Company& company : companies) {
    const Scenario& together = company.scenario;
    const std::vector<NamedParty> parties = parties_of(together);
    const NamedParty& light = party_with(parties, together, plan.agent);
    for (const NamedParty& party : parties) {
      const bool is_light = &party == &light;
      // Agents of a chain can't be each alone: together, with nobody else, is the chain's own.
      Scenario alone = in_mode(with_agents(together, party.agents),
                               party.agents.size() > 1 ? "time-slicing" : "exclusive");
      std::string folder =
          fmt::format("modes/{}-{}", party.agents.size() > 1 ? "alone" : "exclusive", party.name);
      if (!is_light && modes.in_flight.size() > 1) {
        folder += fmt::format("-in-flight-{}", alone.agents.front().in_flight);
      }
      if (!is_light || folders.empty()) {
        plan.baselines.push_back(
            {is_light ? plan.agent : party.name, is_light ? "" : company.name, folder});
      }
      if (!folders.insert(folder).second) continue;
      add_run(std::move(alone), folder);
    }
  }
  for (const Company& company : companies) {
    for (const Way& way : ways) {
      Scenario shared = way.apply(company.scenario);
      ModesPlan::Entry entry{way.name, shared.sharing, company.name, {}, {}, company.neighbours};
      if (const Status offered = check_sharing_mode(shared, gpus); !offered) {
        entry.reason = offered.error().message;
      } else {
        entry.folder = "modes/" + way.name +
                       (company.slug.empty() ? "" : fmt::format("-beside-{}", company.slug));
        add_run(std::move(shared), entry.folder);
      }
      plan.entries.push_back(std::move(entry));
    }
  }
  if (std::ranges::all_of(plan.entries, &std::string::empty, &ModesPlan::Entry::folder)) {
    return environment_lacks(
        fmt::format("{}: {}", plan.entries.front().way, plan.entries.front().reason),
        "name a mode that this machine has", "--modes");
  }
  return work;
}

const Scenario& largest_run(const ModesWork& work) {
  const auto needs = [](const LocalRun& run) {
    std::pair<std::uint64_t, std::uint64_t> bytes;
    for (const AgentMemory& agent : predict_memory(run.scenario)) {
      bytes.first += agent.plan.total();
      bytes.second += agent.predicted_bytes();
    }
    return bytes;
  };
  return std::ranges::max_element(work.runs, {}, needs)->scenario;
}

Status run_modes(const ModesRun& modes, ModesWork work, Progress& progress) {
  const std::filesystem::path& root = modes.base.folder;
  KTS_CHECK_OK(write_plan(work.plan, root));
  std::vector<Part> parts;
  for (LocalRun& run : work.runs) {
    Part part;
    part.folder = run.folder.string();
    part.scenario = run.scenario;
    part.progress = std::make_unique<LabelledProgress>(progress, run.folder.filename().string());
    run.folder = root / run.folder;
    KTS_CHECK_OK(make_directories(run.folder));
    part.run = std::make_unique<RunInParts>(std::move(run), *part.progress);
    KTS_CHECK_OK(part.run->begin());
    parts.push_back(std::move(part));
  }

  // A way that failed is measured no further.
  const auto leave_out = [&](Part& part, const Error& error) -> Status {
    part.run.reset();
    const auto entry = std::ranges::find(work.plan.entries, part.folder, &ModesPlan::Entry::folder);
    const bool needed = entry == work.plan.entries.end();
    if (needed || error.code == ErrorCode::kInterrupted) {
      Error named = error;
      named.where = part.folder + (named.where.empty() ? "" : ": " + named.where);
      return tl::unexpected(std::move(named));
    }
    part.progress->note(fmt::format("left out: {}", to_line(error)));
    entry->folder.clear();
    entry->reason = to_line(error);
    return write_plan(work.plan, root);
  };
  const int rounds = work.plan.rounds;
  Pace pace;
  const auto turn = [&](int round, std::size_t i) -> Part& {
    return parts[round % 2 == 0 ? i : parts.size() - 1 - i];
  };
  // What comes after the turn of that number.
  const auto expected_after = [&](int round, std::size_t i) {
    Nanoseconds sum{0};
    for (++i; round < rounds; ++round, i = 0) {
      for (; i < parts.size(); ++i) {
        const Part& part = turn(round, i);
        if (part.run) sum += pace.expected(part.folder, part.planned(round, rounds));
      }
    }
    return sum;
  };
  for (int round = 0; round < rounds; ++round) {
    for (std::size_t i = 0; i < parts.size(); ++i) {
      Part& part = turn(round, i);
      if (!part.run) continue;
      part.progress->expect_after(expected_after(round, i));
      const auto [first, last] = part.cycles_of(round, rounds);
      const MonotonicTime began = MonotonicTimeline::now();
      const Status measured = part.run->measure(first, last);
      if (!measured) {
        KTS_CHECK_OK(leave_out(part, measured.error()));
        continue;
      }
      pace.took(part.folder, part.planned(round, rounds), MonotonicTimeline::now() - began);
    }
  }
  for (Part& part : parts) {
    if (!part.run) continue;
    if (const Status ended = part.run->end(); !ended) KTS_CHECK_OK(leave_out(part, ended.error()));
  }
  return {};
}

}  // namespace kts::runner
