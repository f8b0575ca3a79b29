// SPDX-License-Identifier: Apache-2.0
#include "kts/analysis/summary.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace kts::analysis {

std::string_view name(Phase phase) { return phase == Phase::kSolo ? "solo" : "shared"; }

std::string_view name(Neighbours neighbours) {
  return neighbours == Neighbours::kParked ? "parked" : "absent";
}

std::string_view name(LeftOutCheck agreement) {
  switch (agreement) {
    case LeftOutCheck::kAgrees:
      return "agrees";
    case LeftOutCheck::kDiffers:
      return "differs";
    case LeftOutCheck::kCannotTell:
      break;
  }
  return "cannot tell";
}

std::string_view name(Cause cause) {
  switch (cause) {
    case Cause::kEarlierWaits:
      return "earlier_waits";
    case Cause::kEarlierWork:
      return "earlier_work";
    case Cause::kTurns:
      return "turns";
    case Cause::kSwitches:
      return "switches";
    case Cause::kLaunch:
      return "launch";
    case Cause::kSwitchedOut:
      return "switched_out";
    case Cause::kSwitchesMidWork:
      return "switches_mid_work";
    case Cause::kExecution:
      return "execution";
    case Cause::kSharing:
      return "sharing";
  }
  return "";
}

std::string_view words(Cause cause) {
  switch (cause) {
    case Cause::kEarlierWaits:
      return "requests ahead of it that waited for others";
    case Cause::kEarlierWork:
      return "requests ahead of it at work";
    case Cause::kTurns:
      return "turns of others before its work";
    case Cause::kSwitches:
      return "switches before its work";
    case Cause::kLaunch:
      return "launch, and its own work ahead of it";
    case Cause::kSwitchedOut:
      return "turns of others in the middle of its work";
    case Cause::kSwitchesMidWork:
      return "switches in the middle of its work";
    case Cause::kExecution:
      return "its own work taking longer";
    case Cause::kSharing:
      return "sharing SMs, caches and bandwidth";
  }
  return "";
}

const MeasureResult* find_result(const Summary& summary, std::string_view agent, Phase phase,
                                 Measure measure) {
  const auto find = [&](std::string_view who) -> const MeasureResult* {
    const auto found = std::ranges::find_if(summary.results, [&](const MeasureResult& result) {
      return result.agent == who && result.phase == phase && result.measure == measure;
    });
    return found == summary.results.end() ? nullptr : &*found;
  };
  if (const MeasureResult* own = find(agent); own || phase != Phase::kSolo) return own;
  const auto info = std::ranges::find(summary.agents, agent, &AgentInfo::name);
  return info == summary.agents.end() ? nullptr : find(info->baseline);
}

const Degradation* find_degradation(const Summary& summary, std::string_view agent, Measure measure,
                                    double quantile) {
  const auto found = std::ranges::find_if(summary.degradation, [&](const Degradation& d) {
    return d.agent == agent && d.measure == measure && d.quantile == quantile;
  });
  return found == summary.degradation.end() ? nullptr : &*found;
}

std::string times_as_many(std::uint64_t had, std::uint64_t needed) {
  if (had == 0) return {};
  const double times = static_cast<double>(needed) / static_cast<double>(had);
  if (times < 1.05) return ", a few more than there were,";
  return fmt::format(", {:.{}f} times as many,", times, times < 10 ? 1 : 0);
}

int exit_code(const Summary& summary) {
  if (!summary.inconclusive.empty()) return 5;
  return std::ranges::any_of(summary.slos, &SloOutcome::missed) ? 3 : 0;
}

}  // namespace kts::analysis
