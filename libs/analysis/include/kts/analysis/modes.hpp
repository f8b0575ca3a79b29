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

// What kts modes set out to do, and what became of it: modes/plan.json beside the runs' folders.
struct ModesPlan {
  // One way of sharing beside one company of neighbours.
  struct Entry {
    std::string way;      // "time-slicing", or a variant's name
    std::string sharing;  // its mode
    std::string company;  // "gemm", "gemm at in_flight 4"
    std::string folder;   // of its run, relative; empty: there is none
    std::string reason;   // why there is none, or why it is not whole
    // Agents and chains whose rates count; empty (in old plans): all but the compared one.
    std::vector<std::string> neighbours = {};
  };
  // An agent alone, in mode exclusive; or a chain, its agents together and nobody else.
  struct Baseline {
    std::string agent;
    std::string company;  // empty: the same in all
    std::string folder;
  };
  // Another agent or chain whose latency matters: the same runs are told from where it stands.
  struct Other {
    std::string agent;
    std::string party;  // as the baselines name whom it is measured alone with; usually itself
  };
  std::string scenario;
  // Whose latency is compared, a chain's or an agent's: the one with an objective, else the first.
  std::string agent;
  int rounds = 1;
  std::vector<Baseline> baselines;
  std::vector<Entry> entries;
  std::vector<Other> others = {};  // none in old plans
};
[[nodiscard]] std::string to_json(const ModesPlan& plan);
[[nodiscard]] Status write_plan(const ModesPlan& plan, const std::filesystem::path& folder);
[[nodiscard]] bool is_modes_folder(const std::filesystem::path& folder);

// One row of the comparison. All of the compared agent, unless said otherwise.
struct ModeResult {
  ModesPlan::Entry entry;
  bool measured = false;
  std::uint64_t n = 0;
  int blocks = 0;
  Estimate p50, p95, p99, p999;  // latency when shared, ms
  Estimate df;                   // of p99, against its own solo blocks in the same mode
  Estimate df_common;            // of p99, against the common baseline
  std::optional<bool> slo_met;   // empty: no objective, or not settled
  struct Neighbour {
    std::string agent;
    std::optional<double> rate_per_s;  // when shared
    Estimate kept;                     // of its rate alone
  };
  std::vector<Neighbour> neighbours;
  // Mean of the neighbours', if all are known, and of their bounds: the mean is no less sure than
  // they are, however they depend on each other.
  Estimate kept_ratio;
  std::optional<std::uint64_t> memory_in_use_bytes;  // of all agents together
  std::optional<MemoryUse> memory;                   // empty where the run says nothing of it
  std::vector<std::string> inconclusive;
};

struct CompanyResult {
  std::string company;
  std::vector<ModeResult> modes;
  std::optional<std::size_t> best;  // in modes; empty: nothing can be recommended
  std::string advice;               // in plain words, with the reason
};

struct ModesSummary {
  std::string id;
  std::string scenario;
  AgentInfo agent;
  DeviceInfo device;
  std::string started;
  int rounds = 1;
  MeasureResult baseline;                      // latency alone
  std::string baseline_sharing = "exclusive";  // its mode; of a chain time-slicing, of its agents
  std::vector<CompanyResult> companies;
  std::string advice;  // over all companies; where another light agent does better otherwise
  std::vector<std::string> warnings;
  // What spoils the comparison whatever is advised: why a baseline's run can't conclude, and what
  // of any run is damaged.
  std::vector<std::string> spoilt = {};
  // The other light agents, each in the runs that it took part in; they have no warnings of their
  // own, and what is spoilt is told above.
  std::vector<ModesSummary> others = {};
};

// kBadInput when the folder isn't one of kts modes, or a run in it can't be read.
[[nodiscard]] Result<ModesSummary> load_modes(const std::filesystem::path& folder);
// Fills in who is best and why, of the others too.
void advise(ModesSummary& summary);
// Why the command ends with 5: what is spoilt, and beside whom nothing can be recommended to the
// compared agent.
[[nodiscard]] std::vector<std::string> inconclusive(const ModesSummary& summary);
// Of the compared agent: 5 when something is inconclusive; 3 when it has an objective that no way
// meets; else 0.
[[nodiscard]] int exit_code(const ModesSummary& summary);

}  // namespace kts::analysis
