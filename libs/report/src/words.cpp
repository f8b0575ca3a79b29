// SPDX-License-Identifier: Apache-2.0
#include "words.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "format.hpp"
#include "kts/base/text.hpp"
#include "kts/report/report.hpp"
#include "kts/stats/verdict.hpp"

namespace kts::report {
namespace {

using analysis::Attribution;
using analysis::Degradation;
using analysis::Estimate;
using analysis::Measure;
using analysis::MeasureResult;
using analysis::Phase;
using analysis::SloOutcome;
using analysis::Verdict;

// A change of the mean rate that a dashboard would hardly show.
constexpr double kQuietRateChange = 0.05;
// Event time that shows less than this part of the growth of latency understates it.
constexpr double kUnderstated = 0.67;

std::string with_interval(const Estimate& ratio) {
  const std::string bounds = bounds_words(ratio);
  return times(*ratio.value) + (bounds.empty() ? "" : ", " + bounds);
}

bool changes(const Estimate& ratio) {
  if (!ratio.value) return false;
  const Verdict verdict = stats::judge({ratio.ci_low, ratio.ci_high});
  return verdict == Verdict::kHurt || verdict == Verdict::kHelped;
}

// The agents of a chain are no neighbours of each other, nor of it.
std::string neighbours_of(const Summary& summary, const analysis::AgentInfo& agent) {
  std::vector<std::string_view> others;
  for (const auto& info : summary.agents) {
    const bool together = info.name == agent.name || info.is_chain ||
                          (!agent.party.empty() && info.party == agent.party);
    if (!together) others.emplace_back(info.name);
  }
  if (others.size() == 1) return std::string(others[0]);
  if (others.size() == 2) return fmt::format("{} and {}", others[0], others[1]);
  return fmt::format("{} other agents", others.size());
}

std::string under_mode(const Summary& summary) {
  return summary.sharing.empty() ? "Beside" : fmt::format("Under {} beside", summary.sharing);
}

std::string p99_change(const AgentView& view) {
  return fmt::format("{} ms alone, {} ms shared", number(view.solo->p99.value),
                     number(view.shared->p99.value));
}

bool both_phases(const AgentView& view) { return view.solo != nullptr && view.shared != nullptr; }

std::string hurt_sentence(const Summary& summary, const AgentView& view) {
  std::string sentence =
      fmt::format("{} {}, {}'s p99 latency is {} what it is alone ({}): {} ms instead of {} ms",
                  under_mode(summary), neighbours_of(summary, *view.info), view.info->name,
                  times(*view.df->ratio.value), bounds_words(view.df->ratio),
                  number(view.shared->p99.value), number(view.solo->p99.value));
  if (view.rates.ratio) {
    sentence += fmt::format(", while its mean rate changes by {}", percent(*view.rates.ratio - 1));
  }
  return sentence + ".";
}

std::string finding_about(const Summary& summary, const AgentView& view) {
  if (view.overload != nullptr) return overload_sentence(view);
  if (view.df == nullptr || !view.df->ratio.value || !both_phases(view)) {
    return fmt::format("{} has no shared latency to compare with its solo latency.",
                       view.info->name);
  }
  switch (view.df->verdict) {
    case Verdict::kHurt:
      return hurt_sentence(summary, view);
    case Verdict::kFree:
      return fmt::format("{} {}, {}'s p99 latency is as good as alone ({}).", under_mode(summary),
                         neighbours_of(summary, *view.info), view.info->name,
                         with_interval(view.df->ratio));
    case Verdict::kHelped:
      return fmt::format("{} {}, {}'s p99 latency is lower than alone: {} ({}).",
                         under_mode(summary), neighbours_of(summary, *view.info), view.info->name,
                         p99_change(view), with_interval(view.df->ratio));
    case Verdict::kCannotConclude:
      return cannot_conclude_sentence(view);
  }
  return {};
}

// The agent that the finding is about: hurt comes before what can't be told, that before free.
int weight(const AgentView& view) {
  if (view.overload != nullptr) return 4;
  if (view.df == nullptr) return 0;
  switch (view.df->verdict) {
    case Verdict::kHurt:
      return 5;
    case Verdict::kCannotConclude:
      return 3;
    case Verdict::kHelped:
      return 2;
    case Verdict::kFree:
      return 1;
  }
  return 0;
}

// "memory used, GiB" of memory_used_bytes; a name of somebody else's, as DCGM's, stays as it is.
struct Reading {
  std::string words;
  double scale = 1;

