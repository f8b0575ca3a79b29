// SPDX-License-Identifier: Apache-2.0
#include "chains.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "distribution.hpp"
#include "kts/base/units.hpp"
#include "kts/record/codec.hpp"
#include "kts/stats/quantile.hpp"
#include "load_lines.hpp"

namespace kts::analysis {
namespace {

constexpr std::uint64_t kFewestAround = 20;

// One request's steps; those that weren't read are empty.
using ChainRequest = std::vector<std::optional<record::Iteration>>;

struct ChainLogs {
  std::map<std::uint64_t, ChainRequest> requests;
  std::optional<std::uint64_t> due;  // as the first agent counted them
  std::uint64_t lost = 0;            // steps without their lines
};

Status read_step_lines(const std::filesystem::path& path, const std::string& agent,
                       const scenario::Chain& chain, ChainLogs& logs) {
  KTS_TRY(LineReader reader, LineReader::open(path));
  LineReader::Line line;
  std::optional<record::Iteration> last;
  std::uint64_t steps = 0;
  while (reader.next(line)) {
    const record::Line parsed = record::parse_line(line.text);
    if (!line.whole) continue;
    if (const auto* v2 = std::get_if<record::V2Record>(&parsed)) {
      last = v2->iteration;
    } else if (const auto* record = std::get_if<record::StepRecord>(&parsed)) {
      ++steps;
      if (record->agent != agent) {
        return bad_input(
            fmt::format("a step of agent '{}' in the log of '{}'", record->agent, agent),
            "keep each agent's output in its own log", at_line(path, line.number));
      }
      if (record->chain != chain.name) continue;
      const record::Step& step = record->step;
      if (step.step >= chain.steps.size() || chain.steps[step.step] != agent) {
        return bad_input(
            fmt::format("chain '{}' has no step {} of this agent", chain.name, step.step),
            "scenario.yaml and the log belong to different runs", at_line(path, line.number));
      }
      // Its record was lost.
      if (!last || last->seq != step.seq) {
        ++logs.lost;
        continue;
      }
      ChainRequest& request = logs.requests[step.request];
      request.resize(chain.steps.size());
      auto& place = request[step.step];
      if (place && *place != *last) {
        return bad_input(fmt::format("a second step {} of request {} that differs from the first",
                                     step.step, step.request),
                         "keep the lines of one block in one log", at_line(path, line.number));
      }
      place = *last;
    } else if (const auto* end_line = std::get_if<record::EndLine>(&parsed)) {
      const auto end = record::parse_end(end_line->json);
      if (!end) continue;
      logs.lost += std::max(end->steps.value_or(steps), steps) - steps;
      for (const auto& [name, count] : end->chain_requests) {
        const auto* number = std::get_if<std::int64_t>(&count);
        if (name == chain.name && number != nullptr && *number >= 0) {
          logs.due = static_cast<std::uint64_t>(*number);
        }
      }
    }
  }
  return reader.status();
}

bool is_complete(const ChainRequest& request) {
  return std::ranges::all_of(request, [](const auto& step) { return step.has_value(); });
}

// The whole way as one iteration, whose parts are the sums of the steps' parts.
record::Iteration whole_way(std::uint64_t number, const ChainRequest& request) {
  // Modulo 2^64: what a damaged file says of the device may not fit on the way.
  std::uint64_t backlog = 0;
  std::uint64_t wait = 0;
  std::uint64_t time = 0;
  const auto add = [](std::uint64_t& sum, std::int64_t ns) {
    sum += static_cast<std::uint64_t>(ns);
  };
  const auto after = [](std::int64_t instant, std::uint64_t ns) {
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(instant) + ns);
  };
  bool device = true;
  for (const auto& step : request) {
    add(backlog, length_ns(*step, Measure::kBacklog));
    if (step->gpu_start_ns == record::kUnavailable) {
      device = false;
      continue;
    }
    add(wait, length_ns(*step, Measure::kGpuWait));
    add(time, length_ns(*step, Measure::kGpuTime));
  }
  record::Iteration way;
  way.seq = number;
  way.due_ns = request.front()->due_ns;
  way.submit_ns = after(way.due_ns, backlog);
  way.done_ns = request.back()->done_ns;
  if (device) {
    way.gpu_start_ns = after(way.submit_ns, wait);
    way.gpu_end_ns = after(way.gpu_start_ns, time);
  }
  return way;
}

void append_steps(const ChainRequest& request, ChainBlock& block) {
  block.latency.append(request.back()->done_ns - request.front()->due_ns);
  for (std::size_t step = 0; step < request.size(); ++step) {
    block.steps[step].latency.append(length_ns(*request[step], Measure::kLatency));
    block.steps[step].work.append(length_ns(*request[step], Measure::kGpuTime));
  }
}

// Sums of one step over the requests that count.
struct StepSum {
  double latency_ns = 0;
  double work_ns = 0;
  std::uint64_t n = 0;
  std::uint64_t worked = 0;  // whose time of work is known

