// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kts/record/iteration.hpp"
#include "kts/stats/interval.hpp"
#include "kts/stats/verdict.hpp"

namespace kts::analysis {

using record::Measure;
using stats::name;
using stats::Verdict;

// An estimate in milliseconds (or a ratio), with its 95 % interval; bounds that the samples can't
// give are empty. An empty value: too few samples even for the estimate.
struct Estimate {
  std::optional<double> value;
  std::optional<double> ci_low;
  std::optional<double> ci_high;
};

enum class Phase { kSolo, kShared };
enum class Neighbours { kParked, kAbsent };

struct AgentInfo {
  std::string name;
  std::string workload;  // "fft 4096"
  std::string arrival;   // "poisson 200/s"
  std::optional<double> slo_quantile;
  std::optional<double> slo_latency_ms;
  std::string baseline;  // the agent whose solo blocks stand for its own; usually itself
  // Who was measured alone together, by a name of their own: agents that chains tie to each other,
  // and those chains; empty: itself.
  std::string party = {};
  bool is_chain = false;  // of agents in `party`
};

// One agent, one phase, one measure; all lengths in ms.
struct MeasureResult {
  std::string agent;
  Phase phase = Phase::kSolo;
  std::optional<Neighbours> neighbours;  // solo only; empty when the source doesn't say (v1)
  Measure measure = Measure::kLatency;
  std::uint64_t n = 0;
  int blocks = 0;
  std::uint64_t trimmed = 0;
  std::uint64_t lost = 0;
  std::optional<double> mean;
  Estimate p50, p95, p99, p999;
  Estimate p75 = {}, p90 = {};  // latency, where RunData asks for them
  std::optional<double> max;
  std::optional<double> jitter;            // p99 / p50
  std::optional<double> rate_proxy_per_s;  // 1000 / mean ms
  // Completions in the windows / their length, per second, by Student's t over blocks; latency
  // only.
  Estimate rate_achieved;
  std::optional<double> output_tokens_per_s;  // likewise, of LLM requests' output tokens
};

struct Degradation {
  std::string agent;
  Measure measure = Measure::kLatency;  // latency, gpu_time, ttft or itl
  double quantile = 0.99;               // 0.5, 0.95, 0.99, and what RunData asks for beside them
  Estimate ratio;
  std::optional<Neighbours> baseline;  // of the solo blocks; empty when the source doesn't say (v1)
  Verdict verdict = Verdict::kCannotConclude;  // of latency p99; else kCannotConclude and not shown
  std::optional<std::uint64_t> samples_needed;  // per phase, when it can't be concluded
};

// Growth of one part, shared - solo, ms, around a quantile's latency rank ("mean": all iterations).
struct PartGrowth {
  Measure part = Measure::kBacklog;
  std::optional<double> solo_ms, shared_ms, growth_ms;
  stats::Interval interval = {};  // of the growth
};
// What a part's growth is made of; docs/attribution.md says how each is told.
enum class Cause {
  kEarlierWaits,     // backlog: own requests before it waited for others
  kEarlierWork,      // backlog: own requests before it were at work
  kTurns,            // gpu_wait: another agent had the device
  kSwitches,         // gpu_wait: the device changed from one agent to another
  kLaunch,           // gpu_wait: launch cost, and own work ahead of it in flight
  kSwitchedOut,      // gpu_time: another agent's turn in the middle of the work
  kSwitchesMidWork,  // gpu_time: the changes to it and back
  kExecution,        // gpu_time: work that was not interrupted took longer, or (below 0) less
  kSharing,          // gpu_time where agents run at once: SMs, caches and bandwidth shared
};
struct Explanation {
  Measure part = Measure::kBacklog;
  Cause cause = Cause::kTurns;
  Estimate ms;
  bool estimated = true;     // by the model of turns; else measured
  std::string missing = {};  // why it is empty
  // Before it grew. Of what others cause nothing, but for the agents of a chain, who are alone
  // together.
  std::optional<double> solo_ms = {};
};
struct Attribution {
  std::string agent;
  std::string at;                          // "mean" | "p50" | "p95" | "p99"
  std::uint64_t solo_n = 0, shared_n = 0;  // iterations averaged over
  std::optional<double> latency_growth_ms;
  std::vector<PartGrowth> parts;
  std::optional<double> residue_ms;
  stats::Interval latency_interval = {}, residue_interval = {};
  std::vector<Explanation> explained = {};
};

// How long `agent` waited for `on`: in its own queue, for its turn, and switched out in mid-work,
// switches included; averaged like the attribution at the same place.
struct Wait {
  std::string agent, on, at;
  Estimate ms;
  std::optional<double> backlog_ms, gpu_wait_ms, gpu_time_ms;
  std::optional<double> alone_ms;      // of gpu_wait_ms: nobody else had the device: measured
  std::optional<double> growth_ratio;  // `growth` over the latency's growth
  // Alone it waits for the agents of its own chain and for nobody else, and what it waits for them
  // there is no growth.
  std::optional<double> solo_ms = 0.0;
  Estimate growth = {};  // ms - solo_ms
};

// Whether what an agent pays for another goes away with that one, shown by blocks without it
// (docs/attribution.md).
enum class LeftOutCheck { kAgrees, kDiffers, kCannotTell };
struct LeftOut {
  std::string agent, left_out;
  std::string at;       // "mean" | "p95"
  std::uint64_t n = 0;  // iterations of `agent` without it
  int blocks = 0;       // one a cycle
  Estimate drop;        // of the latency, ms
  Estimate waited;      // for the one left out, at the same place
  Estimate predicted;   // the drop, by the model of turns without it; else as waited
  bool by_model = false;
  LeftOutCheck agreement = LeftOutCheck::kCannotTell;
  std::string missing = {};  // why it cannot tell
  // Of a run that could tell, in all, if intervals shrink by the root of their number.
  std::optional<std::uint64_t> cycles_needed = {};
};

// How agents take turns on the device, and how well that tells the waits which were measured.
struct TurnFigures {
  std::optional<double> slice_ms, switch_ms;
  std::string source;   // "data sheet FILE" | "estimated from this run"
  std::string missing;  // why there are none
};
struct TurnCheck {
  std::string agent;
  std::uint64_t n = 0;  // iterations that the model was asked for
  struct Pair {
    std::optional<double> measured_ms, model_ms;
  };
  Pair p50, p95, p99;  // of gpu_wait, shared
};

// Load of an open agent in one phase.
struct Load {
  std::string agent;
  Phase phase = Phase::kSolo;
  double offered_per_s = 0;
  double completed_per_s = 0;
  std::uint64_t abandoned = 0;  // never begun: the queue was given up after the block
  bool overloaded = false;
  std::string why;  // of overloaded
};

// What averages hide, one agent. Ratios are shared / solo: 1 is no change.
struct Finding {
  std::string agent;
  std::optional<double> rate_achieved_ratio;  // completions per second
  std::optional<double> rate_proxy_ratio;     // 1000 / mean gpu_time in ms (latency if unavailable)
  std::optional<double> mean_latency_ratio;
  std::optional<double> latency_p99_ratio;
  std::optional<double> gpu_time_p99_ratio;
  // Latency p99 is hurt, and the same rule on gpu_time (CUDA events alone) doesn't say so.
  bool event_time_misses_it = false;
};

// The distribution that a CCDF plot draws: latency, ttft or itl, ascending, against the share of
// samples at or above it; thinned to at most a few hundred points, the tail kept whole.
struct Ccdf {
  std::string agent;
  Phase phase = Phase::kSolo;
  std::vector<double> latency_ms;
  std::vector<double> share_above;
  Measure measure = Measure::kLatency;
};

struct DeviceInfo {
  std::string kind;  // "cpu" | "cuda" | "" when unknown (v1)
  std::string name;
  std::string uuid;
  std::string driver;
};

struct SloOutcome {
  std::string agent;
  double quantile = 0;
  double target_ms = 0;
  Estimate shared;      // ms
  bool missed = false;  // the whole interval lies above the target
  bool met = false;     // the whole interval lies at or below it; neither: not settled
};

// What a telemetry source said in the blocks of one phase: of the whole card, whoever uses it, or
// of one agent's process. Only readings that are of the block alone count.
struct Covariate {
  std::string source;   // "nvml", "gpm", "dcgm"
  std::string field;    // "sm_clock_mhz"
  std::string process;  // the agent's whose process it is of; empty: the whole card's
  Phase phase = Phase::kSolo;
  std::string agent;  // the one that was active; empty: all, shared
  std::uint64_t readings = 0;
  int blocks = 0;  // in which there were any
  double mean = 0, min = 0, max = 0;
};
// The same in one block.
struct BlockCovariate {
  std::string block;  // its folder's name
  Covariate covariate;
};

// What the GPU did for one agent in one phase, by CUPTI's records of the iterations of its samples.
// A kernel belongs to the iteration between whose gpu_start and gpu_end its middle lies. Lengths
// contain being switched out. Means, without intervals.
struct KernelUse {
  struct Top {
    std::string name;  // readable
    std::uint64_t n = 0;
    double total_ms = 0;
  };
  std::string agent;
  Phase phase = Phase::kSolo;
  int blocks = 0;
  std::uint64_t iterations = 0;  // samples with device instants
  std::uint64_t n = 0;           // kernels, copies and sets joined to them
  std::uint64_t unjoined = 0;    // between iterations, or of those left out
  std::uint64_t lost = 0;        // CUPTI's or the buffers' losses in these blocks
  // Empty without iterations, and overhang without a kernel.
  std::optional<double> gpu_time_ms;  // mean of the iterations
  std::optional<double> busy_ms;  // mean of the union of an iteration's kernels, copies and sets
  std::optional<double> gap_ms;   // gpu_time - busy: launch gaps, and being switched out between
  std::optional<double>
      overhang_ms;       // the most by which one jutted out of its iteration: clock error
  std::vector<Top> top;  // kernels by total time, at most ten
};

// One of an agent's kernels, alone beside shared. Lengths contain being switched out.
struct KernelMeans {
  std::uint64_t n = 0;           // launches joined to iterations
  std::uint64_t iterations = 0;  // of which each counts, whether it launched the kernel or not
  int blocks = 0;
  double launches_per_iteration = 0;
  Estimate launch_ms;     // a launch's length; empty where there was none
  Estimate iteration_ms;  // all its launches in an iteration
};
struct KernelChange {
  std::string agent;
  std::string name;                         // readable
  std::string symbol;                       // as its compiler mangled it
  std::optional<KernelMeans> solo, shared;  // empty: nothing was traced in these blocks
  Estimate launch_ratio;                    // shared / solo
  Estimate added_ms;                        // to an iteration, shared - solo
};

// A step's mean share of a chain's latency: waiting (its backlog, the device, the caller's notice)
// and the device's work; empty where the device doesn't say. Shares add up to the latency: beside
// others a step has one only in requests on whose critical path it was, the way that was done last.
struct ChainStep {
  std::string agent;
  std::optional<double> latency_ms, wait_ms, work_ms;
  std::vector<std::size_t> after = {};  // places of the steps right before it
  std::uint64_t critical = 0;           // requests on whose critical path it was
  std::optional<double> own_ms = {};    // due to done, on the critical path or not
};
struct ChainFork {
  struct Branch {
    std::string words;  // "embed → search"
    std::uint64_t critical = 0;
    std::optional<double> critical_ratio;  // of the division's requests
  };
  std::vector<Branch> branches;
};
struct ChainDivision {
  std::string at;  // "mean" | "p95" | "p99": the requests around that rank of the chain's latency
  std::uint64_t n = 0;  // requests averaged over
  std::vector<ChainStep> steps;
  std::vector<ChainFork> forks = {};  // outer ones first
};
// How one chain's time divides in one phase. Its latency stands among the results, by its name.
struct ChainPhase {
  std::string chain;
  Phase phase = Phase::kSolo;
  std::uint64_t finished = 0;
  std::uint64_t unfinished = 0;  // given up, or with a lost record
  std::vector<ChainDivision> divisions;
};

// One agent's memory on the device, bytes. Predicted: what it allocates by its shapes, and a
// process's context beside that, which is an estimate. Allocated: what its worker said. Measured:
// the most that its process was seen to hold.
struct AgentMemory {
  std::string agent;
  std::optional<std::uint64_t> weights, kv_cache, activations, operands, workspace, context;
  std::optional<std::uint64_t> predicted, allocated, measured;
  std::string measured_by = {};            // "nvml" | "resident set"
  std::string missing = {};                // why it wasn't measured
  bool grows = false;                      // as it runs, beyond what is predicted
  std::optional<double> error_ratio = {};  // measured / predicted - 1; empty where it grows
};
// All agents' against what the device has; sums are empty where a part of them is.
struct MemoryUse {
  std::vector<AgentMemory> agents;
  std::optional<std::uint64_t> predicted, measured;  // of all at once
  std::optional<std::uint64_t> device;               // of the card, or of the machine with the CPU
  std::optional<double> predicted_share, measured_share, error_ratio;
  std::string measured_by;  // "processes" | "card": what it holds more than before the run
};

// All that renderers may say; they compute nothing.
struct Summary {
  std::string run_id;
  std::string scenario;
  std::string started;  // ISO 8601 UTC, from the records
  double duration_s = 0;
  std::string sharing;
  DeviceInfo device;
  std::string source;            // "kts.records/v2" | "KTS_APP v1"
  bool within_run_only = false;  // 20 time segments of one block stood in for blocks

