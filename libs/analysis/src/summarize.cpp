// SPDX-License-Identifier: Apache-2.0
#include "kts/analysis/summarize.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <string>
#include <utility>

#include "attribution.hpp"
#include "chains.hpp"
#include "distribution.hpp"
#include "kts/stats/verdict.hpp"
#include "notes.hpp"
#include "overload.hpp"
#include "parallel.hpp"
#include "rates.hpp"
#include "ratio.hpp"

namespace kts::analysis {
namespace {

constexpr double kLostShare = 0.001;
constexpr std::array kDegradationQuantiles{0.5, 0.95, 0.99};
constexpr std::array kReportedQuantiles{0.5, 0.95, 0.99, 0.999};

using stats::Interval;

// That a degradation factor is given for.
constexpr std::array kDegradationMeasures{Measure::kLatency, Measure::kGpuTime, Measure::kTtft,
                                          Measure::kItl};
// That only LLM requests have.
constexpr bool is_of_requests(Measure measure) {
  return measure == Measure::kTtft || measure == Measure::kItl;
}

constexpr std::size_t index(Measure measure) { return static_cast<std::size_t>(measure); }

// What is known of one agent in one phase with neighbours alike.
struct GroupStats {
  Group group;
  std::array<Distribution, record::kMeasures.size()> of;

