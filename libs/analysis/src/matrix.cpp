// SPDX-License-Identifier: Apache-2.0
#include "kts/analysis/matrix.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>
#include <utility>

#include "kts/analysis/summarize.hpp"
#include "kts/base/error.hpp"
#include "kts/stats/interval.hpp"
#include "rates.hpp"
#include "ratio.hpp"

namespace kts::analysis {
namespace {

// Below p99, for agents that haven't the samples for it; the highest first.
constexpr std::array kLowerQuantiles{0.95, 0.9, 0.75, 0.5};

constexpr double kHeadQuantile = 0.99;

// Places in the header's agents, ascending, with repeats.
using Set = std::vector<std::size_t>;

// `from`'s samples to those of another copy of the agent in the same block.
void pool(AgentBlock& into, const AgentBlock& from) {
  for (const auto column :
       {&AgentBlock::latency, &AgentBlock::backlog, &AgentBlock::gpu_wait, &AgentBlock::gpu_time}) {
    for (std::size_t i = 0; i < (from.*column).size(); ++i) {
      (into.*column).append((from.*column)[i]);
    }
  }
  into.trimmed += from.trimmed;
  into.lost += from.lost;
  into.abandoned += from.abandoned;
  into.completed_in_window += from.completed_in_window;
  into.due_in_window += from.due_in_window;
  into.backlog_median_first_third_ns =
      std::max(into.backlog_median_first_third_ns, from.backlog_median_first_third_ns);
  into.backlog_median_last_third_ns =
      std::max(into.backlog_median_last_third_ns, from.backlog_median_last_third_ns);
  if (into.end && from.end) {
    into.end->drain_ns = std::max(into.end->drain_ns, from.end->drain_ns);
    into.end->abandoned += from.end->abandoned;
  }
}

// Those that have an SLO; if none has, the first.
std::vector<std::string> asked_about(const Matrix& matrix) {
  std::vector<std::string> names;
  for (const AgentInfo& agent : matrix.header.agents) {
    if (agent.slo_quantile) names.push_back(agent.name);
  }
  if (names.empty() && !matrix.header.agents.empty()) {
    names.push_back(matrix.header.agents.front().name);
  }
  return names;
}

// Why nothing is settled of what the agent pays; empty: in some set it is.
std::string why_open(const Matrix& matrix, const std::string& agent) {
  bool lower = false;
  for (const SetResult& set : matrix.sets) {
    const MatrixCell* cell = find_cell(set, agent);
    if (!cell) continue;
    if (cell->overloaded || cell->verdict != Verdict::kCannotConclude) return {};
    lower |= cell->quantile != kHeadQuantile && cell->df.value;
  }
  return fmt::format("{} has no verdict on its p99 latency in any set{}", agent,
                     lower ? "; DFs of a lower quantile are given without one" : "");
}

class Contention {
 public:
  explicit Contention(const RunData& data) : data_(data), agents_(data.header.agents) {}

  Matrix compute() {
    Matrix matrix;
    matrix.header = data_.header;
    matrix.damage = data_.damage;
    std::erase_if(matrix.header.agents,
                  [this](const AgentInfo& agent) { return original(agent.name) != agent.name; });
    for (const AgentInfo& agent : matrix.header.agents) {
      if (auto row = alone(agent)) matrix.alone.push_back(*std::move(row));
    }
    std::map<Set, std::vector<const AgentBlock*>> sets;
    for (const AgentBlock& block : data_.blocks) {
      if (block.phase == Phase::kShared) sets[set_of(block.active)].push_back(&block);
    }
    std::map<Set, std::vector<const NotShared*>> not_shared;
    for (const NotShared& block : data_.not_shared) {
      const Set set = set_of(block.active);
      not_shared[set].push_back(&block);
      sets[set];  // one of which nothing counts is in the results too
    }
    for (const auto& [set, blocks] : sets) {
      matrix.sets.push_back(measure(set, blocks));
      if (const auto found = not_shared.find(set); found != not_shared.end()) {
        say_not_shared(matrix.sets.back(), found->second);
      }
    }
    std::ranges::stable_sort(matrix.sets, {}, [](const SetResult& s) { return s.agents.size(); });
    matrix.largest = largest_of(matrix);
    for (const std::string& agent : asked_about(matrix)) {
      if (auto why = why_open(matrix, agent); !why.empty()) {
        matrix.header.inconclusive.push_back(why);
        matrix.open.push_back(std::move(why));
      }
    }
    for (const auto* list : {&matrix.header.conditions, &warnings_}) {
      for (const std::string& warning : *list) matrix.header.warnings.push_back(warning);
    }
    return matrix;
  }

