// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "kts/analysis/summary.hpp"
#include "kts/record/block_log.hpp"
#include "kts/scenario/scenario.hpp"

namespace kts::analysis {

// Lengths in ns, four bytes each: what doesn't fit (beyond about 2.1 s) stands in a side table, so
// that tens of millions of iterations fit in memory and values stay exact.
class SampleColumn {
 public:
  static constexpr std::int32_t kNone = std::numeric_limits<std::int32_t>::min();
  static constexpr std::int32_t kWide = std::numeric_limits<std::int32_t>::max();

  // record::kUnavailable is stored as kNone.
  void append(std::int64_t ns) {
    if (ns == record::kUnavailable) {
      narrow_.push_back(kNone);
    } else if (ns > kNone && ns < kWide) {
      narrow_.push_back(static_cast<std::int32_t>(ns));
    } else {
      wide_.emplace(narrow_.size(), ns);
      narrow_.push_back(kWide);
    }
  }
  [[nodiscard]] std::int64_t operator[](std::size_t i) const {
    const std::int32_t value = narrow_[i];
    if (value != kNone && value != kWide) return value;
    return value == kNone ? record::kUnavailable : wide_at(i);
  }
  [[nodiscard]] std::size_t size() const { return narrow_.size(); }
  void reserve(std::size_t n) { narrow_.reserve(n); }
  // Raw values for bulk work; kWide entries are looked up in wide().
  [[nodiscard]] std::span<const std::int32_t> narrow() const { return narrow_; }
  [[nodiscard]] const std::map<std::size_t, std::int64_t>& wide() const { return wide_; }

 private:
  // Apart, so that what is read all the time is small enough to be read in place.
  [[gnu::noinline]] std::int64_t wide_at(std::size_t i) const { return wide_.at(i); }

  std::vector<std::int32_t> narrow_;
  std::map<std::size_t, std::int64_t> wide_;
};

// The samples of one agent in one block (or, when one block stands for a whole phase, in one of 20
// equal time segments of it): iterations due inside the trimmed window, in due order.
// notify = latency - backlog - gpu_wait - gpu_time where all are available.
// Segments add up: their windows to the block's, their counts to the block's counts (lost stands in
// the first, abandoned in the last, tokens_lost in the first). What can't be split, `block`, the
// backlog medians, meta and end, is the whole block's in each of them.
struct AgentBlock {
  std::string agent;
  int block = 0;
  Phase phase = Phase::kSolo;
  std::optional<Neighbours> neighbours;
  std::vector<std::string> active = {};  // who else ran, itself included; v2
  std::int64_t window_start_ns = 0;      // untrimmed
  std::int64_t window_stop_ns = 0;

  SampleColumn latency, backlog, gpu_wait, gpu_time;
  // In v2 records of shared blocks, and of solo ones of several: from the previous sample's due
  // time to this one's, of the first from window_start_ns. With it each sample's five instants are
  // known again.
  SampleColumn due_gap = {};
  SampleColumn ttft;  // of LLM requests; else empty
  SampleColumn itl;   // their gaps between tokens, request by request

  std::uint64_t trimmed = 0;    // read, but due outside the trimmed window
  std::uint64_t lost = 0;       // END iterations - records read
  std::uint64_t abandoned = 0;  // END's: due but never begun, since the queue was given up
  std::uint64_t completed_in_window = 0;
  std::uint64_t output_tokens_in_window = 0;  // of requests completed in the window
  std::uint64_t tokens_lost = 0;              // END tokens - token lines read
  std::uint64_t due_in_window = 0;            // those abandoned among them
  // Over the untrimmed window; empty where nothing was due in that third.
  std::optional<double> backlog_median_first_third_ns = 0;
  std::optional<double> backlog_median_last_third_ns = 0;
  std::optional<record::BlockMeta> meta;  // v2
  std::optional<record::BlockEnd> end;    // v2
};

// The requests of one chain in one block that had all their steps, step by step; those that were
// due in the trimmed window, in the order of the chain's own samples.
struct ChainBlock {
  struct Step {
    SampleColumn latency, work;  // done - due, and gpu_time
    std::vector<bool> critical;  // whether it was on the critical path
  };
  std::string chain;
  std::vector<scenario::ChainStep> layout;  // of its steps
  std::vector<scenario::ChainFork> forks;
  int block = 0;
  Phase phase = Phase::kSolo;
  SampleColumn latency;  // of the whole way
  std::vector<Step> steps;
  std::uint64_t finished = 0;    // in all of the block
  std::uint64_t unfinished = 0;  // due, but some step is missing
};

// A shared block that counts for nothing, since it was not what it should be.
struct NotShared {
  int block = 0;
  std::vector<std::string> active;
  std::string why;
};

// Everything that a folder said, before any statistics.
struct RunData {
  Summary header;  // run_id … agents, counts and warnings filled in; results empty
  std::vector<AgentBlock> blocks;  // in time order, per agent
  std::vector<ChainBlock> chains;
  std::vector<double> also_quantiles = {};  // of latency, told beside p50, p95, p99 and p99.9
  std::vector<NotShared> not_shared = {};   // in time order
  // Of what is damaged and left out: "1 of 6 blocks is damaged and left out: blocks/03-shared".
  // Also in header.inconclusive.
  std::vector<std::string> damage = {};
  bool is_matrix = false;  // shared blocks are of several sets: contention() tells of them
  // Which agent's solo blocks are an agent's baseline; itself, unless an equal agent was measured.
  std::map<std::string, std::string> baseline;
  std::optional<TurnFigures> turns;  // of a data sheet; empty: the run itself is asked
};

}  // namespace kts::analysis