  explicit Reading(std::string_view field) {
    struct Unit {
      std::string_view suffix, words;
      double scale;
    };
    constexpr std::array<Unit, 6> kUnits{{{"_bytes", "GiB", 1.0 / (1 << 30)},
                                          {"_kb_per_s", "MB/s", 1e-3},
                                          {"_mhz", "MHz", 1},
                                          {"_watts", "W", 1},
                                          {"_celsius", "°C", 1},
                                          {"_percent", "%", 1}}};
    constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kShort{
        {{"sm", "SM"}, {"gpu", "GPU"}, {"dram", "DRAM"}, {"pcie", "PCIe"}}};
    const auto unit = std::ranges::find_if(
        kUnits, [field](const Unit& one) { return field.ends_with(one.suffix); });
    if (unit == kUnits.end()) {
      words = field;
      return;
    }
    words = field.substr(0, field.size() - unit->suffix.size());
    std::ranges::replace(words, '_', ' ');
    for (const auto& [small, right] : kShort) {
      if (words == small || words.starts_with(std::string(small) + " ")) {
        words.replace(0, small.size(), right);
      }
    }
    words += fmt::format(", {}", unit->words);
    scale = unit->scale;
  }
};

}  // namespace

namespace {

Rates rates_of(const Summary& summary, const AgentView& view) {
  Rates rates;
  rates.achieved = summary.source != "KTS_APP v1";
  const auto rate = [&](Phase phase) -> std::optional<double> {
    const auto find = [&](Measure measure) {
      return find_result(summary, view.info->name, phase, measure);
    };
    const auto* latency = find(Measure::kLatency);
    const auto* gpu_time = find(Measure::kGpuTime);
    if (rates.achieved) return latency ? latency->rate_achieved.value : std::nullopt;
    const auto* result = gpu_time ? gpu_time : latency;
    return result ? result->rate_proxy_per_s : std::nullopt;
  };
  rates.solo = rate(Phase::kSolo);
  rates.shared = rate(Phase::kShared);
  if (view.change != nullptr) {
    rates.ratio = rates.achieved ? view.change->rate_achieved_ratio : view.change->rate_proxy_ratio;
  }
  return rates;
}

}  // namespace

bool is_cpu(const analysis::DeviceInfo& device) { return device.kind == "cpu"; }

DeviceWords device_words(const analysis::DeviceInfo& device) {
  return is_cpu(device) ? DeviceWords{"device time", "Device time", "device time"}
                        : DeviceWords{"CUDA events' time", "Event time", "events"};
}

std::string_view cause_words(const analysis::DeviceInfo& device, analysis::Cause cause) {
  return is_cpu(device) && cause == analysis::Cause::kSharing ? "sharing the core and its caches"
                                                              : words(cause);
}

std::vector<AgentView> views(const Summary& summary) {
  std::vector<AgentView> out;
  for (const auto& info : summary.agents) {
    AgentView view;
    view.info = &info;
    view.solo = find_result(summary, info.name, Phase::kSolo, Measure::kLatency);
    view.shared = find_result(summary, info.name, Phase::kShared, Measure::kLatency);
    view.df = find_degradation(summary, info.name, Measure::kLatency, 0.99);
    for (const double quantile : {0.95, 0.5}) {
      const auto* df = find_degradation(summary, info.name, Measure::kLatency, quantile);
      if (view.df_lower == nullptr && df != nullptr && changes(df->ratio)) view.df_lower = df;
    }
    view.df_gpu_time = find_degradation(summary, info.name, Measure::kGpuTime, 0.99);
    for (const auto& load : summary.loads) {
      if (load.agent == info.name && load.overloaded) view.overload = &load;
    }
    for (const auto& change : summary.findings) {
      if (change.agent == info.name) view.change = &change;
    }
    view.rates = rates_of(summary, view);
    out.push_back(view);
  }
  return out;
}

std::string sample_counts(const MeasureResult* solo, const MeasureResult* shared) {
  const auto n = [](const MeasureResult* result) {
    return count(result == nullptr ? 0 : result->n);
  };
  return fmt::format("n {} solo, {} shared", n(solo), n(shared));
}
std::string sample_counts(const AgentView& view) { return sample_counts(view.solo, view.shared); }

bool has_values(const MeasureResult* solo, const MeasureResult* shared) {
  const auto has = [](const MeasureResult* r) { return r != nullptr && r->p50.value.has_value(); };
  return has(solo) || has(shared);
}

bool has_values(const Attribution& attribution) {
  return std::any_of(attribution.parts.begin(), attribution.parts.end(),
                     [](const analysis::PartGrowth& part) { return part.growth_ms.has_value(); });
}

std::string verdict_words(const AgentView& view) {
  if (view.overload != nullptr) return "overloaded";
  if (view.shared == nullptr) return "not shared";
  return std::string(name(view.df == nullptr ? Verdict::kCannotConclude : view.df->verdict));
}

std::string finding(const Summary& summary) {
  if (summary.agents.empty()) return "This run has no agents.";
  if (!summary.inconclusive.empty()) {
    return fmt::format("This run can't support a conclusion: {}.",
                       printable(summary.inconclusive.front()));
  }
  const auto all = views(summary);
  const bool any_slo = std::any_of(all.begin(), all.end(), [](const AgentView& v) {
    return v.info->slo_latency_ms.has_value();
  });
  // Without one a chain leads: its whole way is what its agents are for.
  const bool any_chain =
      std::any_of(all.begin(), all.end(), [](const AgentView& v) { return v.info->is_chain; });
  const AgentView* chosen = nullptr;
  std::size_t hurt = 0;
  for (const auto& view : all) {
    hurt += weight(view) == 5 ? 1 : 0;
    if (any_slo ? !view.info->slo_latency_ms.has_value() : any_chain && !view.info->is_chain) {
      continue;
    }
    const auto ratio = [](const AgentView& v) { return v.df ? v.df->ratio.value.value_or(0) : 0; };
    if (chosen == nullptr || weight(view) > weight(*chosen) ||
        (weight(view) == weight(*chosen) && ratio(view) > ratio(*chosen))) {
      chosen = &view;
    }
  }
  if (all.size() == 1) {
    const std::string p99 =
        chosen->solo == nullptr ? std::string(kAbsent) : number(chosen->solo->p99.value);
    return fmt::format("{} ran alone (p99 latency {} ms), so there is nothing to compare.",
                       printable(chosen->info->name), p99);
  }
  std::string sentence = finding_about(summary, *chosen);
  if (hurt > 1 && weight(*chosen) == 5) {
    sentence.pop_back();
    sentence += fmt::format("; {} of {} agents are hurt.", hurt, all.size());
  }
  return printable(sentence);
}

std::string headline(const Summary& summary) {
  return summary.inconclusive.empty() ? finding(summary) : "This run can't support a conclusion.";
}

std::string overload_sentence(const AgentView& view) {
  if (view.overload == nullptr) return {};
  return fmt::format(
      "{} was overloaded in its {} blocks ({}/s completed of {}/s offered), so its latency grows "
      "for as long as one measures and no degradation factor is given.",
      view.info->name, name(view.overload->phase), number(view.overload->completed_per_s, 4),
      number(view.overload->offered_per_s, 4));
}

std::string averages_sentence(const AgentView& view) {
  if (!both_phases(view) || view.overload != nullptr || !view.solo->p99.value ||
      !view.shared->p99.value)
    return {};
  std::string p99 = fmt::format("p99 latency: {}", p99_change(view));
  if (view.df != nullptr && view.df->ratio.value) {
    p99 += fmt::format(" ({})", with_interval(view.df->ratio));
  }
  const Rates& rates = view.rates;
  if (!rates.solo || !rates.shared || !rates.ratio) return p99 + ".";
  const double change = *rates.ratio - 1;
  const bool hurt = view.df != nullptr && view.df->verdict == Verdict::kHurt;
  const std::string_view lead = !hurt                                 ? "Mean rate"
                                : std::abs(change) < kQuietRateChange ? "The mean rate hides it"
                                                                      : "The mean rate moves too";
  return fmt::format("{}: {}/s alone, {}/s shared ({}){}; {}.", lead, number(*rates.solo, 4),
                     number(*rates.shared, 4), percent(change),
                     rates.achieved ? "" : ", as 1000 / mean ms", p99);
}

std::string event_time_sentence(const Summary& summary, const AgentView& view) {
  if (view.df == nullptr || view.df->verdict != Verdict::kHurt || !view.df->ratio.value) return {};
  const std::string_view time = device_words(summary.device).time_first;
  if (view.change == nullptr || view.df_gpu_time == nullptr || !view.df_gpu_time->ratio.value) {
    return fmt::format("{} was not recorded, so whether it would have shown this is unknown.",
                       time);
  }
  const Estimate& event = view.df_gpu_time->ratio;
  const std::string said = fmt::format("p99 of gpu_time is {}", with_interval(event));
  if (!view.change->event_time_misses_it) {
    const double shown = (*event.value - 1) / (*view.df->ratio.value - 1);
    return shown < kUnderstated ? fmt::format("{} alone would have understated it: {}.", time, said)
                                : fmt::format("{} alone would have shown it: {}.", time, said);
  }
  // Missed for certain, or too uncertain to tell.
  return event.ci_high && *event.ci_high <= stats::kHurtAbove
             ? fmt::format("{} alone would have missed it: {}.", time, said)
             : fmt::format("{} alone would not have settled it: {}.", time, said);
}

std::string token_rate_sentence(const AgentView& view) {
  const auto rate = [](const MeasureResult* result) {
    return result == nullptr ? std::optional<double>() : result->output_tokens_per_s;
  };
  const auto solo = rate(view.solo);
  const auto shared = rate(view.shared);
  if (!solo && !shared) return {};
  const auto words = [](const std::optional<double>& r) {
    return r ? number(*r, 4) : std::string(kAbsent);
  };
  std::string sentence =
      fmt::format("{}: {} output tokens a second alone", view.info->name, words(solo));
  if (view.shared != nullptr) sentence += fmt::format(", {} shared", words(shared));
  if (solo && shared && *solo > 0) sentence += fmt::format(" ({})", percent(*shared / *solo - 1));
  return sentence + ".";
}

std::string growth_sentence(const Attribution& attribution) {
  const analysis::PartGrowth* largest = nullptr;
  for (const auto& part : attribution.parts) {
    if (part.growth_ms && (largest == nullptr || *part.growth_ms > *largest->growth_ms)) {
      largest = &part;
    }
  }
  if (largest == nullptr || !attribution.latency_growth_ms || *attribution.latency_growth_ms <= 0 ||
      *largest->growth_ms <= 0) {
    return {};
  }
  return fmt::format("At {}, {} of the {} ms that latency grew by is {}.", attribution.at,
                     fmt::format("{} ms", number(*largest->growth_ms)),
                     number(*attribution.latency_growth_ms), record::info(largest->part).name);
}

namespace {

// What others' turns cause.
bool is_wait(analysis::Cause cause) {
  using analysis::Cause;
  switch (cause) {
    case Cause::kEarlierWaits:
    case Cause::kTurns:
    case Cause::kSwitches:
    case Cause::kSwitchedOut:
    case Cause::kSwitchesMidWork:
      return true;
    case Cause::kEarlierWork:
    case Cause::kLaunch:
    case Cause::kExecution:
    case Cause::kSharing:
      break;
  }
  return false;
}

// Of the agent at that place, how long it waits for whom of whom it isn't known how much longer
// than alone: "guard 6.90 ms, tool 1.20 ms".
std::string waits_of_unknown_growth(const Summary& summary, std::string_view agent,
                                    std::string_view at) {
  std::string whom;
  for (const auto& wait : summary.waits) {
    if (wait.agent != agent || wait.at != at || wait.growth.value) continue;
    const std::string ms = number(wait.ms.value);
    if (ms == "0") continue;
    whom += fmt::format("{}{} {} ms", whom.empty() ? "" : ", ", wait.on, ms);
  }
  return whom;
}

bool waits_alone(const analysis::Wait& wait) { return number(wait.solo_ms.value_or(0)) != "0"; }

const analysis::Explanation* largest_but_waits(const Attribution& growth) {
  const analysis::Explanation* largest = nullptr;
  for (const auto& e : growth.explained) {
    if (!e.ms.value || is_wait(e.cause)) continue;
    if (largest == nullptr || *e.ms.value > *largest->ms.value) largest = &e;
  }
  return largest;
}

}  // namespace

std::string wait_sentence(const Summary& summary, std::string_view agent) {
  const auto of_agent = [&](std::string_view at) {
    std::vector<const analysis::Wait*> waits;
    for (const auto& wait : summary.waits) {
      if (wait.agent == agent && wait.at == at && wait.growth.value) waits.push_back(&wait);
    }
    return waits;
  };
  for (const std::string_view at : {"p99", "p95", "mean"}) {
    std::vector<const analysis::Wait*> waits = of_agent(at);
    if (waits.empty()) continue;
    const auto growth = std::ranges::find_if(summary.attribution, [&](const Attribution& a) {
      return a.agent == agent && a.at == at && a.latency_growth_ms;
    });
    if (growth == summary.attribution.end() || !(*growth->latency_growth_ms > 0)) return {};
    std::ranges::stable_sort(
        waits, [](const auto* a, const auto* b) { return *a->growth.value > *b->growth.value; });
    std::string whom;
    for (const auto* wait : waits) {
      if (number(std::max(0.0, *wait->growth.value)) == "0") continue;
      whom += fmt::format("{}{} ms for {}", whom.empty() ? "" : ", ", number(wait->growth.value),
                          wait->on);
      if (waits_alone(*wait)) whom += fmt::format(" ({} ms in all)", number(wait->ms.value));
    }
    const std::string where = at == "mean" ? "on average" : fmt::format("at {}", at);
    const std::string unknown = waits_of_unknown_growth(summary, agent, at);
    const analysis::Wait& most = *waits.front();
    std::string sentence;
    if (!whom.empty()) {
      sentence = fmt::format(
          "{} waits longer than alone: {} {}, where its latency grew by {} ms (estimated; of {} "
          "for {}, {} ms in its own queue, {} ms before its work and {} ms in the middle of it).",
          agent, where, whom, number(growth->latency_growth_ms),
          waits_alone(most) ? fmt::format("all {} ms", number(most.ms.value)) : "the time", most.on,
          number(most.backlog_ms), number(most.gpu_wait_ms), number(most.gpu_time_ms));
    }
    // What isn't known may be more than all that is.
    if (!unknown.empty()) {
      return fmt::format("{}{} waits {} for {} in all; how much longer than alone isn't known.",
                         sentence.empty() ? "" : sentence + " ", agent, where, unknown);
    }
    if (sentence.empty()) {
      if (std::ranges::none_of(waits, [](const auto* wait) { return waits_alone(*wait); })) {
        return {};
      }
      sentence =
          fmt::format("{} waits for nobody longer than alone {}, where its latency grew by {} ms.",
                      agent, where, number(growth->latency_growth_ms));
    }
    double waited = 0;
    for (const auto* wait : waits) waited += *wait->growth.value;
    if (const auto* more = largest_but_waits(*growth);
        more != nullptr && *more->ms.value > std::max(waited, 0.0)) {
      sentence += fmt::format(" More of the growth, {} ms, is {}.", number(*more->ms.value),
                              cause_words(summary.device, more->cause));
    }
    return sentence;
  }
  return {};
}

std::string turn_sentence(const Summary& summary) {
  if (!summary.turns) return {};
  const analysis::TurnFigures& turns = *summary.turns;
  if (!turns.slice_ms || !turns.switch_ms) {
    return turns.missing.empty()
               ? ""
               : fmt::format("How long turns are isn't known: {}.", turns.missing);
  }
  return fmt::format("A turn is {} ms and a switch {} ms ({}).", number(turns.slice_ms),
                     number(turns.switch_ms), turns.source);
}

std::vector<std::vector<std::string>> cause_table(const Summary& summary) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& a : summary.attribution) {
    for (const auto& e : a.explained) {
      if (!e.ms.value && (a.at != "mean" || e.missing.empty())) continue;
      // Said once, below the table.
      const bool of_turns = summary.turns && e.missing == summary.turns->missing;
      rows.push_back({a.agent, a.at, std::string(record::info(e.part).name),
                      std::string(cause_words(summary.device, e.cause)), number(e.ms.value),
                      interval(e.ms),
                      e.ms.value ? (e.estimated ? "estimated" : "measured")
                      : of_turns ? "not known"
                                 : e.missing});
    }
  }
  if (!rows.empty()) {
    rows.insert(rows.begin(), {"agent", "at", "part", "made of", "ms", "95 % interval", "basis"});
  }
  return rows;
}

