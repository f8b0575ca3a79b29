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

using Layout = std::vector<scenario::ChainStep>;

// One request's steps; those that weren't read are empty.
struct StepTaken {
  record::Iteration iteration;
  std::int32_t last = record::kNoStep;  // as the record says
  friend bool operator==(const StepTaken&, const StepTaken&) = default;
};
using ChainRequest = std::vector<std::optional<StepTaken>>;

struct ChainLogs {
  std::map<std::uint64_t, ChainRequest> requests;
  std::optional<std::uint64_t> due;  // as the first agents counted them
  std::uint64_t lost = 0;            // steps without their lines
};

Status read_step_lines(const std::filesystem::path& path, const std::string& agent,
                       const std::string& chain, const Layout& layout, ChainLogs& logs) {
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
      if (record->chain != chain) continue;
      const record::Step& step = record->step;
      if (step.step >= layout.size() || layout[step.step].agent != agent) {
        return bad_input(fmt::format("chain '{}' has no step {} of this agent", chain, step.step),
                         "scenario.yaml and the log belong to different runs",
                         at_line(path, line.number));
      }
      const std::vector<std::size_t>& after = layout[step.step].after;
      if (step.last != record::kNoStep &&
          std::ranges::find(after, static_cast<std::size_t>(step.last)) == after.end()) {
        return bad_input(fmt::format("step {} of chain '{}' doesn't wait for step {}", step.step,
                                     chain, step.last),
                         "scenario.yaml and the log belong to different runs",
                         at_line(path, line.number));
      }
      // Its record was lost.
      if (!last || last->seq != step.seq) {
        ++logs.lost;
        continue;
      }
      ChainRequest& request = logs.requests[step.request];
      request.resize(layout.size());
      auto& place = request[step.step];
      const StepTaken taken{*last, step.last};
      if (place && *place != taken) {
        return bad_input(fmt::format("a second step {} of request {} that differs from the first",
                                     step.step, step.request),
                         "keep the lines of one block in one log", at_line(path, line.number));
      }
      place = taken;
    } else if (const auto* end_line = std::get_if<record::EndLine>(&parsed)) {
      const auto end = record::parse_end(end_line->json);
      if (!end) continue;
      logs.lost += std::max(end->steps.value_or(steps), steps) - steps;
      for (const auto& [name, count] : end->chain_requests) {
        const auto* number = std::get_if<std::int64_t>(&count);
        if (name == chain && number != nullptr && *number >= 0) {
          logs.due = std::max(logs.due.value_or(0), static_cast<std::uint64_t>(*number));
        }
      }
    }
  }
  return reader.status();
}

bool is_complete(const ChainRequest& request) {
  return std::ranges::all_of(request, [](const auto& step) { return step.has_value(); });
}

using Path = std::vector<std::size_t>;

// Of these steps the one that was done last; the first of equals.
std::size_t last_done(const ChainRequest& request, const Path& steps) {
  return *std::ranges::max_element(
      steps, {}, [&](std::size_t step) { return request[step]->iteration.done_ns; });
}

// The steps that nothing comes after.
Path ends_of(const Layout& layout) {
  std::vector<bool> goes_on(layout.size(), false);
  for (const scenario::ChainStep& step : layout) {
    for (const std::size_t before : step.after) goes_on[before] = true;
  }
  Path ends;
  for (std::size_t k = 0; k < layout.size(); ++k) {
    if (!goes_on[k]) ends.push_back(k);
  }
  return ends;
}

