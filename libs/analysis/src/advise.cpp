// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>
#include <set>
#include <utility>

#include "kts/analysis/modes.hpp"
#include "ratio.hpp"

namespace kts::analysis {
namespace {

// A way that costs the neighbours more than this share of what the kindest one leaves them is not
// taken only because it is quicker.
constexpr double kGoodShare = 0.9;

std::string number(double value) {
  const int decimals = value < 0.9995 ? 3 : value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  return fmt::format("{:.{}f}", value, decimals);
}

std::string ms(const Estimate& estimate) {
  std::string out = number(estimate.value.value_or(0)) + " ms";
  if (has_interval(estimate)) {
    out += fmt::format(" ({}–{})", number(*estimate.ci_low), number(*estimate.ci_high));
  }
  return out;
}

std::string kept(const ModeResult& mode) {
  return mode.kept_ratio.value ? fmt::format("{:.0f} %", *mode.kept_ratio.value * 100)
                               : "an unknown share";
}

bool can_conclude(const ModeResult& mode) { return mode.measured && mode.inconclusive.empty(); }

// What can be compared: a p99 with an interval, or a settled objective, in a run that can conclude.
bool is_settled(const ModeResult& mode) {
  return can_conclude(mode) && (has_interval(mode.p99) || mode.slo_met.has_value());
}

// What has no interval can't be told apart.
bool overlap(const Estimate& a, const Estimate& b) {
  if (!has_interval(a) || !has_interval(b)) return true;
  return *a.ci_low <= *b.ci_high && *b.ci_low <= *a.ci_high;
}

using Modes = std::vector<const ModeResult*>;

const ModeResult* quickest(const Modes& modes) {
  return *std::ranges::min_element(
      modes, {}, [](const ModeResult* mode) { return mode->p99.value.value_or(INFINITY); });
}
const ModeResult* kindest(const Modes& modes) {
  return *std::ranges::max_element(
      modes, {}, [](const ModeResult* mode) { return mode->kept_ratio.value.value_or(-1); });
}

struct Choice {
  const ModeResult* mode = nullptr;
  std::string reason;
  Modes alike = {};  // it, and the ways that do as well as far as these runs can tell
};

Modes those_sparing(const Modes& modes, double most) {
  Modes kind;
  std::ranges::copy_if(modes, std::back_inserter(kind), [&](const ModeResult* mode) {
    return mode->kept_ratio.value.value_or(0) >= kGoodShare * most;
  });
  return kind;
}

// The only settled way can still be told from others by what their p99 is at least.
Choice choose_only(const ModeResult& only, const std::vector<ModeResult>& all) {
  std::vector<std::string> beaten;
  bool beats_all = true;
  for (const ModeResult& mode : all) {
    if (&mode == &only || !can_conclude(mode)) continue;
    if (mode.p99.ci_low && only.p99.ci_high && *mode.p99.ci_low > *only.p99.ci_high) {
      beaten.push_back(
          fmt::format("{}'s is at least {} ms", mode.entry.way, number(*mode.p99.ci_low)));
    } else {
      beats_all = false;
    }
  }
  std::string reason = beats_all && !beaten.empty()
                           ? "its p99 is the lowest"
                           : "it is the only way whose p99 these runs can tell";
  if (!beaten.empty()) reason += fmt::format(" ({})", fmt::join(beaten, ", "));
  return {&only, std::move(reason)};
}

// Where no way has a p99: the ways by the highest quantile below it that all have an interval of,
// the lowest first. It recommends nothing; empty where there is nothing to compare.
std::string what_lower_quantiles_tell(const CompanyResult& company) {
  Modes modes;
  for (const ModeResult& mode : company.modes) {
    if (can_conclude(mode)) modes.push_back(&mode);
  }
  if (modes.size() < 2) return {};
  for (const Estimate ModeResult::*quantile : {&ModeResult::p95, &ModeResult::p50}) {
    const auto known = [&](const ModeResult* mode) { return has_interval(mode->*quantile); };
    if (!std::ranges::all_of(modes, known)) continue;
    std::ranges::stable_sort(modes, {}, [&](const ModeResult* mode) {
      return (mode->*quantile).value.value_or(INFINITY);
    });
    std::vector<std::string> each;
    for (const ModeResult* mode : modes) {
      each.push_back(fmt::format("{} {}", mode->entry.way, ms(mode->*quantile)));
    }
    return fmt::format(" {}, the highest quantile with intervals: {}.",
                       quantile == &ModeResult::p95 ? "p95" : "p50", fmt::join(each, ", "));
  }
  return {};
}

Choice choose(const Modes& settled, const CompanyResult& company, const AgentInfo& agent) {
  if (agent.slo_latency_ms) {
    Modes meeting;
    std::ranges::copy_if(settled, std::back_inserter(meeting),
                         [](const ModeResult* mode) { return mode->slo_met.value_or(false); });
    const std::string objective = fmt::format(
        "p{:g} at most {:g} ms", agent.slo_quantile.value_or(0.99) * 100, *agent.slo_latency_ms);
    if (!meeting.empty()) {
      const ModeResult* kind = kindest(meeting);
      return {kind,
              fmt::format("it meets the objective ({}), and {}", objective,
                          meeting.size() == 1 ? "no other way does"
                                              : "leaves the neighbours most of the ways that do"),
              those_sparing(meeting, kind->kept_ratio.value.value_or(0))};
    }
    return {quickest(settled), fmt::format("no way is sure to meet the objective ({}); this one "
                                           "comes nearest",
                                           objective)};
  }
  if (settled.size() == 1) return choose_only(*settled.front(), company.modes);
  const double most = kindest(settled)->kept_ratio.value.value_or(0);
  const Modes kind = those_sparing(settled, most);
  const ModeResult* first = quickest(kind);
  // Those that p99 can't tell from the quickest compete by what they leave the neighbours.
  Modes alike;
  std::ranges::copy_if(kind, std::back_inserter(alike),
                       [&](const ModeResult* mode) { return overlap(mode->p99, first->p99); });
  const ModeResult* chosen = kindest(alike);
  if (alike.size() == 1) {
    return {chosen, kind.size() == settled.size()
                        ? "its p99 is the lowest"
                        : "its p99 is the lowest of those that leave the neighbours nine tenths of "
                          "what the kindest does"};
  }
  std::vector<std::string> names;
  for (const ModeResult* mode : alike) {
    if (mode != chosen) names.push_back(mode->entry.way);
  }
  return {chosen,
          fmt::format("p99 can't tell it from {}, and it leaves the neighbours most",
                      fmt::join(names, ", ")),
          alike};
}

// Returns the ways that do as well as the best, itself among them.
std::set<std::string> advise(CompanyResult& company, const ModesSummary& summary) {
  Modes settled;
  for (const ModeResult& mode : company.modes) {
    if (is_settled(mode)) settled.push_back(&mode);
  }
  company.best.reset();
  if (settled.empty()) {
    const bool short_of_samples = std::ranges::any_of(company.modes, can_conclude);
    company.advice = fmt::format(
        "Beside {} nothing can be recommended: no way has a p99 with an interval from a run that "
        "can conclude{}.{}",
        company.company, short_of_samples ? "; longer blocks or more cycles give one" : "",
        what_lower_quantiles_tell(company));
    return {};
  }
  const Choice choice = choose(settled, company, summary.agent);
  company.best = static_cast<std::size_t>(choice.mode - company.modes.data());
  company.advice = fmt::format(
      "Beside {} take {}: {}. {}'s p99 is {}, and the neighbours keep {} "
      "of their rate.",
      company.company, choice.mode->entry.way, choice.reason, summary.agent.name,
      ms(choice.mode->p99), kept(*choice.mode));
  const ModeResult* quick = quickest(settled);
  if (quick != choice.mode && !overlap(quick->p99, choice.mode->p99)) {
    company.advice += fmt::format(" {} would bring p99 to {}, and leave them {}.", quick->entry.way,
                                  ms(quick->p99), kept(*quick));
  }
  const auto slicing = std::ranges::find_if(
      settled, [](const ModeResult* mode) { return mode->entry.way == "time-slicing"; });
  if (slicing != settled.end() && *slicing != choice.mode) {
    company.advice += fmt::format(" Under time-slicing it is {}, with {} kept.",
                                  ms((*slicing)->p99), kept(**slicing));
  }
  std::set<std::string> alike{choice.mode->entry.way};
  for (const ModeResult* mode : choice.alike) alike.insert(mode->entry.way);
  return alike;
}

// Whether it is sure to have a lower p99, or to meet the objective where the other isn't.
bool does_better(const ModeResult& mode, const ModeResult& other) {
  if (mode.slo_met == true && other.slo_met != true) return true;
  return mode.p99.ci_high && other.p99.ci_low && *mode.p99.ci_high < *other.p99.ci_low;
}

const ModeResult* mode_of(const CompanyResult& company, const std::string& way) {
  const auto mode = std::ranges::find_if(
      company.modes, [&](const ModeResult& each) { return each.entry.way == way; });
  return mode != company.modes.end() && can_conclude(*mode) ? &*mode : nullptr;
}

// Beside whom one way is sure to do better than another.
std::vector<std::string> where_better(const ModesSummary& summary, const std::string& way,
                                      const std::string& other) {
  std::vector<std::string> companies;
  for (const CompanyResult& company : summary.companies) {
    const ModeResult* mode = mode_of(company, way);
    const ModeResult* than = mode_of(company, other);
    if (mode && than && does_better(*mode, *than)) companies.push_back(company.company);
  }
  return companies;
}

// Ways of which now the one is sure to do better, now the other: who has only these to choose from
// has to know the neighbour, whatever else is best.
std::string what_turns_over(const ModesSummary& summary) {
  std::vector<std::string> ways;
  for (const CompanyResult& company : summary.companies) {
    for (const ModeResult& mode : company.modes) {
      if (std::ranges::find(ways, mode.entry.way) == ways.end()) ways.push_back(mode.entry.way);
    }
  }
  std::string text;
  for (auto way = ways.begin(); way != ways.end(); ++way) {
    // Where it is better and where the others are, with those others.
    std::map<std::pair<std::string, std::string>, std::vector<std::string>> others;
    for (auto other = std::next(way); other != ways.end(); ++other) {
      const auto here = where_better(summary, *way, *other);
      const auto there = where_better(summary, *other, *way);
      if (here.empty() || there.empty()) continue;
      others[{fmt::format("{}", fmt::join(here, ", ")), fmt::format("{}", fmt::join(there, ", "))}]
          .push_back(*other);
    }
    for (const auto& [companies, which] : others) {
      const auto alternatives = fmt::format("{}", fmt::join(which, " or "));
      text += fmt::format(
          " Between {} and {} it depends on the neighbour: {} is better beside {}, {} beside {}.",
          *way, alternatives, *way, companies.first, alternatives, companies.second);
    }
  }
  return text;
}

// Of each company the best, kept apart from those that do as well everywhere.
std::string over_all(const std::vector<std::string>& choices, const std::set<std::string>& best,
                     const std::set<std::string>& everywhere, bool all) {
  if (best.size() == 1) {
    return fmt::format("Take {}: it is best {}.", *best.begin(),
                       all ? "beside every neighbour here" : "wherever the runs can conclude");
  }
  if (!everywhere.empty()) {
    return fmt::format(
        "Take {}: {} it is best, or does as well as the best as far as these runs "
        "can tell ({}).",
        *everywhere.begin(), all ? "beside every neighbour here" : "wherever the runs can conclude",
        fmt::join(choices, ", "));
  }
  return fmt::format("It depends on the neighbour: {}.", fmt::join(choices, ", "));
}

// Of each company the ways that do as well as the best; none where nothing can be recommended.
using Alike = std::vector<std::set<std::string>>;

Alike advise_alone(ModesSummary& summary) {
  Alike all;
  std::set<std::string> best;
  std::set<std::string> everywhere;
  std::vector<std::string> choices;
  for (CompanyResult& company : summary.companies) {
    const std::set<std::string> alike = advise(company, summary);
    all.push_back(alike);
    if (!company.best) continue;
    if (choices.empty()) {
      everywhere = alike;
    } else {
      std::erase_if(everywhere, [&](const std::string& way) { return !alike.contains(way); });
    }
    const std::string& way = company.modes[*company.best].entry.way;
    best.insert(way);
    choices.push_back(fmt::format("{} beside {}", way, company.company));
  }
  if (choices.empty()) {
    summary.advice = "Nothing can be recommended: the runs can't conclude.";
  } else if (summary.companies.size() == 1) {
    summary.advice = summary.companies.front().advice;
  } else {
    summary.advice =
        over_all(choices, best, everywhere, choices.size() == summary.companies.size());
    if (best.size() == 1 || !everywhere.empty()) summary.advice += what_turns_over(summary);
  }
  return all;
}

// The way that the compared agent was advised in the company of this run; empty: none.
std::string advised_in(const ModesSummary& compared, const std::string& run) {
  for (const CompanyResult& company : compared.companies) {
    if (!company.best) continue;
    const bool here = std::ranges::any_of(
        company.modes, [&](const ModeResult& mode) { return mode.entry.folder == run; });
    if (here) return company.modes[*company.best].entry.way;
  }
  return {};
}

// Where another light agent does better than under the way that the compared one is advised.
std::string what_suits(const ModesSummary& other, const Alike& alike,
                       const ModesSummary& compared) {
  std::vector<std::string> choices;
  for (std::size_t i = 0; i < other.companies.size(); ++i) {
    const CompanyResult& company = other.companies[i];
    if (!company.best) continue;
    const ModeResult& best = company.modes[*company.best];
    const std::string way = advised_in(compared, best.entry.folder);
    if (way.empty() || alike[i].contains(way)) continue;
    const auto advised = std::ranges::find(company.modes, way,
                                           [](const ModeResult& mode) { return mode.entry.way; });
    if (advised == company.modes.end() || !does_better(best, *advised)) continue;
    choices.push_back(fmt::format("under {}{} (p99 {}, under {} {}{})", best.entry.way,
                                  other.companies.size() == 1 ? "" : " beside " + company.company,
                                  ms(best.p99), way,
                                  advised->p99.value ? ms(advised->p99) : "unknown",
                                  best.slo_met == true && advised->slo_met != true
                                      ? "; only there it is sure to meet its objective"
                                      : ""));
  }
  if (choices.empty()) return {};
  return fmt::format(" {} does better {}.", other.agent.name, fmt::join(choices, ", "));
}

}  // namespace

void advise(ModesSummary& summary) {
  advise_alone(summary);
  for (ModesSummary& other : summary.others) {
    const Alike alike = advise_alone(other);
    summary.advice += what_suits(other, alike, summary);
  }
}

std::vector<std::string> inconclusive(const ModesSummary& summary) {
  std::vector<std::string> reasons = summary.spoilt;
  std::vector<std::string> open;
  for (const CompanyResult& company : summary.companies) {
    if (!company.best) open.push_back(company.company);
  }
  if (!open.empty()) {
    reasons.push_back(fmt::format("nothing can be recommended beside {}", fmt::join(open, " or ")));
  }
  return reasons;
}

int exit_code(const ModesSummary& summary) {
  if (!inconclusive(summary).empty()) return static_cast<int>(ErrorCode::kInconclusive);
  bool all_missed = summary.agent.slo_latency_ms.has_value();
  for (const CompanyResult& company : summary.companies) {
    for (const ModeResult& mode : company.modes) {
      all_missed = all_missed && (!mode.measured || mode.slo_met == false);
    }
  }
  return all_missed ? static_cast<int>(ErrorCode::kGateFailed) : 0;
}

}  // namespace kts::analysis