std::vector<std::vector<std::string>> wait_table(const Summary& summary, std::string_view at) {
  if (std::ranges::none_of(summary.waits,
                           [&](const analysis::Wait& wait) { return wait.at == at; })) {
    return {};
  }
  std::vector<std::vector<std::string>> rows(1, {"waits longer"});
  // The device works for a chain's agents, not for the chain.
  for (const auto& on : summary.agents) {
    if (!on.is_chain) rows.front().push_back("for " + on.name);
  }
  for (const auto& agent : summary.agents) {
    if (agent.is_chain) continue;
    std::vector<std::string> cells{agent.name};
    for (const auto& on : summary.agents) {
      if (on.is_chain) continue;
      const auto wait = std::ranges::find_if(summary.waits, [&](const analysis::Wait& w) {
        return w.at == at && w.agent == agent.name && w.on == on.name;
      });
      if (wait == summary.waits.end()) {
        cells.emplace_back(agent.name == on.name ? "" : kAbsent);
        continue;
      }
      std::string cell = bounded(wait->growth);
      // Added to 0, what rounds to it has no sign.
      if (wait->growth_ratio) {
        const double share = std::round(100 * *wait->growth_ratio) + 0.0;
        cell += fmt::format(", {}{:.0f} %", share < 0 ? "−" : "", std::abs(share));
      }
      if (waits_alone(*wait) || !wait->growth.value) {
        cell += fmt::format("; {} in all", number(wait->ms.value));
      }
      cells.push_back(std::move(cell));
    }
    const bool known = std::ranges::any_of(
        cells.begin() + 1, cells.end(),
        [](const std::string& cell) { return !cell.empty() && cell != kAbsent; });
    if (known) rows.push_back(std::move(cells));
  }
  return rows;
}