// The steps that a complete request's latency is the sum of, last one first: from the one that was
// done last back over those that each step waited for. Empty, with the step that isn't due when the
// last one before it was done, where the records don't fit together.
Path critical_path(const Layout& layout, const Path& ends, const ChainRequest& request,
                   std::size_t& misfit) {
  std::vector<std::size_t> waited_for(layout.size(), 0);
  std::int64_t begin_ns = request.front()->iteration.due_ns;
  for (std::size_t k = 0; k < layout.size(); ++k) {
    misfit = k;
    const std::int64_t due_ns = request[k]->iteration.due_ns;
    if (layout[k].after.empty()) {
      if (due_ns != begin_ns) return {};
      continue;
    }
    std::size_t before = last_done(request, layout[k].after);
    if (request[before]->iteration.done_ns != due_ns) return {};
    // Of several that were done at one instant the record says which counted.
    if (request[k]->last != record::kNoStep) {
      before = static_cast<std::size_t>(request[k]->last);
      if (request[before]->iteration.done_ns != due_ns) return {};
    }
    waited_for[k] = before;
  }
  Path path{last_done(request, ends)};
  while (!layout[path.back()].after.empty()) path.push_back(waited_for[path.back()]);
  return path;
}

// The whole way as one iteration, whose parts are the sums over the critical path.
record::Iteration whole_way(std::uint64_t number, const ChainRequest& request, const Path& path) {
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
  for (const std::size_t k : path) {
    const record::Iteration& step = request[k]->iteration;
    add(backlog, length_ns(step, Measure::kBacklog));
    if (step.gpu_start_ns == record::kUnavailable) {
      device = false;
      continue;
    }
    add(wait, length_ns(step, Measure::kGpuWait));
    add(time, length_ns(step, Measure::kGpuTime));
  }
  record::Iteration way;
  way.seq = number;
  way.due_ns = request[path.back()]->iteration.due_ns;
  way.submit_ns = after(way.due_ns, backlog);
  way.done_ns = request[path.front()]->iteration.done_ns;
  if (device) {
    way.gpu_start_ns = after(way.submit_ns, wait);
    way.gpu_end_ns = after(way.gpu_start_ns, time);
  }
  return way;
}

void append_steps(const ChainRequest& request, const Path& path, std::int64_t latency_ns,
                  ChainBlock& block) {
  block.latency.append(latency_ns);
  for (std::size_t k = 0; k < request.size(); ++k) {
    ChainBlock::Step& step = block.steps[k];
    step.latency.append(length_ns(request[k]->iteration, Measure::kLatency));
    step.work.append(length_ns(request[k]->iteration, Measure::kGpuTime));
    step.critical.push_back(std::ranges::find(path, k) != path.end());
  }
}

// Sums of one step over the requests that count.
struct StepSum {
  double own_ns = 0;
  double latency_ns = 0;  // on the critical path, as those below
  double work_ns = 0;
  std::uint64_t n = 0;
  std::uint64_t critical = 0;
  std::uint64_t worked = 0;  // whose time of work is known

  void add(const ChainBlock::Step& step, std::size_t request) {
    const auto latency = static_cast<double>(step.latency[request]);
    own_ns += latency;
    ++n;
    if (!step.critical[request]) return;
    latency_ns += latency;
    ++critical;
    if (step.work[request] == record::kUnavailable) return;
    work_ns += static_cast<double>(step.work[request]);
    ++worked;
  }
  [[nodiscard]] ChainStep step(const scenario::ChainStep& layout) const {
    ChainStep out;
    out.agent = layout.agent;
    out.after = layout.after;
    out.critical = critical;
    if (n == 0) return out;
    out.own_ms = own_ns / static_cast<double>(n) / 1e6;
    out.latency_ms = latency_ns / static_cast<double>(n) / 1e6;
    if (worked < critical) return out;
    out.work_ms = work_ns / static_cast<double>(n) / 1e6;
    out.wait_ms = *out.latency_ms - *out.work_ms;
    return out;
  }
};

// How often each branch was the critical one: as often as one of its first steps was.
ChainFork share_out(const scenario::ChainFork& fork, const std::vector<StepSum>& sums) {
  ChainFork out;
  for (const scenario::ChainFork::Branch& branch : fork.branches) {
    ChainFork::Branch& counted = out.branches.emplace_back();
    counted.words = branch.words;
    for (const std::size_t head : branch.heads) counted.critical += sums[head].critical;
    if (const std::uint64_t n = sums.front().n; n > 0) {
      counted.critical_ratio = static_cast<double>(counted.critical) / static_cast<double>(n);
    }
  }
  return out;
}

