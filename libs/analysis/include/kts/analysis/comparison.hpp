// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kts/analysis/summary.hpp"
#include "kts/base/error.hpp"

namespace kts::analysis {

// The summary.json of a run's folder, or such a file: the run, its agents, results, degradation and
// loads; nothing else is read. kBadInput names the file and says how it is made.
[[nodiscard]] Result<Summary> read_summary(const std::filesystem::path& run);

// A quantity of one agent in two runs: a quantile of a phase, or the DF of one.
struct Change {
  std::optional<Phase> phase;  // empty: the DF
  Measure measure = Measure::kLatency;
  double quantile = 0.99;
  Estimate before, after;
  Estimate ratio;  // after / before; empty where the agent was overloaded in that phase
  // Of latency p99 of a phase: by the rule of a DF's verdict.
  std::optional<Verdict> verdict;
  std::optional<std::uint64_t> samples_needed;  // per phase and run, when it can't be concluded
};

enum class Outcome { kSlower, kSame, kFaster, kCannotConclude };
[[nodiscard]] std::string_view name(Outcome outcome);  // "slower", "cannot conclude"

struct AgentComparison {
  std::string agent;
  std::vector<Change> changes;
  // Which of them the outcome is about: latency p99 shared; solo where it isn't shared in both.
  Phase judged = Phase::kShared;
  Outcome outcome = Outcome::kCannotConclude;
  bool overloaded_before = false, overloaded_after = false;  // in the judged phase
  struct Rate {
    Estimate before, after;  // completed per second
    Estimate ratio;          // after / before
  } rate;                    // in the judged phase

  [[nodiscard]] const Change* headline() const;  // null: no samples
};

// Two runs, quantity by quantity. Intervals are each run's own: what changes from run to run of the
// same is not in them.
struct Comparison {
  Summary before, after;
  std::vector<AgentComparison> agents;   // that both have, in the order of `after`
  std::vector<std::string> differences;  // of what was run, on what: "sharing: mps → streams"
};
// kBadInput where they have no agent in common.
[[nodiscard]] Result<Comparison> compare_runs(Summary before, Summary after);

// Of a gate: 0; 3: an agent got slower; 5: of some agent that can't be told.
[[nodiscard]] int exit_code(const Comparison& comparison);

}  // namespace kts::analysis