std::string_view wait_caption(const Summary& summary) {
  return std::ranges::any_of(summary.waits, waits_alone)
             ? "How much longer the row waits for the column than it does alone: ms with its 95 % "
               "interval, and the share of what the row's latency grew by. Agents of a chain wait "
               "for each other alone as well: after it stands how long they wait in all."
             : "How much longer the row waits for the column than alone, where it waits for "
               "nobody: "
               "ms with its 95 % interval, and the share of what the row's latency grew by.";
}

std::vector<std::vector<std::string>> left_out_table(const Summary& summary) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& left : summary.left_out) {
    std::string told(name(left.agreement));
    if (left.agreement == analysis::LeftOutCheck::kDiffers) {
      told += fmt::format(" by {} ms", number(*left.drop.value - *left.predicted.value));
    }
    if (!left.missing.empty()) told += ": " + left.missing;
    if (left.cycles_needed) {
      told += fmt::format("; about {} cycles would do", count(*left.cycles_needed));
    }
    rows.push_back({left.agent, left.left_out, left.at, std::move(told), bounded(left.waited),
                    bounded(left.predicted), bounded(left.drop), std::to_string(left.blocks)});
  }
  if (!rows.empty()) {
    rows.insert(rows.begin(), {"agent", "without", "at", "agreement", "waited for it",
                               "predicted drop", "measured drop", "cycles"});
  }
  return rows;
}

