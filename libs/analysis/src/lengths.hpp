// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "kts/analysis/run_data.hpp"

namespace kts::analysis {

// The measure's column; notify has none, being what the other three leave of latency.
[[nodiscard]] inline const SampleColumn& column(const AgentBlock& block, Measure measure) {
  switch (measure) {
    case Measure::kBacklog:
      return block.backlog;
    case Measure::kGpuWait:
      return block.gpu_wait;
    case Measure::kGpuTime:
      return block.gpu_time;
    case Measure::kTtft:
      return block.ttft;
    case Measure::kItl:
      return block.itl;
    case Measure::kLatency:
    case Measure::kNotify:
      break;
  }
  return block.latency;
}

[[nodiscard]] inline bool has_device_instants(const AgentBlock& block, std::size_t i) {
  return block.gpu_wait[i] != record::kUnavailable && block.gpu_time[i] != record::kUnavailable;
}

// The lengths that latency is made of; each may be unavailable.
struct LatencyParts {
  std::int64_t latency, backlog, gpu_wait, gpu_time;

  [[nodiscard]] std::int64_t notify() const {
    for (const std::int64_t part : {latency, backlog, gpu_wait, gpu_time}) {
      if (part == record::kUnavailable) return record::kUnavailable;
    }
    // Modulo 2^64: steps on the way may not fit, the result is done - gpu_end and does.
    return static_cast<std::int64_t>(
        static_cast<std::uint64_t>(latency) - static_cast<std::uint64_t>(backlog) -
        static_cast<std::uint64_t>(gpu_wait) - static_cast<std::uint64_t>(gpu_time));
  }
};
[[nodiscard]] inline LatencyParts parts_of(const AgentBlock& block, std::size_t i) {
  return {block.latency[i], block.backlog[i], block.gpu_wait[i], block.gpu_time[i]};
}

// Calls visit(ns) for each length of the measure that is available, in due order.
template <typename Visit>
void for_each_length(const AgentBlock& block, Measure measure, Visit visit) {
  if (measure == Measure::kNotify) {
    for (std::size_t i = 0; i < block.latency.size(); ++i) {
      if (const std::int64_t ns = parts_of(block, i).notify(); ns != record::kUnavailable)
        visit(ns);
    }
    return;
  }
  const SampleColumn& lengths = column(block, measure);
  const auto narrow = lengths.narrow();
  for (std::size_t i = 0; i < narrow.size(); ++i) {
    if (narrow[i] == SampleColumn::kNone) continue;
    visit(narrow[i] == SampleColumn::kWide ? lengths[i] : std::int64_t{narrow[i]});
  }
}

// Whether every length of the measure fits in 32 bits; derived ones aren't promised to.
[[nodiscard]] inline bool is_narrow(const AgentBlock& block, Measure measure) {
  return measure != Measure::kNotify && column(block, measure).wide().empty();
}

}  // namespace kts::analysis
