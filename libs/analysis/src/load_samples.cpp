// SPDX-License-Identifier: Apache-2.0
#include "load_samples.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "kts/stats/quantile.hpp"

namespace kts::analysis {

SampleCollector::SampleCollector(const AgentBlock& prototype, const SampleWindow& window,
                                 int segments, std::uint64_t expected)
    : window_(window),
      length_ns_(window.stop_ns - window.start_ns),
      third_ns_(length_ns_ / 3),
      keeps_due_(prototype.active.size() > (prototype.phase == Phase::kShared ? 0 : 1)),
      blocks_(static_cast<std::size_t>(segments), prototype) {
  const std::int64_t sampled_ns = window.stop_ns - window.sample_from_ns;
  std::int64_t from = window.start_ns;
  for (int k = 0; k < segments; ++k) {
    AgentBlock& block = blocks_[static_cast<std::size_t>(k)];
    block.window_start_ns = from;
    // Whole division first: the product of a length and a count could overflow.
    from = k + 1 == segments ? window.stop_ns
                             : window.sample_from_ns + sampled_ns / segments * (k + 1);
    block.window_stop_ns = from;
    const std::uint64_t share = expected / static_cast<std::uint64_t>(segments) + 1;
    const std::uint64_t room = segments == 1 ? share : share + share / 4;
    for (SampleColumn* column :
         {&block.latency, &block.backlog, &block.gpu_wait, &block.gpu_time}) {
      column->reserve(room);
    }
    if (keeps_due_) block.due_gap.reserve(room);
  }
  for (auto* backlogs : {&backlog_first_third_, &backlog_last_third_}) {
    backlogs->reserve(expected / 3 + 1);
  }
  segment_until_ =
      segments == 1 ? std::numeric_limits<std::int64_t>::max() : blocks_.front().window_stop_ns;
}

void SampleCollector::open_next_segment() {
  ++segment_;
  segment_until_ = segment_ + 1 == blocks_.size() ? std::numeric_limits<std::int64_t>::max()
                                                  : blocks_[segment_].window_stop_ns;
}

AgentBlock& SampleCollector::segment_at(std::int64_t done_ns) {
  // An iteration is done in the segment in which it was due, or soon after.
  std::size_t k = segment_;
  while (k > 0 && done_ns < blocks_[k].window_start_ns) --k;
  while (k + 1 < blocks_.size() && done_ns >= blocks_[k].window_stop_ns) ++k;
  return blocks_[k];
}

std::vector<AgentBlock> SampleCollector::take() {
  const auto median = [](std::vector<std::int64_t>& values) {
    return stats::QuantileSelector<std::int64_t>(values).quantile(0.5);
  };
  const std::optional<double> first = median(backlog_first_third_);
  const std::optional<double> last = median(backlog_last_third_);
  for (AgentBlock& block : blocks_) {
    block.backlog_median_first_third_ns = first;
    block.backlog_median_last_third_ns = last;
  }
  return std::move(blocks_);
}

std::uint64_t count_beyond_bound(std::span<const AgentBlock> blocks, std::int64_t bound_ns) {
  std::uint64_t count = 0;
  for (const AgentBlock& block : blocks) {
    for (std::size_t i = 0; i < block.latency.size(); ++i) {
      const std::int64_t wait = block.gpu_wait[i];
      const std::int64_t time = block.gpu_time[i];
      if (wait == record::kUnavailable || time == record::kUnavailable) continue;
      const std::int64_t notify = block.latency[i] - block.backlog[i] - wait - time;
      if (std::min({wait, time, notify}) < -bound_ns) ++count;
    }
  }
  return count;
}

}  // namespace kts::analysis