std::string left_out_sentence(const Summary& summary) {
  using analysis::LeftOutCheck;
  if (summary.left_out.empty()) return {};
  std::size_t agree = 0;
  std::vector<std::string> differ;
  std::size_t open = 0;
  std::uint64_t cycles = 0;
  const bool by_model = summary.left_out.front().by_model;
  for (const auto& left : summary.left_out) {
    agree += left.agreement == LeftOutCheck::kAgrees;
    open += left.agreement == LeftOutCheck::kCannotTell;
    cycles = std::max(cycles, left.cycles_needed.value_or(0));
    if (left.agreement == LeftOutCheck::kDiffers) {
      differ.push_back(fmt::format("{} without {} ({})", left.agent, left.left_out, left.at));
    }
  }
  std::string sentence =
      fmt::format("Left out one by one: the drop of the others' latency is as {} in {} of {} cases",
                  by_model ? "the model of turns predicts" : "long as they waited for it", agree,
                  summary.left_out.size());
  if (!differ.empty()) {
    sentence += fmt::format("; it differs for {}", differ.front());
    if (differ.size() > 1) sentence += fmt::format(" and {} more", differ.size() - 1);
  }
  if (open > 0) {
    sentence += fmt::format("; {} can't be told", open);
    if (cycles > 0) sentence += fmt::format(": a run of up to {} cycles would tell", count(cycles));
  }
  return sentence + ".";
}