 private:
  static std::optional<SetMemory> largest_of(const Matrix& matrix) {
    if (!matrix.header.memory) return std::nullopt;
    const MemoryUse& memory = *matrix.header.memory;
    std::optional<SetMemory> largest;
    for (const SetResult& set : matrix.sets) {
      std::uint64_t sum = 0;
      for (const std::string& agent : set.agents) {
        const auto entry = std::ranges::find(memory.agents, agent, &AgentMemory::agent);
        if (entry == memory.agents.end() || !entry->predicted) return std::nullopt;
        sum += *entry->predicted;
      }
      if (!largest || sum > largest->predicted) largest = SetMemory{set.agents, sum, {}};
    }
    if (largest && memory.device && *memory.device > 0) {
      largest->share =
          static_cast<double>(largest->predicted) / static_cast<double>(*memory.device);
    }
    return largest;
  }

  static void say_not_shared(SetResult& set, const std::vector<const NotShared*>& blocks) {
    set.not_shared = static_cast<int>(blocks.size());
    set.why_not_shared = blocks.back()->why;
    if (set.blocks > 0) return;
    for (MatrixCell& cell : set.cells) {
      cell.why = set.not_shared == 1
                     ? "its only block was not shared: "
                     : fmt::format("none of its {} blocks was shared: ", set.not_shared);
      cell.why += set.why_not_shared;
    }
  }

  [[nodiscard]] std::string original(const std::string& agent) const {
    const auto found = data_.baseline.find(agent);
    return found == data_.baseline.end() ? agent : found->second;
  }
  [[nodiscard]] Set set_of(const std::vector<std::string>& active) const {
    Set set;
    for (const std::string& agent : active) {
      set.push_back(static_cast<std::size_t>(
          std::ranges::find(agents_, original(agent), &AgentInfo::name) - agents_.begin()));
    }
    std::ranges::sort(set);
    return set;
  }

  [[nodiscard]] std::vector<const AgentBlock*> solo_blocks(const std::string& agent) const {
    std::vector<const AgentBlock*> blocks;
    for (const AgentBlock& block : data_.blocks) {
      if (block.phase == Phase::kSolo && block.agent == agent) blocks.push_back(&block);
    }
    return blocks;
  }

  // The run as if only these agents and shared blocks had been.
  Summary summary_of(const std::vector<AgentInfo>& agents, std::vector<AgentBlock> shared) {
    RunData part;
    part.header.source = data_.header.source;
    part.header.sharing = data_.header.sharing;
    part.header.agents = agents;
    part.also_quantiles = {0.75, 0.9};
    for (const AgentInfo& agent : agents) {
      part.baseline[agent.name] = agent.name;
      for (const AgentBlock* block : solo_blocks(agent.name)) part.blocks.push_back(*block);
    }
    std::ranges::move(shared, std::back_inserter(part.blocks));
    Summary summary = summarize(part);
    for (std::string& warning : summary.warnings) {
      const bool known = std::ranges::find(warnings_, warning) != warnings_.end();
      if (!known) warnings_.push_back(std::move(warning));
    }
    return summary;
  }

  std::optional<AloneResult> alone(const AgentInfo& agent) {
    const Summary summary = summary_of({agent}, {});
    const MeasureResult* latency =
        find_result(summary, agent.name, Phase::kSolo, Measure::kLatency);
    if (!latency) return std::nullopt;
    AloneResult row;
    row.agent = agent.name;
    row.n = latency->n;
    // One that was cut into segments is still one.
    std::set<int> numbers;
    for (const AgentBlock* block : solo_blocks(agent.name)) numbers.insert(block->block);
    row.blocks = static_cast<int>(numbers.size());
    row.p50 = latency->p50;
    row.p75 = latency->p75;
    row.p90 = latency->p90;
    row.p95 = latency->p95;
    row.p99 = latency->p99;
    row.rate_per_s = rate_of(solo_blocks(agent.name), 1);
    row.overloaded = std::ranges::any_of(summary.loads, &Load::overloaded);
    return row;
  }

  SetResult measure(const Set& set, const std::vector<const AgentBlock*>& blocks) {
    SetResult result;
    std::vector<AgentInfo> agents;
    std::map<std::string, int> copies;
    for (const std::size_t place : set) {
      const AgentInfo& agent = agents_[place];
      result.agents.push_back(agent.name);
      if (++copies[agent.name] == 1) agents.push_back(agent);
    }
    // One block of each agent, whatever its copies are called.
    std::map<std::pair<std::string, std::int64_t>, AgentBlock> pooled;
    std::map<int, int> numbers;
    for (const AgentBlock* block : blocks) {
      const std::string agent = original(block->agent);
      const auto [at, first] = pooled.try_emplace({agent, block->window_start_ns}, *block);
      at->second.agent = agent;
      if (!first) pool(at->second, *block);
      ++numbers[block->block];
    }
    result.blocks = static_cast<int>(numbers.size());
    std::map<std::string, std::vector<const AgentBlock*>> shared_of;
    std::vector<AgentBlock> shared;
    for (auto& [key, block] : pooled) {
      shared_of[key.first].push_back(&block);
      shared.push_back(block);
    }
    const Summary summary = summary_of(agents, std::move(shared));
    for (const AgentInfo& agent : agents) {
      MatrixCell cell = cell_of(summary, agent.name);
      cell.copies = copies[agent.name];
      cell.kept = ratio_of(rate_of(shared_of[agent.name], cell.copies),
                           rate_of(solo_blocks(agent.name), 1));
      result.cells.push_back(std::move(cell));
    }
    result.kept_sum = sum_of_kept(result.cells, shared_of);
    return result;
  }

