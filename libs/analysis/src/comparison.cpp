// SPDX-License-Identifier: Apache-2.0
#include "kts/analysis/comparison.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <utility>

#include "ratio.hpp"

namespace kts::analysis {
namespace {

const Estimate& quantile_of(const MeasureResult& result, double quantile) {
  return quantile == 0.5 ? result.p50 : quantile == 0.95 ? result.p95 : result.p99;
}

bool overloaded_in(const Summary& summary, std::string_view agent, Phase phase) {
  return std::ranges::any_of(summary.loads, [&](const Load& load) {
    return load.agent == agent && load.phase == phase && load.overloaded;
  });
}

std::optional<Change> quantile_change(const Comparison& runs, const std::string& agent, Phase phase,
                                      Measure measure, double quantile) {
  const MeasureResult* before = find_result(runs.before, agent, phase, measure);
  const MeasureResult* after = find_result(runs.after, agent, phase, measure);
  if (before == nullptr || after == nullptr || before->n == 0 || after->n == 0) return std::nullopt;
  Change change{
      phase, measure, quantile, quantile_of(*before, quantile), quantile_of(*after, quantile),
      {},    {},      {}};
  if (!overloaded_in(runs.before, agent, phase) && !overloaded_in(runs.after, agent, phase)) {
    change.ratio = ratio_of(change.after, change.before);
  }
  if (measure != Measure::kLatency || quantile != 0.99) return change;
  const stats::Interval interval{change.ratio.ci_low, change.ratio.ci_high};
  change.verdict = stats::judge(interval);
  if (change.verdict == Verdict::kCannotConclude && change.ratio.value) {
    change.samples_needed =
        stats::samples_needed(*change.ratio.value, interval, std::max(before->n, after->n));
  }
  return change;
}

std::optional<Change> degradation_change(const Comparison& runs, const std::string& agent) {
  const Degradation* before = find_degradation(runs.before, agent, Measure::kLatency, 0.99);
  const Degradation* after = find_degradation(runs.after, agent, Measure::kLatency, 0.99);
  if (before == nullptr || after == nullptr || !before->ratio.value || !after->ratio.value) {
    return std::nullopt;
  }
  return Change{{},           Measure::kLatency,
                0.99,         before->ratio,
                after->ratio, ratio_of(after->ratio, before->ratio),
                {},           {}};
}

Outcome outcome_of(const AgentComparison& agent) {
  if (agent.overloaded_before != agent.overloaded_after) {
    return agent.overloaded_after ? Outcome::kSlower : Outcome::kFaster;
  }
  const Change* change = agent.headline();
  switch (change == nullptr ? Verdict::kCannotConclude : *change->verdict) {
    case Verdict::kHurt:
      return Outcome::kSlower;
    case Verdict::kFree:
      return Outcome::kSame;
    case Verdict::kHelped:
      return Outcome::kFaster;
    case Verdict::kCannotConclude:
      break;
  }
  return Outcome::kCannotConclude;
}

AgentComparison compare_agent(const Comparison& runs, const std::string& name) {
  constexpr std::array<std::pair<Measure, double>, 5> kQuantities{{{Measure::kLatency, 0.5},
                                                                   {Measure::kLatency, 0.95},
                                                                   {Measure::kLatency, 0.99},
                                                                   {Measure::kTtft, 0.99},
                                                                   {Measure::kItl, 0.99}}};
  AgentComparison agent;
  agent.agent = name;
  for (const Phase phase : {Phase::kSolo, Phase::kShared}) {
    for (const auto& [measure, quantile] : kQuantities) {
      auto change = quantile_change(runs, name, phase, measure, quantile);
      if (change) agent.changes.push_back(*change);
    }
  }
  const bool shared = std::ranges::any_of(
      agent.changes, [](const Change& change) { return change.phase == Phase::kShared; });
  agent.judged = shared ? Phase::kShared : Phase::kSolo;
  if (auto change = degradation_change(runs, name)) agent.changes.push_back(*change);
  agent.overloaded_before = overloaded_in(runs.before, name, agent.judged);
  agent.overloaded_after = overloaded_in(runs.after, name, agent.judged);
  for (const auto& [summary, rate] :
       {std::pair(&runs.before, &agent.rate.before), std::pair(&runs.after, &agent.rate.after)}) {
    const auto* result = find_result(*summary, name, agent.judged, Measure::kLatency);
    if (result != nullptr) *rate = result->rate_achieved;
  }
  agent.rate.ratio = ratio_of(agent.rate.after, agent.rate.before);
  agent.outcome = outcome_of(agent);
  return agent;
}

const AgentInfo* agent_called(const Summary& summary, std::string_view name) {
  const auto found = std::ranges::find(summary.agents, name, &AgentInfo::name);
  return found == summary.agents.end() ? nullptr : &*found;
}

void tell_difference(std::string_view what, const std::string& before, const std::string& after,
                     std::vector<std::string>& to) {
  if (before == after) return;
  const auto shown = [](const std::string& value) { return value.empty() ? "not known" : value; };
  to.push_back(fmt::format("{}: {} → {}", what, shown(before), shown(after)));
}

std::vector<std::string> differences_of(const Summary& before, const Summary& after) {
  std::vector<std::string> all;
  tell_difference("scenario", before.scenario, after.scenario, all);
  tell_difference("sharing", before.sharing, after.sharing, all);
  tell_difference("device", before.device.name, after.device.name, all);
  if (before.device.name == after.device.name) {
    tell_difference("device id", before.device.uuid, after.device.uuid, all);
  }
  tell_difference("driver", before.device.driver, after.device.driver, all);
  tell_difference("records", before.source, after.source, all);
  for (const AgentInfo& agent : after.agents) {
    const AgentInfo* other = agent_called(before, agent.name);
    if (other == nullptr) {
      all.push_back(fmt::format("agent {}: only after", agent.name));
      continue;
    }
    tell_difference(fmt::format("workload of {}", agent.name), other->workload, agent.workload,
                    all);
    tell_difference(fmt::format("arrival of {}", agent.name), other->arrival, agent.arrival, all);
  }
  for (const AgentInfo& agent : before.agents) {
    if (agent_called(after, agent.name) == nullptr) {
      all.push_back(fmt::format("agent {}: only before", agent.name));
    }
  }
  return all;
}

}  // namespace

std::string_view name(Outcome outcome) {
  switch (outcome) {
    case Outcome::kSlower:
      return "slower";
    case Outcome::kSame:
      return "same";
    case Outcome::kFaster:
      return "faster";
    case Outcome::kCannotConclude:
      break;
  }
  return "cannot conclude";
}

const Change* AgentComparison::headline() const {
  const auto found = std::ranges::find_if(changes, [this](const Change& change) {
    return change.phase == judged && change.verdict.has_value();
  });
  return found == changes.end() ? nullptr : &*found;
}

Result<Comparison> compare_runs(Summary before, Summary after) {
  Comparison runs;
  runs.before = std::move(before);
  runs.after = std::move(after);
  std::vector<std::string> names;
  for (const AgentInfo& agent : runs.after.agents) {
    if (agent_called(runs.before, agent.name) != nullptr) names.push_back(agent.name);
  }
  if (names.empty()) {
    const auto names_of = [](const Summary& summary) {
      std::vector<std::string> all;
      for (const AgentInfo& agent : summary.agents) all.push_back(agent.name);
      return fmt::format("{}", fmt::join(all, ", "));
    };
    return bad_input("the runs have no agent in common",
                     fmt::format("one has {}, the other {}; agents are matched by their names",
                                 names_of(runs.before), names_of(runs.after)));
  }
  for (const std::string& agent : names) runs.agents.push_back(compare_agent(runs, agent));
  runs.differences = differences_of(runs.before, runs.after);
  return runs;
}

int exit_code(const Comparison& comparison) {
  const auto any = [&](Outcome outcome) {
    return std::ranges::find(comparison.agents, outcome, &AgentComparison::outcome) !=
           comparison.agents.end();
  };
  if (any(Outcome::kSlower)) return static_cast<int>(ErrorCode::kGateFailed);
  return any(Outcome::kCannotConclude) ? static_cast<int>(ErrorCode::kInconclusive) : 0;
}

}  // namespace kts::analysis