// Over requests whose latency lies within the bounds.
ChainDivision divide(std::string at, const std::vector<const ChainBlock*>& blocks, double low_ns,
                     double high_ns) {
  const ChainBlock& any = *blocks.front();
  std::vector<StepSum> sums(any.layout.size());
  for (const ChainBlock* block : blocks) {
    for (std::size_t i = 0; i < block->latency.size(); ++i) {
      const auto latency = static_cast<double>(block->latency[i]);
      if (latency < low_ns || latency > high_ns) continue;
      for (std::size_t k = 0; k < sums.size(); ++k) sums[k].add(block->steps[k], i);
    }
  }
  ChainDivision division;
  division.at = std::move(at);
  division.n = sums.front().n;
  for (std::size_t k = 0; k < sums.size(); ++k) {
    division.steps.push_back(sums[k].step(any.layout[k]));
  }
  for (const scenario::ChainFork& fork : any.forks) {
    division.forks.push_back(share_out(fork, sums));
  }
  return division;
}

// Around p95 and p99, as far as there are requests enough.
std::vector<ChainDivision> divide_tails(const std::vector<const ChainBlock*>& blocks) {
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
    ChainDivision division = divide(std::string(window.name), blocks, low, high);
    if (division.n >= kFewestAround) divisions.push_back(std::move(division));
  }
  return divisions;
}

tl::unexpected<Error> does_not_fit(const scenario::Chain& chain, const Layout& layout,
                                   std::uint64_t number, std::size_t step,
                                   const std::filesystem::path& path) {
  const Path& before = layout[step].after;
  const std::string what =
      before.empty() ? fmt::format("step {} is not due with step 0", step)
      : before.size() == 1
          ? fmt::format("step {} is not due when step {} was done", step, before.front())
          : fmt::format("step {} is not due when the last of steps {} was done", step,
                        fmt::join(before, ", "));
  return bad_input(fmt::format("request {} of chain '{}': {}", number, chain.name, what),
                   "measure again", path.string());
}

}  // namespace

Status load_chain_block(const scenario::Chain& chain, const ChainBlockFolder& folder,
                        RunData& data) {
  const Layout layout = steps_of(chain);
  const Path ends = ends_of(layout);
  ChainLogs logs;
  std::set<std::string> agents;
  for (const scenario::ChainStep& step : layout) agents.insert(step.agent);
  for (const std::string& agent : agents) {
    KTS_CHECK_OK(read_step_lines(folder.path / (agent + ".log"), agent, chain.name, layout, logs));
  }
  AgentBlock prototype = folder.prototype;
  prototype.agent = chain.name;
  SampleCollector collector(prototype, folder.window, folder.segments, logs.requests.size());
  ChainBlock& steps = data.chains.emplace_back();
  steps.chain = chain.name;
  steps.layout = layout;
  steps.forks = forks_of(chain);
  steps.block = prototype.block;
  steps.phase = prototype.phase;
  steps.steps.resize(layout.size());
  std::int64_t last_done_ns = folder.window.stop_ns;
  std::int64_t due_before_ns = 0;
  for (const auto& [number, request] : logs.requests) {
    if (!is_complete(request)) continue;
    std::size_t misfit = 0;
    const Path path = critical_path(layout, ends, request, misfit);
    if (path.empty()) return does_not_fit(chain, layout, number, misfit, folder.path);
    const record::Iteration way = whole_way(number, request, path);
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
      append_steps(request, path, way.done_ns - way.due_ns, steps);
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
  info.workload = describe_way(chain);
  info.is_chain = true;
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
      constexpr double kAll = std::numeric_limits<double>::infinity();
      out.divisions.push_back(divide("mean", blocks, -kAll, kAll));
      std::ranges::move(divide_tails(blocks), std::back_inserter(out.divisions));
    }
  }
  return phases;
}

}  // namespace kts::analysis
