// SPDX-License-Identifier: Apache-2.0
#include "kts/runner/modes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <set>
#include <utility>

#include "kts/base/units.hpp"

namespace kts::runner {
namespace {

using analysis::ModesPlan;
using scenario::AgentSpec;
using scenario::Scenario;

constexpr std::array<std::string_view, 4> kModes{"time-slicing", "mps", "streams", "mig"};

// Neighbours that the compared agent meets together.
struct Company {
  std::string name;  // "gemm, decode at in_flight 4"
  std::string slug;  // for folders; empty when there is only one company
  Scenario scenario;
};

// One way to share, made for any company.
struct Way {
  std::string name;
  const scenario::Variant* variant = nullptr;
  [[nodiscard]] Scenario apply(const Scenario& scenario) const {
    return variant != nullptr ? in_variant(scenario, *variant) : in_mode(scenario, name);
  }
};

std::size_t compared_agent(const Scenario& scenario) {
  const auto with_slo =
      std::ranges::find_if(scenario.agents, [](const AgentSpec& a) { return a.slo.has_value(); });
  return with_slo == scenario.agents.end()
             ? 0
             : static_cast<std::size_t>(with_slo - scenario.agents.begin());
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
      return bad_input(fmt::format("no mode or variant is called '{}'", wish),
                       fmt::format("there are: {}", fmt::join(names, ", ")), "--modes");
    }
    const bool twice = std::ranges::any_of(chosen, [&](const Way& w) { return w.name == wish; });
    if (!twice) chosen.push_back(*way);
  }
  if (chosen.empty()) {
    return bad_input("nothing to compare with the baseline", "name modes or variants", "--modes");
  }
  return chosen;
}

Result<std::vector<Company>> find_companies(const ModesRun& modes) {
  const Scenario& scenario = modes.base.scenario;
  if (!scenario.chains.empty()) {
    return bad_input("chains of agents can't be compared in every mode yet",
                     "remove them, or take kts run --sharing MODE",
                     fmt::format("chain {}", scenario.chains.front().name));
  }
  const std::size_t light = compared_agent(scenario);
  std::vector<std::vector<std::size_t>> groups;
  for (std::size_t i = 0; i < scenario.agents.size(); ++i) {
    if (i == light) continue;
    if (modes.beside_each || groups.empty()) groups.emplace_back();
    groups.back().push_back(i);
  }
  if (groups.empty()) {
    return bad_input("one agent alone shares with nobody", "add a neighbour",
                     fmt::format("scenario {}", scenario.name));
  }
  const std::vector<int> depths = modes.in_flight.empty() ? std::vector<int>{0} : modes.in_flight;
  std::vector<Company> companies;
  for (const std::vector<std::size_t>& group : groups) {
    for (const int depth : depths) {
      Company company;
      company.scenario = scenario;
      company.scenario.agents.clear();
      bool changed = false;
      for (std::size_t i = 0; i < scenario.agents.size(); ++i) {
        const bool neighbour = std::ranges::find(group, i) != group.end();
        if (i != light && !neighbour) continue;
        AgentSpec agent = scenario.agents[i];
        if (neighbour) {
          company.name += (company.name.empty() ? "" : ", ") + agent.name;
          company.slug += (company.slug.empty() ? "" : "-") + agent.name;
          if (depth > 0 && !is_open(agent.arrival.process)) {
            agent.in_flight = depth;
            changed = true;
          }
        }
        company.scenario.agents.push_back(std::move(agent));
      }
      if (depth > 0 && !changed) {
        return bad_input(
            fmt::format("{} arrive by themselves, so none queues work ahead", company.name),
            "leave --in-flight out", "--in-flight");
      }
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

// Says whose words they are.
class LabelledProgress final : public Progress {
 public:
  LabelledProgress(Progress& progress, std::string label)
      : progress_(progress), label_(std::move(label)) {}
  void note(std::string_view line) override { progress_.note(fmt::format("{}: {}", label_, line)); }
  void update(const ProgressState& state) override { progress_.update(labelled(state)); }
  void block_done(const ProgressState& state) override { progress_.block_done(labelled(state)); }

 private:
  [[nodiscard]] ProgressState labelled(ProgressState state) const {
    state.what = fmt::format("{}: {}", label_, state.what);
    return state;
  }
  Progress& progress_;
  std::string label_;
};

}  // namespace

Result<ModesWork> plan_modes(const ModesRun& modes, const Result<std::vector<device::Gpu>>& gpus) {
  const Scenario& scenario = modes.base.scenario;
  KTS_TRY(const std::vector<Way> ways, find_ways(modes));
  KTS_TRY(const std::vector<Company> companies, find_companies(modes));
  ModesWork work;
  ModesPlan& plan = work.plan;
  plan.scenario = scenario.name;
  plan.agent = scenario.agents[compared_agent(scenario)].name;
  plan.rounds = std::min(modes.rounds, scenario.plan.cycles);
  const auto add_run = [&](Scenario of_run, const std::string& folder) {
    LocalRun run = modes.base;
    run.scenario = std::move(of_run);
    run.folder = folder;
    work.runs.push_back(std::move(run));
  };

  std::set<std::string> folders;
  for (const Company& company : companies) {
    for (const AgentSpec& agent : company.scenario.agents) {
      const bool light = agent.name == plan.agent;
      std::string folder = "modes/exclusive-" + agent.name;
      if (!light && modes.in_flight.size() > 1) {
        folder += fmt::format("-in-flight-{}", agent.in_flight);
      }
      if (!light || folders.empty()) {
        plan.baselines.push_back({agent.name, light ? "" : company.name, folder});
      }
      if (!folders.insert(folder).second) continue;
      Scenario alone = in_mode(company.scenario, "exclusive");
      alone.agents = {agent};
      alone.agents.front().mps.reset();
      alone.agents.front().stream.reset();
      add_run(std::move(alone), folder);
    }
  }
  for (const Company& company : companies) {
    for (const Way& way : ways) {
      Scenario shared = way.apply(company.scenario);
      ModesPlan::Entry entry{way.name, shared.sharing, company.name, {}, {}};
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
  return work;
}

Status run_modes(const ModesRun& modes, ModesWork work, Progress& progress) {
  struct Part {
    std::string folder;
    int cycles = 1;
    std::unique_ptr<LabelledProgress> progress;
    std::unique_ptr<RunInParts> run;
  };
  const std::filesystem::path& root = modes.base.folder;
  KTS_CHECK_OK(write_plan(work.plan, root));
  std::vector<Part> parts;
  for (LocalRun& run : work.runs) {
    Part part;
    part.folder = run.folder.string();
    part.cycles = run.scenario.plan.cycles;
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
    if (needed || error.code == ErrorCode::kInterrupted) return tl::unexpected(error);
    part.progress->note(fmt::format("left out: {}", to_line(error)));
    entry->folder.clear();
    entry->reason = to_line(error);
    return write_plan(work.plan, root);
  };
  const int rounds = work.plan.rounds;
  for (int round = 0; round < rounds; ++round) {
    for (std::size_t i = 0; i < parts.size(); ++i) {
      Part& part = parts[round % 2 == 0 ? i : parts.size() - 1 - i];
      if (!part.run) continue;
      const Status measured =
          part.run->measure(round * part.cycles / rounds + 1, (round + 1) * part.cycles / rounds);
      if (!measured) KTS_CHECK_OK(leave_out(part, measured.error()));
    }
  }
  for (Part& part : parts) {
    if (!part.run) continue;
    if (const Status ended = part.run->end(); !ended) KTS_CHECK_OK(leave_out(part, ended.error()));
  }
  return {};
}

}  // namespace kts::runner
