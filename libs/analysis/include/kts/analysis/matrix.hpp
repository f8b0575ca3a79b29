// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kts/analysis/run_data.hpp"
#include "kts/analysis/summary.hpp"

namespace kts::analysis {

// One agent beside the rest of its set.
struct MatrixCell {
  std::string agent;
  int copies = 1;  // how many of it are in the set; their samples are pooled
  std::uint64_t n = 0;
  int blocks = 0;
  Estimate p50, p75, p90, p95, p99;  // latency, shared, ms
  // The highest of p99, p95, p90, p75 and p50 of which the samples give a DF with an interval; else
  // p99.
  double quantile = 0.99;
  Estimate df;                                 // of latency at `quantile`
  Verdict verdict = Verdict::kCannotConclude;  // of p99 alone
  std::optional<std::uint64_t> samples_needed;
  Estimate gpu_time_df;  // at p99: what CUDA events alone would say
  Estimate kept;         // throughput of one copy, shared / solo
  bool overloaded = false;
  std::string why;                   // of overloaded, or why there is nothing at all
  std::optional<bool> slo_met = {};  // empty without an SLO, or when it isn't settled
};

// Agents that were active together.
struct SetResult {
  std::vector<std::string> agents;  // in the run's order, an agent as often as it was active
  int blocks = 0;                   // that count
  std::vector<MatrixCell> cells;    // one an agent
  // Sum over all that were active of the throughput kept: 1 is what a card of one's own does for
  // one agent (system throughput, Eyerman & Eeckhout 2008). Empty unless all have theirs. The
  // interval is of the sum itself, block by block, since what one loses another may gain.
  Estimate kept_sum;
  int not_shared = 0;               // blocks that don't count, since they were not
  std::string why_not_shared = {};  // of the last of them
};

struct AloneResult {
  std::string agent;
  std::uint64_t n = 0;
  int blocks = 0;
  Estimate p50, p95, p99;  // latency, ms
  Estimate rate_per_s;     // completions
  bool overloaded = false;
  Estimate p75 = {}, p90 = {};  // likewise
};

// What the agents of a set are predicted to hold of the device's memory.
struct SetMemory {
  std::vector<std::string> agents;
  std::uint64_t predicted = 0;  // bytes
  std::optional<double> share;  // of what the device has
};

struct Matrix {
  Summary header;  // the run, its agents, warnings and reasons; nothing computed
  std::vector<AloneResult> alone;
  std::vector<SetResult> sets;            // by size, then in the order of their agents
  std::optional<SetMemory> largest = {};  // of the sets, by memory; empty where it isn't told
  // Why the command ends with 5. Open, which more blocks may settle: an agent with an SLO (without
  // any, the first) has no verdict in any set. Both also in header.inconclusive.
  std::vector<std::string> open = {};
  std::vector<std::string> damage = {};  // RunData's
};

// What each agent pays in each set that a run measured. Agents of one baseline are copies of one.
[[nodiscard]] Matrix contention(const RunData& data);

// The set's result; `agents` in any order.
[[nodiscard]] const SetResult* find_set(const Matrix& matrix, std::vector<std::string> agents);
[[nodiscard]] const MatrixCell* find_cell(const SetResult& set, std::string_view agent);

// 0, or 5: something is open or damaged.
[[nodiscard]] int exit_code(const Matrix& matrix);

}  // namespace kts::analysis
