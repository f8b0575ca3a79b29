// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kts/analysis/run_data.hpp"

namespace kts::analysis {

struct SampleWindow {
  std::int64_t start_ns = 0;
  std::int64_t sample_from_ns = 0;  // end of the warm-up
  std::int64_t stop_ns = 0;         // > start_ns
};

// Turns one agent's records of one block, in due order, into its samples.
class SampleCollector {
 public:
  // `prototype` says agent, block, phase and neighbours. `expected` records are made room for,
  // which costs memory only once they come.
  SampleCollector(const AgentBlock& prototype, const SampleWindow& window, int segments,
                  std::uint64_t expected);

  void add(const record::Iteration& i, std::int64_t gpu_time_ns) {
    while (i.due_ns >= segment_until_) open_next_segment();
    AgentBlock& block = blocks_[segment_];
    if (i.done_ns >= window_.start_ns && i.done_ns < window_.stop_ns) {
      AgentBlock& completed = segment_at(i.done_ns);
      ++completed.completed_in_window;
      completed.output_tokens_in_window += static_cast<std::uint64_t>(i.output_tokens);
    }
    const bool in_window = i.due_ns >= window_.start_ns && i.due_ns < window_.stop_ns;
    if (in_window) {
      ++block.due_in_window;
      const std::int64_t since = i.due_ns - window_.start_ns;
      if (since < third_ns_) backlog_first_third_.push_back(i.submit_ns - i.due_ns);
      if (since >= length_ns_ - third_ns_) backlog_last_third_.push_back(i.submit_ns - i.due_ns);
    }
    sampled_ = in_window && i.due_ns >= window_.sample_from_ns;
    if (!sampled_) {
      ++block.trimmed;
      return;
    }
    if (keeps_due_) {
      block.due_gap.append(i.due_ns -
                           (block.due_gap.size() == 0 ? block.window_start_ns : due_ns_));
      due_ns_ = i.due_ns;
    }
    block.latency.append(i.done_ns - i.due_ns);
    block.backlog.append(i.submit_ns - i.due_ns);
    block.gpu_wait.append(length_ns(i, Measure::kGpuWait));
    block.gpu_time.append(gpu_time_ns);
    if (is_request(i)) block.ttft.append(length_ns(i, Measure::kTtft));
  }
  // Between two tokens of the request that was added last.
  void add_token_gap(std::int64_t ns) {
    if (sampled_) blocks_[segment_].itl.append(ns);
  }

  // One a segment; empties the collector.
  [[nodiscard]] std::vector<AgentBlock> take();

 private:
  void open_next_segment();
  AgentBlock& segment_at(std::int64_t done_ns);

  SampleWindow window_;
  std::int64_t length_ns_;
  std::int64_t third_ns_;
  bool keeps_due_;
  std::int64_t due_ns_ = 0;  // of the last sample
  std::vector<AgentBlock> blocks_;
  std::size_t segment_ = 0;
  std::int64_t segment_until_;
  bool sampled_ = false;  // whether the last record was
  std::vector<std::int64_t> backlog_first_third_, backlog_last_third_;
};

// Samples with a device part that is negative by more than `bound_ns`.
[[nodiscard]] std::uint64_t count_beyond_bound(std::span<const AgentBlock> blocks,
                                               std::int64_t bound_ns);

}  // namespace kts::analysis