  // Student's t over the sums of the blocks, and in quadrature what each baseline's interval adds
  // (docs/matrix.md).
  [[nodiscard]] Estimate sum_of_kept(
      const std::vector<MatrixCell>& cells,
      const std::map<std::string, std::vector<const AgentBlock*>>& shared_of) const {
    Estimate sum{0, {}, {}};
    std::map<std::int64_t, std::pair<double, std::size_t>> of_block;  // by its start
    double below = 0;
    double above = 0;
    bool bounded = true;
    for (const MatrixCell& cell : cells) {
      if (!cell.kept.value) return {};
      const Estimate alone = rate_of(solo_blocks(cell.agent), 1);
      const double kept = cell.copies * *cell.kept.value;
      *sum.value += kept;
      for (const AgentBlock* block : shared_of.at(cell.agent)) {
        auto& [kept_in_block, agents] = of_block[block->window_start_ns];
        kept_in_block += *rate_of({block}, 1).value / *alone.value;
        ++agents;
      }
      bounded &= has_interval(alone) && *alone.ci_low > 0;
      if (!bounded) continue;
      below += std::pow(kept * (1 - *alone.value / *alone.ci_high), 2);
      above += std::pow(kept * (*alone.value / *alone.ci_low - 1), 2);
    }
    std::vector<double> sums;
    for (const auto& [start, block] : of_block) {
      if (block.second == cells.size()) sums.push_back(block.first);
    }
    const Estimate spread = mean_with_interval(sums);
    if (!bounded || !has_interval(spread)) return sum;
    const double reach = *spread.ci_high - *spread.value;
    sum.ci_low = std::max(0.0, *sum.value - std::sqrt(reach * reach + below));
    sum.ci_high = *sum.value + std::sqrt(reach * reach + above);
    return sum;
  }

  static MatrixCell cell_of(const Summary& summary, const std::string& agent) {
    MatrixCell cell;
    cell.agent = agent;
    if (const auto* latency = find_result(summary, agent, Phase::kShared, Measure::kLatency)) {
      cell.n = latency->n;
      cell.blocks = latency->blocks;
      cell.p50 = latency->p50;
      cell.p75 = latency->p75;
      cell.p90 = latency->p90;
      cell.p95 = latency->p95;
      cell.p99 = latency->p99;
    }
    for (const Load& load : summary.loads) {
      if (load.agent != agent || !load.overloaded) continue;
      cell.overloaded = true;
      cell.why = load.why;
    }
    for (const SloOutcome& slo : summary.slos) {
      if (slo.agent == agent && (slo.met || slo.missed)) cell.slo_met = slo.met;
    }
    const Degradation* p99 = find_degradation(summary, agent, Measure::kLatency, 0.99);
    if (p99) {
      cell.df = p99->ratio;
      cell.verdict = p99->verdict;
      cell.samples_needed = p99->samples_needed;
    }
    if (cell.verdict == Verdict::kCannotConclude && !has_interval(cell.df)) {
      for (const double quantile : kLowerQuantiles) {
        const auto* lower = find_degradation(summary, agent, Measure::kLatency, quantile);
        if (!lower || !has_interval(lower->ratio)) continue;
        cell.quantile = quantile;
        cell.df = lower->ratio;
        break;
      }
    }
    if (const auto* time = find_degradation(summary, agent, Measure::kGpuTime, 0.99)) {
      cell.gpu_time_df = time->ratio;
    }
    return cell;
  }

  const RunData& data_;
  const std::vector<AgentInfo>& agents_;
  std::vector<std::string> warnings_;
};

}  // namespace

Matrix contention(const RunData& data) { return Contention(data).compute(); }

const SetResult* find_set(const Matrix& matrix, std::vector<std::string> agents) {
  std::ranges::sort(agents);
  const auto found = std::ranges::find_if(matrix.sets, [&](const SetResult& set) {
    std::vector<std::string> sorted = set.agents;
    std::ranges::sort(sorted);
    return sorted == agents;
  });
  return found == matrix.sets.end() ? nullptr : &*found;
}

const MatrixCell* find_cell(const SetResult& set, std::string_view agent) {
  const auto found = std::ranges::find(set.cells, agent, &MatrixCell::agent);
  return found == set.cells.end() ? nullptr : &*found;
}

int exit_code(const Matrix& matrix) {
  const bool settled = matrix.open.empty() && matrix.damage.empty();
  return settled ? 0 : static_cast<int>(ErrorCode::kInconclusive);
}

}  // namespace kts::analysis
