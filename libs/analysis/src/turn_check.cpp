// SPDX-License-Identifier: Apache-2.0
#include "turn_check.hpp"

#include <algorithm>
#include <string_view>

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
      const std::int64_t notify = notify_ns(*block, i);
      if (notify == record::kUnavailable) continue;
      const auto ms = [](std::int64_t ns) {
        return std::max(0.0, static_cast<double>(ns) / kNsPerMs);
      };
      lengths.push_back({ms(block->gpu_wait[i]), ms(block->gpu_time[i]), ms(notify)});
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

TurnAgent as_agent(const AgentBlock& block, const std::vector<Alone>& alone, Draws& draws) {
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
  // Under the model a closed agent may get more done than it did.
  const std::size_t n = agent.work.size();
  for (std::size_t i = 0; agent.closed && i < n; ++i) agent.work.push_back(agent.work[i]);
  return agent;
}

TurnCheck::Pair pair_of(std::vector<double>& measured, std::vector<double>& model, double p) {
  return {stats::QuantileSelector<double>(measured).quantile(p),
          stats::QuantileSelector<double>(model).quantile(p)};
}

}  // namespace

std::vector<TurnCheck> check_turns(const std::vector<TurnBlock>& blocks,
                                   const std::vector<GrowthSubject>& subjects,
                                   const TurnFigures& figures) {
  if (!figures.slice_ms || !figures.switch_ms) return {};
  const TurnRules rules{*figures.slice_ms, *figures.switch_ms};
  std::vector<std::vector<Alone>> alone(subjects.size());
  for (std::size_t s = 0; s < subjects.size(); ++s) {
    if (subjects[s].solo) alone[s] = lengths_alone(*subjects[s].solo);
  }
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
      agents.push_back(as_agent(samples, alone[block.subjects[a]], draws));
      iterations += samples.latency.size();
      until_ms = static_cast<double>(samples.window_stop_ns - samples.window_start_ns) / kNsPerMs;
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