  std::vector<AgentInfo> agents;
  std::vector<MeasureResult> results;
  std::vector<Degradation> degradation;
  std::vector<Finding> findings;
  std::vector<Attribution> attribution;
  std::vector<Wait> waits;
  std::vector<LeftOut> left_out;
  std::optional<TurnFigures> turns;  // empty where agents take no turns, or nothing is known
  std::vector<TurnCheck> turn_checks;
  std::vector<Load> loads;
  std::vector<SloOutcome> slos;
  std::vector<Ccdf> ccdfs;
  std::vector<ChainPhase> chains;
  std::optional<MemoryUse> memory;  // empty where the run's folder says nothing of it
  std::vector<Covariate> covariates;
  std::vector<KernelUse> kernels;            // of runs that were traced
  std::vector<KernelChange> kernel_changes;  // agent by agent, those that added most first
  std::vector<BlockCovariate> block_covariates;
  // What of the telemetry says nothing of single blocks, why, and what to do about it.
  std::string covariates_missing;
  // What the card did that speaks against comparing solo with shared blocks: throttling, drift,
  // errors. One sentence each.
  std::vector<std::string> conditions;

  std::uint64_t malformed_lines = 0;
  std::uint64_t duplicate_records = 0;
  std::uint64_t foreign_lines = 0;
  std::vector<std::string> warnings;
  // Why the run can't support its conclusion (not shared, overloaded, too few samples); exit 5.
  std::vector<std::string> inconclusive;
};

[[nodiscard]] std::string_view name(Phase phase);
[[nodiscard]] std::string_view name(Neighbours neighbours);
[[nodiscard]] std::string_view name(LeftOutCheck agreement);  // "cannot tell"
[[nodiscard]] std::string_view name(Cause cause);             // "switched_out"
[[nodiscard]] std::string_view words(Cause cause);  // "turns of others in the middle of its work"

// The baseline's row comes first among an agent's solo rows; an agent without solo blocks of its
// own is answered with those of AgentInfo::baseline.
[[nodiscard]] const MeasureResult* find_result(const Summary& summary, std::string_view agent,
                                               Phase phase, Measure measure);
[[nodiscard]] const Degradation* find_degradation(const Summary& summary, std::string_view agent,
                                                  Measure measure, double quantile);
// Beside a number of samples that would do, where there were `had`: ", 1.5 times as many,". Empty
// where there were none.
[[nodiscard]] std::string times_as_many(std::uint64_t had, std::uint64_t needed);
// 0, 3 (an SLO was missed) or 5.
[[nodiscard]] int exit_code(const Summary& summary);

}  // namespace kts::analysis