  void add(std::int64_t latency, std::int64_t work) {
    latency_ns += static_cast<double>(latency);
    ++n;
    if (work == record::kUnavailable) return;
    work_ns += static_cast<double>(work);
    ++worked;
  }
  [[nodiscard]] ChainStep step(const std::string& agent) const {
    ChainStep out;
    out.agent = agent;
    if (n == 0) return out;
    out.latency_ms = latency_ns / static_cast<double>(n) / 1e6;
    if (worked < n) return out;
    out.work_ms = work_ns / static_cast<double>(n) / 1e6;
    out.wait_ms = *out.latency_ms - *out.work_ms;
    return out;
  }
};

// Over requests whose latency lies within the bounds.
ChainDivision divide(std::string at, const std::vector<const ChainBlock*>& blocks,
                     const std::vector<std::string>& agents, double low_ns, double high_ns) {
  std::vector<StepSum> sums(agents.size());
  for (const ChainBlock* block : blocks) {
    for (std::size_t i = 0; i < block->latency.size(); ++i) {
      const auto latency = static_cast<double>(block->latency[i]);
      if (latency < low_ns || latency > high_ns) continue;
      for (std::size_t k = 0; k < sums.size(); ++k) {
        sums[k].add(block->steps[k].latency[i], block->steps[k].work[i]);
      }
    }
  }
  ChainDivision division;
  division.at = std::move(at);
  division.n = sums.front().n;
  for (std::size_t k = 0; k < sums.size(); ++k) division.steps.push_back(sums[k].step(agents[k]));
  return division;
}

// Around p95 and p99, as far as there are requests enough.
std::vector<ChainDivision> divide_tails(const std::vector<const ChainBlock*>& blocks,
                                        const std::vector<std::string>& agents) {
  std::vector<std::int64_t> latencies;
  for (const ChainBlock* block : blocks) {
    for (std::size_t i = 0; i < block->latency.size(); ++i) latencies.push_back(block->latency[i]);
  }
  std::vector<ChainDivision> divisions;
  stats::QuantileSelector<std::int64_t> selector(latencies);
  for (const RankWindow& window : kRankWindows) {
    if (window.quantile < 0.9 || latencies.empty()) continue;
    const double low = *selector.quantile(window.quantile - window.reach);
    const double high = *selector.quantile(window.quantile + window.reach);
    ChainDivision division = divide(std::string(window.name), blocks, agents, low, high);
    if (division.n >= kFewestAround) divisions.push_back(std::move(division));
  }
  return divisions;
}

}  // namespace