std::vector<std::vector<std::string>> turn_table(const Summary& summary) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& check : summary.turn_checks) {
    std::vector<std::string> cells{check.agent};
    for (const auto& pair : {check.p50, check.p95, check.p99}) {
      cells.push_back(number(pair.measured_ms) + " / " + number(pair.model_ms));
    }
    rows.push_back(std::move(cells));
  }
  if (!rows.empty()) rows.insert(rows.begin(), {"agent", "p50", "p95", "p99"});
  return rows;
}

std::string cannot_conclude_sentence(const AgentView& view) {
  if (view.shared == nullptr || view.overload != nullptr) return {};
  if (view.df != nullptr && view.df->verdict != Verdict::kCannotConclude) return {};
  std::string sentence =
      fmt::format("What sharing does to {}'s p99 latency can't be concluded", view.info->name);
  std::string lower;
  if (view.df_lower != nullptr) {
    const Estimate& ratio = view.df_lower->ratio;
    lower = fmt::format(" Its {} surely changes: it is {} what it is alone ({}).",
                        quantile_name(view.df_lower->quantile), times(*ratio.value),
                        bounds_words(ratio));
  }
  if (view.df == nullptr || !view.df->ratio.value) {
    return sentence + ": there is no estimate." + lower;
  }
  sentence +=
      interval(view.df->ratio).empty()
          ? fmt::format(": the estimate is {} without an interval", times(*view.df->ratio.value))
          : fmt::format(": the estimate is {}", with_interval(view.df->ratio));
  if (view.df->samples_needed) {
    const std::uint64_t had = std::max(view.solo == nullptr ? 0 : view.solo->n, view.shared->n);
    sentence +=
        fmt::format("; about {} samples a phase{} would settle it", count(*view.df->samples_needed),
                    analysis::times_as_many(had, *view.df->samples_needed));
  }
  return sentence + "." + lower;
}