  [[nodiscard]] const Distribution& operator[](Measure measure) const { return of[index(measure)]; }
  [[nodiscard]] Estimate estimate(Measure measure, double p) const {
    const QuantilePoint* point = (*this)[measure].at(p);
    return point ? point->ms : Estimate{};
  }
};

struct AgentStats {
  AgentInfo info;
  std::vector<GroupStats> solo;           // the baseline first
  std::vector<GroupStats> shared;         // one, or none
  std::map<std::string, Group> left_out;  // shared without that agent
  std::optional<Load> solo_load, shared_load;
};

void add_block(Group& group, const AgentBlock& block) {
  group.blocks.push_back(&block);
  group.trimmed += block.trimmed;
  group.lost += block.lost;
  group.abandoned += block.abandoned;
  group.tokens_lost += block.tokens_lost;
}

void add_block(std::vector<GroupStats>& groups, const AgentBlock& block,
               std::optional<Neighbours> neighbours) {
  auto found = std::ranges::find_if(
      groups, [&](const GroupStats& g) { return g.group.neighbours == neighbours; });
  if (found == groups.end()) {
    groups.emplace_back();
    found = groups.end() - 1;
    found->group.neighbours = neighbours;
  }
  add_block(found->group, block);
}

// The one agent that a shared block runs without; empty where that is none, or not known. `agents`
// are names of processes: chains are no more of them.
std::string left_out_of(const AgentBlock& block, const std::vector<std::string>& agents) {
  if (block.active.empty() || block.active.size() + 1 != agents.size()) return {};
  for (const std::string& agent : agents) {
    if (std::ranges::find(block.active, agent) == block.active.end()) return agent;
  }
  return {};
}

std::vector<std::string> processes_of(const RunData& data) {
  std::vector<std::string> names;
  for (const AgentInfo& info : data.header.agents) {
    if (!info.is_chain) names.push_back(info.name);
  }
  return names;
}

// Agents in the header's order, with those that only the records know after them.
std::vector<AgentStats> sort_into_groups(const RunData& data) {
  std::vector<AgentStats> agents;
  for (const AgentInfo& info : data.header.agents) agents.push_back({info, {}, {}, {}, {}, {}});
  const std::vector<std::string> processes = processes_of(data);
  for (const AgentBlock& block : data.blocks) {
    auto agent = std::ranges::find_if(
        agents, [&](const AgentStats& a) { return a.info.name == block.agent; });
    if (agent == agents.end()) {
      agents.emplace_back();
      agent = agents.end() - 1;
      agent->info.name = block.agent;
    }
    if (block.phase == Phase::kSolo) {
      add_block(agent->solo, block, block.neighbours);
    } else if (const std::string absent = left_out_of(block, processes); !absent.empty()) {
      add_block(agent->left_out[absent], block);
    } else {
      add_block(agent->shared, block, std::nullopt);
    }
  }
  for (AgentStats& agent : agents) {
    if (agent.info.baseline.empty()) {
      const auto baseline = data.baseline.find(agent.info.name);
      agent.info.baseline = baseline == data.baseline.end() ? agent.info.name : baseline->second;
    }
    // Most blocks first: it lends its spread to the other.
    std::ranges::stable_sort(agent.solo, [](const GroupStats& a, const GroupStats& b) {
      return a.group.blocks.size() > b.group.blocks.size();
    });
  }
  return agents;
}

bool too_much_missing(const Group& group) {
  std::uint64_t all = group.trimmed + group.lost + group.abandoned;
  for (const AgentBlock* block : group.blocks) all += block->latency.size();
  return static_cast<double>(group.lost + group.abandoned) > kLostShare * static_cast<double>(all);
}

// A request that was never begun would have been among the slowest: it is missing like a record
// that was lost.
void mark_lost_tails(std::string_view agent, Phase phase, std::vector<GroupStats>& groups,
                     Notes& warnings) {
  std::uint64_t read = 0;
  std::uint64_t lost = 0;
  std::uint64_t abandoned = 0;
  for (const GroupStats& g : groups) {
    for (const AgentBlock* block : g.group.blocks) read += block->latency.size();
    read += g.group.trimmed;
    lost += g.group.lost;
    abandoned += g.group.abandoned;
  }
  const std::uint64_t all = read + lost + abandoned;
  const auto percent = [&](std::uint64_t part) {
    return 100 * static_cast<double>(part) / static_cast<double>(all);
  };
  if (lost > 0 && percent(lost) > 100 * kLostShare) {
    warnings.add(
        fmt::format("lost {}", name(phase)),
        fmt::format("{}: {:.3g} % of its records of {} blocks are lost ({} of {}); above {:.1g} % "
                    "tails can't be concluded",
                    agent, percent(lost), name(phase), lost, all, kLostShare * 100));
  }
  if (!(percent(lost + abandoned) > 100 * kLostShare)) return;
  for (GroupStats& g : groups) g.group.tails_lost = true;
}

// A token that was lost takes the gaps on both sides with it.
void mark_lost_tokens(std::string_view agent, Phase phase, std::vector<GroupStats>& groups,
                      Notes& warnings) {
  for (GroupStats& g : groups) {
    std::uint64_t gaps = 0;
    for (const AgentBlock* block : g.group.blocks) gaps += block->itl.size();
    const double share =
        static_cast<double>(g.group.tokens_lost) /
        static_cast<double>(std::max<std::uint64_t>(1, gaps + g.group.tokens_lost));
    g.group.token_tails_lost = share > kLostShare;
    if (!g.group.token_tails_lost) continue;
    warnings.add(
        fmt::format("tokens lost {}", name(phase)),
        fmt::format("{}: {:.3g} % of its tokens of {} blocks are lost; above {:.1g} % the tails of "
                    "itl can't be concluded",
                    agent, 100 * share, name(phase), kLostShare * 100));
  }
}

// Of an overloaded agent its overload tells.
void warn_of_abandoned(const AgentInfo& info, Phase phase, const std::vector<GroupStats>& groups,
                       Notes& warnings) {
  std::uint64_t abandoned = 0;
  for (const GroupStats& g : groups) abandoned += g.group.abandoned;
  if (abandoned == 0) return;
  const std::string what = fmt::format("{}: {} request{} of its {} blocks", info.name, abandoned,
                                       abandoned == 1 ? "" : "s", name(phase));
  warnings.add(
      fmt::format("abandoned {}", name(phase)),
      info.is_chain
          ? fmt::format("{} didn't come to {} end: what was still under way long after the "
                        "block was given up",
                        what, abandoned == 1 ? "its" : "their")
          : fmt::format("{} {} never begun: its queue didn't drain after the block and was "
                        "given up",
                        what, abandoned == 1 ? "was" : "were"));
}

void measure_group(GroupStats& stats, Measure measure, const AgentInfo& info,
                   const std::vector<double>& also, const GroupStats* lender) {
  std::vector<double> quantiles(kReportedQuantiles.begin(), kReportedQuantiles.end());
  if (measure == Measure::kLatency) quantiles.insert(quantiles.end(), also.begin(), also.end());
  if (measure == Measure::kLatency && info.slo_quantile &&
      std::ranges::find(quantiles, *info.slo_quantile) == quantiles.end()) {
    quantiles.push_back(*info.slo_quantile);
  }
  stats.of[index(measure)] =
      distribution_of(stats.group, measure, quantiles, lender ? &(*lender)[measure] : nullptr);
}

void measure_everything(std::vector<AgentStats>& agents, const std::vector<double>& also) {
  struct Task {
    const AgentInfo* info;
    std::vector<GroupStats>* groups;
    Measure measure;
  };
  std::vector<Task> tasks;
  for (AgentStats& agent : agents) {
    for (auto* groups : {&agent.solo, &agent.shared}) {
      if (groups->empty()) continue;
      for (const Measure measure : record::kMeasures) {
        tasks.push_back({&agent.info, groups, measure});
      }
    }
  }
  for_each_index(tasks.size(), [&](std::size_t i) {
    const Task& task = tasks[i];
    const GroupStats* lender = nullptr;
    for (GroupStats& group : *task.groups) {
      measure_group(group, task.measure, *task.info, also, lender);
      lender = &task.groups->front();
    }
  });
}

// Brings the group that the agent's own degradation is measured against to the front: parked
// neighbours, unless their mere presence changes the tail.
void choose_baseline(AgentStats& agent, Notes& warnings) {
  const auto with = [&](Neighbours neighbours) {
    return std::ranges::find_if(
        agent.solo, [&](const GroupStats& g) { return g.group.neighbours == neighbours; });
  };
  const auto parked = with(Neighbours::kParked);
  const auto absent = with(Neighbours::kAbsent);
  if (parked == agent.solo.end()) return;
  auto baseline = parked;
  if (absent != agent.solo.end()) {
    const Estimate parked_p99 = parked->estimate(Measure::kLatency, 0.99);
    const Estimate absent_p99 = absent->estimate(Measure::kLatency, 0.99);
    const Estimate ratio = ratio_of(parked_p99, absent_p99);
    const bool dearer = ratio.ci_low && *ratio.ci_low > 1;
    if (dearer || (ratio.ci_high && *ratio.ci_high < 1)) {
      baseline = absent;
      warnings.add(
          "parked",
          fmt::format("{}: alone, its latency p99 is {:.4g} ms with parked neighbours and {:.4g} "
                      "ms without any: {}, so DF uses absent",
                      agent.info.name, *parked_p99.value, *absent_p99.value,
                      dearer ? "parked processes are not free here" : "the two differ"));
    }
  }
  std::iter_swap(agent.solo.begin(), baseline);
}

MeasureResult to_row(const AgentStats& agent, Phase phase, const GroupStats& stats,
                     Measure measure) {
  const Distribution& distribution = stats[measure];
  MeasureResult row;
  row.agent = agent.info.name;
  row.phase = phase;
  row.neighbours = stats.group.neighbours;
  row.measure = measure;
  row.n = distribution.n;
  row.blocks = distribution.blocks;
  row.trimmed = stats.group.trimmed;
  row.lost = stats.group.lost;
  row.mean = distribution.mean_ms;
  row.p50 = stats.estimate(measure, 0.5);
  row.p75 = stats.estimate(measure, 0.75);
  row.p90 = stats.estimate(measure, 0.9);
  row.p95 = stats.estimate(measure, 0.95);
  row.p99 = stats.estimate(measure, 0.99);
  row.p999 = stats.estimate(measure, 0.999);
  row.max = distribution.max_ms;
  if (row.p99.value && row.p50.value && *row.p50.value > 0) {
    row.jitter = *row.p99.value / *row.p50.value;
  }
  if ((measure == Measure::kLatency || measure == Measure::kGpuTime) && row.mean && *row.mean > 0) {
    row.rate_proxy_per_s = 1000 / *row.mean;
  }
  if (measure == Measure::kLatency) {
    row.rate_achieved = rate_of(stats.group.blocks, 1);
    double completed = 0;
    double tokens = 0;
    double seconds = 0;
    for (const AgentBlock* block : stats.group.blocks) {
      completed += static_cast<double>(block->completed_in_window);
      tokens += static_cast<double>(block->output_tokens_in_window);
      seconds += static_cast<double>(block->window_stop_ns - block->window_start_ns) / 1e9;
    }
    if (seconds > 0) row.rate_achieved.value = completed / seconds;
    if (seconds > 0 && stats[Measure::kTtft].n > 0) row.output_tokens_per_s = tokens / seconds;
  }
  return row;
}

std::optional<double> ratio_of(std::optional<double> numerator, std::optional<double> denominator) {
  if (!numerator || !denominator || !(*denominator > 0)) return std::nullopt;
  return *numerator / *denominator;
}

void add_degradation(const AgentStats& agent, const GroupStats& solo, const GroupStats& shared,
                     const std::vector<double>& also, Summary& summary) {
  for (const Measure measure : kDegradationMeasures) {
    if (solo[measure].n == 0 || shared[measure].n == 0) continue;
    std::vector<double> quantiles(kDegradationQuantiles.begin(), kDegradationQuantiles.end());
    if (measure == Measure::kLatency) quantiles.insert(quantiles.end(), also.begin(), also.end());
    for (const double p : quantiles) {
      Degradation entry;
      entry.agent = agent.info.name;
      entry.measure = measure;
      entry.quantile = p;
      entry.ratio = ratio_of(shared.estimate(measure, p), solo.estimate(measure, p));
      entry.baseline = solo.group.neighbours;
      if (measure == Measure::kLatency && p == 0.99) {
        const Interval interval = interval_of(entry.ratio);
        entry.verdict = stats::judge(interval);
        if (entry.verdict == Verdict::kCannotConclude && entry.ratio.value) {
          entry.samples_needed = stats::samples_needed(
              *entry.ratio.value, interval, std::max(solo[measure].n, shared[measure].n));
        }
      }
      summary.degradation.push_back(entry);
    }
  }
}

GrowthSubject subject_of(const AgentStats& agent, const GroupStats* solo, bool told) {
  GrowthSubject subject;
  subject.agent = agent.info.name;
  subject.told = told;
  subject.is_chain = agent.info.is_chain;
  for (const auto& [name, group] : agent.left_out) subject.left_out.emplace_back(name, &group);
  if (solo) {
    subject.solo = &solo->group;
    subject.solo_latency = &(*solo)[Measure::kLatency];
    subject.solo_time_mean_ms = (*solo)[Measure::kGpuTime].mean_ms;
    subject.solo_wait_mean_ms = (*solo)[Measure::kGpuWait].mean_ms;
    subject.solo_time_p50_ms = solo->estimate(Measure::kGpuTime, 0.5).value;
  }
  if (!agent.shared.empty()) {
    subject.shared = &agent.shared.front().group;
    subject.shared_latency = &agent.shared.front()[Measure::kLatency];
  }
  return subject;
}

void add_finding(const AgentStats& agent, const MeasureResult& solo_latency,
                 const MeasureResult& shared_latency, Summary& summary) {
  Finding finding;
  finding.agent = agent.info.name;
  finding.rate_achieved_ratio =
      ratio_of(shared_latency.rate_achieved.value, solo_latency.rate_achieved.value);
  finding.mean_latency_ratio = ratio_of(shared_latency.mean, solo_latency.mean);
  const auto* solo_time = find_result(summary, finding.agent, Phase::kSolo, Measure::kGpuTime);
  const auto* shared_time = find_result(summary, finding.agent, Phase::kShared, Measure::kGpuTime);
  const bool has_time = solo_time && shared_time && solo_time->n > 0 && shared_time->n > 0;
  finding.rate_proxy_ratio =
      has_time ? ratio_of(shared_time->rate_proxy_per_s, solo_time->rate_proxy_per_s)
               : ratio_of(shared_latency.rate_proxy_per_s, solo_latency.rate_proxy_per_s);
  const auto* latency = find_degradation(summary, finding.agent, Measure::kLatency, 0.99);
  const auto* time = find_degradation(summary, finding.agent, Measure::kGpuTime, 0.99);
  if (latency) finding.latency_p99_ratio = latency->ratio.value;
  if (time) finding.gpu_time_p99_ratio = time->ratio.value;
  finding.event_time_misses_it = latency && time && latency->verdict == Verdict::kHurt &&
                                 stats::judge(interval_of(time->ratio)) != Verdict::kHurt;
  summary.findings.push_back(finding);
}

void add_slo(const AgentStats& agent, bool overloaded, Summary& summary) {
  if (!agent.info.slo_quantile || !agent.info.slo_latency_ms) return;
  SloOutcome outcome;
  outcome.agent = agent.info.name;
  outcome.quantile = *agent.info.slo_quantile;
  outcome.target_ms = *agent.info.slo_latency_ms;
  if (!agent.shared.empty() && !overloaded) {
    outcome.shared = agent.shared.front().estimate(Measure::kLatency, outcome.quantile);
  }
  outcome.missed = outcome.shared.ci_low && *outcome.shared.ci_low > outcome.target_ms;
  outcome.met = outcome.shared.ci_high && *outcome.shared.ci_high <= outcome.target_ms;
  summary.slos.push_back(outcome);
}

std::string interval_text(const Estimate& estimate) {
  const std::optional<double>& low = estimate.ci_low;
  const std::optional<double>& high = estimate.ci_high;
  if (low && high) return fmt::format("95 % interval {:.3g} to {:.3g}", *low, *high);
  if (low) return fmt::format("at least {:.3g}", *low);
  if (high) return fmt::format("at most {:.3g}", *high);
  return "its blocks differ too much for an interval";
}

std::string overload_text(std::string_view agent, Phase phase, const Load& load) {
  const auto rate = [](double per_s) {
    return fmt::format("{:.{}f}/s", per_s, per_s < 100 ? 1 : 0);
  };
  return fmt::format(
      "{} is overloaded in its {} blocks: {}; offered {}, completed {}; lower its rate", agent,
      name(phase), load.why, rate(load.offered_per_s), rate(load.completed_per_s));
}

struct Reason {
  std::string kind;  // of Notes
  std::string text;  // empty: none
};

// Why nothing can be said of the agent's latency p99.
Reason why_inconclusive(const AgentStats& agent, const GroupStats* solo, const Summary& summary) {
  const std::string& who = agent.info.name;
  if (agent.shared.empty()) return {"shared", fmt::format("{} has no shared blocks to judge", who)};
  if (!solo) return {"solo", fmt::format("{} has no solo blocks to compare with", who)};
  const Degradation* latency = find_degradation(summary, who, Measure::kLatency, 0.99);
  if (!latency) {
    return {"samples",
            fmt::format("{} has no samples left after trimming in one of its phases", who)};
  }
  if (latency->verdict != Verdict::kCannotConclude) return {};
  for (const auto& [phase, stats] :
       {std::pair(Phase::kSolo, solo), std::pair(Phase::kShared, &agent.shared.front())}) {
    const Distribution& samples = (*stats)[Measure::kLatency];
    if (stats->group.tails_lost) {
      const std::string_view what = stats->group.abandoned <= stats->group.lost
                                        ? "lost too many records"
                                    : agent.info.is_chain ? "gave too many requests up"
                                                          : "never began too many requests";
      return {fmt::format("{} {}", what, name(phase)),
              fmt::format("{} {} of its {} blocks to judge latency p99", who, what, name(phase))};
    }
    const QuantilePoint* p99 = samples.at(0.99);
    if (!p99 || !p99->error) {
      return {fmt::format("blocks {}", name(phase)),
              fmt::format("{} has {} {} blocks with samples, and an interval takes {}: more cycles",
                          who, samples.blocks, name(phase), stats::kMinBlocks)};
    }
    if (samples.n < stats::upper_bound_floor(0.99)) {
      return {fmt::format("floor {}", name(phase)),
              fmt::format(
                  "{} has {} {} samples, and latency p99 takes {}: longer blocks or more cycles",
                  who, samples.n, name(phase), stats::upper_bound_floor(0.99))};
    }
  }
  std::string text =
      fmt::format("{}: latency p99 DF {:.3g} ({}), which fits more than one verdict", who,
                  latency->ratio.value.value_or(std::numeric_limits<double>::quiet_NaN()),
                  interval_text(latency->ratio));
  if (latency->samples_needed) {
    const std::uint64_t had =
        std::max((*solo)[Measure::kLatency].n, agent.shared.front()[Measure::kLatency].n);
    text += fmt::format("; about {} samples a phase{} would settle it", *latency->samples_needed,
                        times_as_many(had, *latency->samples_needed));
  }
  return {"verdict", std::move(text)};
}

// Whether the agent is overloaded, and says so.
bool tell_overload(const AgentStats& agent, Notes& notes) {
  bool overloaded = false;
  for (const auto& [phase, load] :
       {std::pair(Phase::kSolo, &agent.solo_load), std::pair(Phase::kShared, &agent.shared_load)}) {
    if (!*load || !(*load)->overloaded) continue;
    overloaded = true;
    notes.add(fmt::format("overload {}", name(phase)),
              overload_text(agent.info.name, phase, **load));
  }
  return overloaded;
}

void conclude(const AgentStats& agent, const GroupStats* solo, const Summary& summary,
              Notes& inconclusive) {
  if (tell_overload(agent, inconclusive)) return;
  if (Reason why = why_inconclusive(agent, solo, summary); !why.text.empty()) {
    inconclusive.add(why.kind, std::move(why.text));
  }
  for (const SloOutcome& slo : summary.slos) {
    if (slo.agent != agent.info.name || slo.met || slo.missed || !slo.shared.value) continue;
    inconclusive.add(
        "slo", fmt::format("{}: {:.4g} ms ({}) at quantile {} doesn't settle its SLO of {:.4g} ms",
                           agent.info.name, *slo.shared.value, interval_text(slo.shared),
                           slo.quantile, slo.target_ms));
  }
}

}  // namespace

Summary summarize(const RunData& data) {
  Summary summary = data.header;
  Notes warnings;
  Notes inconclusive;
  std::vector<AgentStats> agents = sort_into_groups(data);
  for (AgentStats& agent : agents) {
    mark_lost_tails(agent.info.name, Phase::kSolo, agent.solo, warnings);
    mark_lost_tails(agent.info.name, Phase::kShared, agent.shared, warnings);
    for (auto& [absent, group] : agent.left_out) group.tails_lost = too_much_missing(group);
    mark_lost_tokens(agent.info.name, Phase::kSolo, agent.solo, warnings);
    mark_lost_tokens(agent.info.name, Phase::kShared, agent.shared, warnings);
  }
  measure_everything(agents, data.also_quantiles);

  summary.agents.clear();
  for (AgentStats& agent : agents) {
    choose_baseline(agent, warnings);
    summary.agents.push_back(agent.info);
    for (const auto& [phase, groups] :
         {std::pair(Phase::kSolo, &agent.solo), std::pair(Phase::kShared, &agent.shared)}) {
      if (groups->empty()) continue;
      for (const GroupStats& stats : *groups) {
        for (const Measure measure : record::kMeasures) {
          if (is_of_requests(measure) && stats[measure].n == 0) continue;
          summary.results.push_back(to_row(agent, phase, stats, measure));
        }
      }
      const GroupStats& main = groups->front();
      for (const Measure measure : {Measure::kLatency, Measure::kTtft, Measure::kItl}) {
        if (main[measure].n == 0) continue;
        Ccdf ccdf = main[measure].ccdf;
        ccdf.agent = agent.info.name;
        ccdf.phase = phase;
        summary.ccdfs.push_back(std::move(ccdf));
      }
      auto& load = phase == Phase::kSolo ? agent.solo_load : agent.shared_load;
      load = load_of(main.group,
                     {main.estimate(Measure::kGpuWait, 0.5).value,
                      main.estimate(Measure::kGpuTime, 0.5).value},
                     agent.info.is_chain);
      if (load) {
        load->agent = agent.info.name;
        load->phase = phase;
        summary.loads.push_back(*load);
      }
      if (!load || !load->overloaded) {
        warn_of_abandoned(agent.info, phase, *groups, warnings);
      }
    }
  }

  const bool any_slo = std::ranges::any_of(
      agents, [](const AgentStats& agent) { return agent.info.slo_quantile.has_value(); });
  // Whom the conclusion is about where nobody has an SLO: what a chain is for is its whole way.
  const auto chain =
      std::ranges::find_if(agents, [](const AgentStats& agent) { return agent.info.is_chain; });
  const std::size_t leader =
      chain == agents.end() ? 0 : static_cast<std::size_t>(chain - agents.begin());
  std::vector<GrowthSubject> subjects;
  for (std::size_t i = 0; i < agents.size(); ++i) {
    AgentStats& agent = agents[i];
    const auto baseline = std::ranges::find_if(
        agents, [&](const AgentStats& a) { return a.info.name == agent.info.baseline; });
    const GroupStats* solo =
        baseline == agents.end() || baseline->solo.empty() ? nullptr : &baseline->solo.front();
    if (baseline != agents.end() && !agent.solo_load) agent.solo_load = baseline->solo_load;
    const bool overloaded = (agent.solo_load && agent.solo_load->overloaded) ||
                            (agent.shared_load && agent.shared_load->overloaded);
    subjects.push_back(subject_of(agent, solo, !overloaded));
    // A queue that grows has no quantiles to compare.
    if (solo && !agent.shared.empty() && !overloaded) {
      const GroupStats& shared = agent.shared.front();
      add_degradation(agent, *solo, shared, data.also_quantiles, summary);
      add_finding(agent, *find_result(summary, agent.info.name, Phase::kSolo, Measure::kLatency),
                  *find_result(summary, agent.info.name, Phase::kShared, Measure::kLatency),
                  summary);
    }
    add_slo(agent, overloaded, summary);
    if (any_slo ? agent.info.slo_quantile.has_value() : i == leader) {
      conclude(agent, solo, summary, inconclusive);
    } else {
      tell_overload(agent, warnings);
    }
  }
  attribute(subjects, data, summary, warnings);
  summary.chains = divide_chains(data);
  warnings.append_to(summary.warnings);
  inconclusive.append_to(summary.inconclusive);
  return summary;
}

}  // namespace kts::analysis
