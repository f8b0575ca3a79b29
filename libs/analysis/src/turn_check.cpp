// SPDX-License-Identifier: Apache-2.0
#include "turn_check.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <optional>
#include <string_view>
#include <utility>

#include "differences.hpp"
#include "draws.hpp"
#include "kts/analysis/turn_model.hpp"
#include "kts/stats/quantile.hpp"
#include "lengths.hpp"

namespace kts::analysis {
namespace {

// Enough for a p99, and quick.
constexpr std::size_t kIterationsToCheck = 200'000;
constexpr double kNsPerMs = 1e6;

// One solo iteration's own lengths, ms.
struct Alone {
  double launch, service, notify;
};

std::vector<Alone> lengths_alone(const Group& group) {
  constexpr std::size_t kKept = 20'000;
  std::size_t all = 0;
  for (const AgentBlock* block : group.blocks) all += block->latency.size();
  const std::size_t step = all / kKept + 1;
  std::vector<Alone> lengths;
  for (const AgentBlock* block : group.blocks) {
    for (std::size_t i = 0; i < block->latency.size(); i += step) {
      const LatencyParts parts = parts_of(*block, i);
      const std::int64_t notify = parts.notify();
      if (notify == record::kUnavailable) continue;
      const auto ms = [](std::int64_t ns) {
        return std::max(0.0, static_cast<double>(ns) / kNsPerMs);
      };
      lengths.push_back({ms(parts.gpu_wait), ms(parts.gpu_time), ms(notify)});
    }
  }
  return lengths;
}

bool is_closed(const AgentBlock& block) {
  return block.meta && (block.meta->arrival == "closed" || block.meta->arrival == "saturate");
}

std::size_t in_flight_of(const AgentBlock& block) {
  return block.meta ? static_cast<std::size_t>(std::max(1, block.meta->in_flight)) : 1;
}

// `rounds`: how many times as much a closed agent may get done under the model as it did.
TurnAgent as_agent(const AgentBlock& block, const std::vector<Alone>& alone, std::size_t rounds,
                   Draws& draws) {
  TurnAgent agent;
  agent.closed = is_closed(block);
  agent.in_flight = in_flight_of(block);
  std::int64_t due = 0;  // since the window's start
  std::int64_t done = 0;
  for (std::size_t i = 0; i < block.latency.size(); ++i) {
    due += block.due_gap[i];
    // What the device works on at once can't be told from solo waits when several are in flight.
    const Alone& lengths = alone[draws.below(alone.size())];
    TurnWork work;
    work.due_ms = static_cast<double>(due) / kNsPerMs;
    work.think_ms = std::max(0.0, static_cast<double>(due - done) / kNsPerMs);
    work.launch_ms = agent.in_flight > 1 ? 0 : lengths.launch;
    work.service_ms = lengths.service;
    work.notify_ms = lengths.notify;
    agent.work.push_back(work);
    done = due + block.latency[i];
  }
  const std::size_t n = agent.closed ? agent.work.size() : 0;
  for (std::size_t i = n; i < rounds * n; ++i) agent.work.push_back(agent.work[i - n]);
  return agent;
}

TurnCheck::Pair pair_of(std::vector<double>& measured, std::vector<double>& model, double p) {
  return {stats::QuantileSelector<double>(measured).quantile(p),
          stats::QuantileSelector<double>(model).quantile(p)};
}

std::vector<std::vector<Alone>> all_alone(const std::vector<GrowthSubject>& subjects) {
  std::vector<std::vector<Alone>> alone(subjects.size());
  for (std::size_t s = 0; s < subjects.size(); ++s) {
    if (subjects[s].solo) alone[s] = lengths_alone(*subjects[s].solo);
  }
  return alone;
}

double length_ms(const AgentBlock& block) {
  return static_cast<double>(block.window_stop_ns - block.window_start_ns) / kNsPerMs;
}

// One agent's modelled latencies, a list a block, ms.
using Latencies = std::vector<std::vector<double>>;

Latencies::value_type latencies_of(const std::vector<TurnInstants>& iterations) {
  std::vector<double> ms;
  ms.reserve(iterations.size());
  for (const TurnInstants& i : iterations) ms.push_back(i.done_ms - i.due_ms);
  return ms;
}

struct MeanAndTail {
  double mean = 0, p95 = 0;
};

// Of all latencies in the blocks named, with repetitions; empty where there are none.
std::optional<MeanAndTail> of_blocks(const Latencies& latencies,
                                     const std::vector<std::size_t>& blocks) {
  std::vector<double> all;
  for (const std::size_t b : blocks) {
    all.insert(all.end(), latencies[b].begin(), latencies[b].end());
  }
  if (all.empty()) return std::nullopt;
  MeanAndTail result;
  for (const double ms : all) result.mean += ms / static_cast<double>(all.size());
  result.p95 = *stats::QuantileSelector<double>(all).quantile(0.95);
  return result;
}

// Both worlds have the same blocks, so they are drawn together.
ModelDrop drop_between(const Latencies& with, const Latencies& without) {
  constexpr int kDraws = 100;
  std::vector<std::size_t> places(with.size());
  std::iota(places.begin(), places.end(), 0);
  const auto drop = [&]() -> std::optional<MeanAndTail> {
    const auto before = of_blocks(with, places);
    const auto after = of_blocks(without, places);
    if (!before || !after) return std::nullopt;
    return MeanAndTail{before->mean - after->mean, before->p95 - after->p95};
  };
  const auto all = drop();
  ModelDrop result;
  if (!all) return result;
  result.mean_ms.value = rounded(all->mean);
  result.p95_ms.value = rounded(all->p95);
  if (with.size() < static_cast<std::size_t>(stats::kMinBlocks)) return result;
  MeanAndTail squares;
  Draws draws(0x6c656674);
  for (int d = 0; d < kDraws; ++d) {
    for (std::size_t& place : places) place = draws.below(with.size());
    const auto drawn = drop();
    if (!drawn) return result;  // so few iterations that some blocks have none
    squares.mean += (drawn->mean - all->mean) * (drawn->mean - all->mean) / kDraws;
    squares.p95 += (drawn->p95 - all->p95) * (drawn->p95 - all->p95) / kDraws;
  }
  const double t = stats::student_t_quantile(0.975, static_cast<int>(with.size()) - 1);
  const auto around = [t](Estimate& estimate, double variance) {
    const double reach = t * std::sqrt(variance);
    estimate.ci_low = rounded(*estimate.value - reach);
    estimate.ci_high = rounded(*estimate.value + reach);
  };
  around(result.mean_ms, squares.mean);
  around(result.p95_ms, squares.p95);
  return result;
}

}  // namespace

std::vector<ModelDrop> drops_by_turns(const std::vector<TurnBlock>& blocks,
                                      const std::vector<GrowthSubject>& subjects,
                                      const TurnFigures& figures) {
  if (!figures.slice_ms || !figures.switch_ms) return {};
  const TurnRules rules{*figures.slice_ms, *figures.switch_ms};
  const std::vector<std::vector<Alone>> alone = all_alone(subjects);
  std::vector<Latencies> with(subjects.size());
  std::map<std::pair<std::size_t, std::size_t>, Latencies> without;  // agent, left out
  std::size_t iterations = 0;
  Draws draws(0x64726f70);
  for (const TurnBlock& block : blocks) {
    if (iterations > kIterationsToCheck) break;
    const std::size_t k = block.blocks.size();
    std::vector<TurnAgent> agents;
    for (std::size_t a = 0; a < k; ++a) {
      if (alone[block.subjects[a]].empty()) return {};
      agents.push_back(as_agent(*block.blocks[a], alone[block.subjects[a]], k + 1, draws));
      iterations += block.blocks[a]->latency.size();
    }
    const double until_ms = length_ms(*block.blocks.front());
    const auto together = take_turns(rules, agents, until_ms);
    for (std::size_t a = 0; a < k; ++a) {
      with[block.subjects[a]].push_back(latencies_of(together[a]));
    }
    for (std::size_t gone = 0; gone < k; ++gone) {
      std::vector<TurnAgent> others = agents;
      others.erase(others.begin() + static_cast<std::ptrdiff_t>(gone));
      const auto turns = take_turns(rules, others, until_ms);
      for (std::size_t a = 0; a < k; ++a) {
        if (a == gone) continue;
        without[{block.subjects[a], block.subjects[gone]}].push_back(
            latencies_of(turns[a < gone ? a : a - 1]));
      }
    }
  }
  std::vector<ModelDrop> drops;
  for (const auto& [pair, latencies] : without) {
    // An agent that is in some of the blocks alone has no counterpart in the others.
    if (with[pair.first].size() != latencies.size()) continue;
    ModelDrop& drop = drops.emplace_back(drop_between(with[pair.first], latencies));
    drop.subject = pair.first;
    drop.left_out = pair.second;
  }
  return drops;
}

std::vector<TurnCheck> check_turns(const std::vector<TurnBlock>& blocks,
                                   const std::vector<GrowthSubject>& subjects,
                                   const TurnFigures& figures) {
  if (!figures.slice_ms || !figures.switch_ms) return {};
  const TurnRules rules{*figures.slice_ms, *figures.switch_ms};
  const std::vector<std::vector<Alone>> alone = all_alone(subjects);
  std::vector<std::vector<double>> measured(subjects.size());
  std::vector<std::vector<double>> modelled(subjects.size());
  std::size_t iterations = 0;
  Draws draws(0x7475726e);
  for (const TurnBlock& block : blocks) {
    if (iterations > kIterationsToCheck) break;
    std::vector<TurnAgent> agents;
    double until_ms = 0;
    for (std::size_t a = 0; a < block.blocks.size(); ++a) {
      const AgentBlock& samples = *block.blocks[a];
      if (alone[block.subjects[a]].empty()) return {};
      agents.push_back(as_agent(samples, alone[block.subjects[a]], 2, draws));
      iterations += samples.latency.size();
      until_ms = length_ms(samples);
    }
    const auto turns = take_turns(rules, agents, until_ms);
    for (std::size_t a = 0; a < block.blocks.size(); ++a) {
      const std::size_t s = block.subjects[a];
      for (const TurnInstants& i : turns[a]) modelled[s].push_back(i.start_ms - i.submit_ms);
      for_each_length(*block.blocks[a], Measure::kGpuWait, [&](std::int64_t ns) {
        measured[s].push_back(static_cast<double>(ns) / kNsPerMs);
      });
    }
  }
  std::vector<TurnCheck> checks;
  for (std::size_t s = 0; s < subjects.size(); ++s) {
    if (measured[s].empty() || modelled[s].empty()) continue;
    TurnCheck check;
    check.agent = subjects[s].agent;
    check.n = modelled[s].size();
    check.p50 = pair_of(measured[s], modelled[s], 0.5);
    check.p95 = pair_of(measured[s], modelled[s], 0.95);
    check.p99 = pair_of(measured[s], modelled[s], 0.99);
    checks.push_back(std::move(check));
  }
  return checks;
}

}  // namespace kts::analysis