Status load_chain_block(const scenario::Chain& chain, const ChainBlockFolder& folder,
                        RunData& data) {
  ChainLogs logs;
  for (const std::string& agent : std::set(chain.steps.begin(), chain.steps.end())) {
    KTS_CHECK_OK(read_step_lines(folder.path / (agent + ".log"), agent, chain, logs));
  }
  AgentBlock prototype = folder.prototype;
  prototype.agent = chain.name;
  SampleCollector collector(prototype, folder.window, folder.segments, logs.requests.size());
  ChainBlock& steps = data.chains.emplace_back();
  steps.chain = chain.name;
  steps.agents = chain.steps;
  steps.block = prototype.block;
  steps.phase = prototype.phase;
  steps.steps.resize(chain.steps.size());
  std::int64_t last_done_ns = folder.window.stop_ns;
  std::int64_t due_before_ns = 0;
  for (const auto& [number, request] : logs.requests) {
    if (!is_complete(request)) continue;
    for (std::size_t k = 1; k < request.size(); ++k) {
      if (request[k]->due_ns == request[k - 1]->done_ns) continue;
      return bad_input(fmt::format("request {} of chain '{}': step {} is not due when step {} was "
                                   "done",
                                   number, chain.name, k, k - 1),
                       "measure again", folder.path.string());
    }
    const record::Iteration way = whole_way(number, request);
    if (way.due_ns < due_before_ns) {
      return bad_input(fmt::format("request {} of chain '{}' is due before the one ahead of it",
                                   number, chain.name),
                       "measure again", folder.path.string());
    }
    due_before_ns = way.due_ns;
    last_done_ns = std::max(last_done_ns, way.done_ns);
    collector.add(way, length_ns(way, Measure::kGpuTime));
    ++steps.finished;
    if (way.due_ns >= folder.window.sample_from_ns && way.due_ns < folder.window.stop_ns) {
      append_steps(request, steps);
    }
  }
  const std::uint64_t due = std::max<std::uint64_t>(logs.due.value_or(0), logs.requests.size());
  steps.unfinished = due - steps.finished;

  std::vector<AgentBlock> samples = collector.take();
  const std::uint64_t lost = std::min(steps.unfinished, logs.lost);
  const std::uint64_t abandoned = steps.unfinished - lost;
  samples.front().lost = lost;
  samples.back().abandoned = abandoned;
  samples.back().due_in_window += abandoned;
  for (AgentBlock& block : samples) {
    // The device worked for its agents: it stands in nobody's way by itself.
    block.due_gap = {};
    block.meta.emplace();
    block.meta->agent = chain.name;
    block.meta->arrival = workload::name(chain.arrival.process);
    block.end.emplace();
    block.end->agent = chain.name;
    block.end->iterations = steps.finished;
    block.end->abandoned = abandoned;
    block.end->drain_ns = last_done_ns - folder.window.stop_ns;
  }
  std::move(samples.begin(), samples.end(), std::back_inserter(data.blocks));
  return {};
}

AgentInfo describe_chain(const scenario::Chain& chain) {
  AgentInfo info;
  info.name = chain.name;
  info.workload = fmt::format("{}", fmt::join(chain.steps, " → "));
  info.arrival = workload::describe(chain.arrival);
  info.baseline = chain.name;
  if (chain.slo) {
    info.slo_quantile = chain.slo->quantile;
    info.slo_latency_ms = to_ms(chain.slo->latency.count());
  }
  return info;
}

std::vector<ChainPhase> divide_chains(const RunData& data) {
  std::vector<ChainPhase> phases;
  std::vector<std::string> names;
  for (const ChainBlock& block : data.chains) {
    if (std::ranges::find(names, block.chain) == names.end()) names.push_back(block.chain);
  }
  for (const std::string& name : names) {
    for (const Phase phase : {Phase::kSolo, Phase::kShared}) {
      std::vector<const ChainBlock*> blocks;
      for (const ChainBlock& block : data.chains) {
        if (block.chain != name || block.phase != phase) continue;
        // Blocks that weren't shared have no samples any more.
        const bool counts = std::ranges::any_of(data.blocks, [&](const AgentBlock& other) {
          return other.agent == name && other.block == block.block;
        });
        if (counts) blocks.push_back(&block);
      }
      if (blocks.empty()) continue;
      ChainPhase& out = phases.emplace_back();
      out.chain = name;
      out.phase = phase;
      for (const ChainBlock* block : blocks) {
        out.finished += block->finished;
        out.unfinished += block->unfinished;
      }
      const std::vector<std::string>& agents = blocks.front()->agents;
      constexpr double kAll = std::numeric_limits<double>::infinity();
      out.divisions.push_back(divide("mean", blocks, agents, -kAll, kAll));
      std::ranges::move(divide_tails(blocks, agents), std::back_inserter(out.divisions));
    }
  }
  return phases;
}

}  // namespace kts::analysis