std::string slo_sentence(const Summary& summary, const SloOutcome& slo) {
  const std::string quantile = quantile_name(slo.quantile);
  const std::string target = fmt::format("{}", slo.target_ms);
  if (!slo.shared.value) {
    const bool overloaded = std::ranges::any_of(summary.loads, [&](const analysis::Load& load) {
      return load.agent == slo.agent && load.overloaded;
    });
    return fmt::format("{}: its objective ({} of latency at most {} ms) can't be judged: {}.",
                       slo.agent, quantile, target,
                       overloaded
                           ? "it can't keep up, and its latency grows for as long as that lasts"
                           : "there is no estimate");
  }
  const std::string bounds = bounds_words(slo.shared);
  return fmt::format("{}: {} of shared latency is {} ms{}; its objective of {} ms is {}.",
                     slo.agent, quantile, number(slo.shared.value),
                     bounds.empty() ? "" : fmt::format(" ({})", bounds), target,
                     slo.missed ? "missed"
                     : slo.met  ? "met"
                                : "neither met nor missed for certain");
}

std::vector<std::string> open_questions(const std::vector<AgentView>& all) {
  constexpr std::size_t kTold = 3;
  std::vector<std::string> out;
  std::size_t others = 0;
  for (const AgentView& view : all) {
    std::string sentence = cannot_conclude_sentence(view);
    if (sentence.empty()) continue;
    if (out.size() < kTold) {
      out.push_back(std::move(sentence));
    } else {
      ++others;
    }
  }
  if (others > 0)
    out.push_back(fmt::format("And so for {} more agent{}; see {} verdict{}.", others,
                              others == 1 ? "" : "s", others == 1 ? "its" : "their",
                              others == 1 ? "" : "s"));
  return out;
}

std::vector<std::string> objective_sentences(const Summary& summary) {
  std::vector<std::string> out;
  std::size_t unjudged = 0;
  for (const auto& slo : summary.slos) {
    if (slo.shared.value || unjudged++ == 0) out.push_back(slo_sentence(summary, slo));
  }
  if (unjudged > 1) {
    out.push_back(fmt::format("{} more objective{} can't be judged.", unjudged - 1,
                              unjudged == 2 ? "" : "s"));
  }
  return out;
}

std::string missed_objectives(const Summary& summary) {
  std::string out;
  for (const auto& slo : summary.slos) {
    if (slo.missed) out += (out.empty() ? "" : " ") + slo_sentence(summary, slo);
  }
  return out;
}

std::string method_sentence(const Summary& summary) {
  return summary.within_run_only
             ? "Intervals are within-run only: each phase is one block, cut into 20 equal time "
               "segments that stand in for repeats, so what differs from run to run is not in them."
             : "Intervals (95 %) come from the spread between blocks; DF is the shared quantile "
               "over the solo quantile of the same agent in the same run.";
}

std::vector<std::pair<std::string, std::string>> run_facts(const Summary& summary) {
  std::vector<std::pair<std::string, std::string>> facts;
  const auto add = [&](std::string label, const std::string& value) {
    if (!value.empty()) facts.emplace_back(std::move(label), value);
  };
  add("run", summary.run_id);
  add("started", summary.started);
  if (summary.duration_s > 0) add("duration", number(summary.duration_s) + " s");
  add("sharing", summary.sharing != "streams" ? summary.sharing
                 : is_cpu(summary.device)
                     ? "streams: threads of one process"
                     : "streams: threads of one process, whose waits for its common launch lock "
                       "are in the latency");
  add("device", summary.device.name.empty() ? summary.device.kind : summary.device.name);
  if (is_cpu(summary.device)) {
    add("measured on", "one CPU core, where the operating system's scheduler plays the GPU's part");
  }
  add("device id", summary.device.uuid);
  add("driver", summary.device.driver);
  add("records", summary.source);
  return facts;
}

namespace {

constexpr std::size_t kKernelsTold = 10;
constexpr std::size_t kKernelNameWidth = 60;

}  // namespace

std::vector<std::vector<std::string>> kernel_use_table(const Summary& summary) {
  if (summary.kernels.empty()) return {};
  std::vector<std::vector<std::string>> rows{
      {"agent", "phase", "iterations", "kernels each", "gpu_time ms", "busy ms", "gaps ms"}};
  for (const auto& use : summary.kernels) {
    std::optional<double> each;
    if (use.iterations > 0) {
      each = static_cast<double>(use.n) / static_cast<double>(use.iterations);
    }
    rows.push_back({use.agent, std::string(name(use.phase)), count(use.iterations), number(each),
                    number(use.gpu_time_ms), number(use.busy_ms), number(use.gap_ms)});
  }
  return rows;
}

std::vector<std::vector<std::string>> kernel_change_table(const Summary& summary) {
  if (summary.kernel_changes.empty()) return {};
  std::vector<std::vector<std::string>> rows{{"agent", "kernel", "launches each",
                                              "a launch alone, ms", "shared, ms",
                                              "shared over alone", "added to an iteration, ms"}};
  std::size_t told = 0;
  std::string_view agent;
  for (const auto& change : summary.kernel_changes) {
    told = change.agent == agent ? told + 1 : 1;
    agent = change.agent;
    if (told > kKernelsTold) continue;
    const auto& means = change.shared ? change.shared : change.solo;
    const auto launch = [](const std::optional<analysis::KernelMeans>& in) {
      return in ? bounded(in->launch_ms) : std::string(kAbsent);
    };
    std::string ratio(kAbsent);
    if (change.launch_ratio.value) {
      const std::string bounds = interval(change.launch_ratio);
      ratio = times(*change.launch_ratio.value) + (bounds.empty() ? "" : " (" + bounds + ")");
    }
    rows.push_back({change.agent, shorten(change.name, kKernelNameWidth),
                    means ? number(means->launches_per_iteration) : std::string(kAbsent),
                    launch(change.solo), launch(change.shared), std::move(ratio),
                    bounded(change.added_ms)});
  }
  return rows;
}

std::vector<std::string> kernel_sentences(const Summary& summary) {
  std::vector<std::string> sentences;
  std::string_view agent;
  for (const auto& most : summary.kernel_changes) {
    if (most.agent == agent) continue;
    agent = most.agent;
    if (!most.added_ms.value) continue;
    const std::string name = shorten(most.name, kKernelNameWidth);
    if (!most.added_ms.ci_low) {
      sentences.push_back(
          *most.added_ms.value > 0
              ? fmt::format("Of {}'s kernels {} seems to have grown most, by {} ms an iteration, "
                            "without an interval: more cycles.",
                            agent, name, number(most.added_ms.value))
              : fmt::format("None of {}'s kernels seems to have grown.", agent));
      continue;
    }
    if (!(*most.added_ms.ci_low > 0)) {
      sentences.push_back(fmt::format("None of {}'s kernels grew for certain.", agent));
      continue;
    }
    std::string sentence =
        fmt::format("Of {}'s kernels {} grew most: {} ms more an iteration ({})", agent, name,
                    number(most.added_ms.value), bounds_words(most.added_ms));
    if (most.launch_ratio.value) {
      sentence += fmt::format("; a launch takes {} as long as alone ({})",
                              times(*most.launch_ratio.value), bounds_words(most.launch_ratio));
    }
    sentences.push_back(sentence + ".");
  }
  return sentences;
}

std::string_view covariate_sentence() {
  return "Mean (least–most) of the readings that are of the blocks of a phase alone. They are the "
         "whole card's, whoever uses it, unless they name an agent.";
}

std::vector<std::vector<std::string>> covariate_table(const analysis::Summary& summary) {
  if (summary.covariates.empty()) return {};
  std::vector<std::array<std::string, 3>> readings;  // source, process, field
  std::vector<std::pair<analysis::Phase, std::string>> phases;
  for (const auto& one : summary.covariates) {
    const std::array reading{one.source, one.process, one.field};
    if (std::ranges::find(readings, reading) == readings.end()) readings.push_back(reading);
    const std::pair phase(one.phase, one.agent);
    if (std::ranges::find(phases, phase) == phases.end()) phases.push_back(phase);
  }
  std::vector<std::vector<std::string>> rows{{"source", "reading"}};
  for (const auto& [phase, agent] : phases) {
    rows.front().push_back(agent.empty() ? std::string(name(phase))
                                         : fmt::format("{} {}", name(phase), agent));
  }
  for (const auto& [source, process, field] : readings) {
    auto& cells = rows.emplace_back();
    cells.push_back(source);
    const Reading reading(field);
    cells.push_back(process.empty() ? reading.words
                                    : fmt::format("{}: {}", process, reading.words));
    for (const auto& [phase, agent] : phases) {
      const auto found = std::ranges::find_if(
          summary.covariates,
          [&, s = source, p = process, f = field, at = phase, who = agent](const auto& one) {
            return one.source == s && one.process == p && one.field == f && one.phase == at &&
                   one.agent == who;
          });
      if (found == summary.covariates.end()) {
        cells.emplace_back(kAbsent);
        continue;
      }
      const auto said = [scale = reading.scale](double value) { return number(value * scale); };
      cells.push_back(found->min == found->max ? said(found->mean)
                                               : fmt::format("{} ({}–{})", said(found->mean),
                                                             said(found->min), said(found->max)));
    }
  }
  return rows;
}

}  // namespace kts::report
