// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kts/base/clock.hpp"
#include "kts/base/error.hpp"
#include "kts/scenario/sharing.hpp"
#include "kts/workload/arrival.hpp"
#include "kts/workload/spec.hpp"

namespace kts::scenario {

struct Slo {
  double quantile = 0.99;
  Nanoseconds latency{0};
  friend bool operator==(const Slo&, const Slo&) = default;
};

struct AgentSpec {
  std::string name;  // [a-z0-9]([a-z0-9-]*[a-z0-9])?, at most 63 characters
  workload::WorkloadSpec workload;
  int threads = 1;  // CPU backend
  workload::ArrivalSpec arrival;
  int in_flight = 1;
  std::uint64_t seed = 0;  // filled in from the scenario's seed and the agent's place
  std::optional<Slo> slo;
  std::optional<MpsSpec> mps;        // mode mps only
  std::optional<StreamSpec> stream;  // mode streams only
  friend bool operator==(const AgentSpec&, const AgentSpec&) = default;
};

// A part of a chain's way: one agent's step, or parts that come one after the other or side by
// side.
struct ChainPart {
  std::string agent;                  // empty: it is made of `parts`
  std::vector<ChainPart> parts = {};  // two or more
  friend bool operator==(const ChainPart&, const ChainPart&) = default;
};

// Agents that wait for each other: a request of it becomes due at its first step, and at each other
// one when all that come right before it are done.
struct Chain {
  std::string name;  // as an agent's, and none of theirs
  workload::ArrivalSpec arrival;
  // One after the other; the parts of one of them side by side, theirs one after the other again,
  // and so on by turns. Each agent as often as it is needed.
  std::vector<ChainPart> way;
  std::uint64_t seed = 0;  // filled in from the scenario's seed and the chain's place
  std::optional<Slo> slo;  // of the whole chain
  friend bool operator==(const Chain&, const Chain&) = default;
};

// A step by its number, which is its place in the order in which the way names the agents.
struct ChainStep {
  std::string agent;
  // The steps that must be done before, ascending and all of smaller numbers; none: the chain
  // begins here.
  std::vector<std::size_t> after;
  friend bool operator==(const ChainStep&, const ChainStep&) = default;
};
// Where a chain goes several ways at once.
struct ChainFork {
  struct Branch {
    std::string words;               // "embed → search"
    std::vector<std::size_t> heads;  // its first steps: one, unless it begins by a fork itself
  };
  std::vector<Branch> branches;
};
[[nodiscard]] std::vector<ChainStep> steps_of(const Chain& chain);
// The outer ones first.
[[nodiscard]] std::vector<ChainFork> forks_of(const Chain& chain);
// "router → (guard | embed → search) → thinker".
[[nodiscard]] std::string describe_way(const Chain& chain);

// kMatrix: solo blocks, and blocks of each of the plan's sets (kts matrix).
enum class Order { kInterleaved, kStudy, kMatrix };
[[nodiscard]] std::string_view name(Order order);

struct Plan {
  int cycles = 10;
  Nanoseconds block{2'000'000'000};
  Order order = Order::kInterleaved;
  std::vector<std::vector<std::string>> sets = {};  // kMatrix: agents that are active together
  bool others_absent = false;  // kMatrix: processes of others than a set's are not there
  // kInterleaved: each cycle has a block more for each agent, shared by all but that one.
  bool leave_one_out = false;
  friend bool operator==(const Plan&, const Plan&) = default;
};

struct Scenario {
  std::string name;
  std::string device = "auto";           // auto | cpu | cuda[:N]
  std::string sharing = "time-slicing";  // exclusive | time-slicing | mps | mig | streams
  std::string sync = "auto";             // auto | spin | block
  std::uint64_t seed = 1;
  Plan plan;
  std::vector<AgentSpec> agents;
  std::vector<Chain> chains;
  std::vector<Variant> variants;  // for kts modes
  friend bool operator==(const Scenario&, const Scenario&) = default;
};

// Whole validation; errors name file:line, the key, and for an unknown key the nearest known one.
[[nodiscard]] Result<Scenario> parse(std::string_view yaml, std::string_view where);
// A trace's file is looked for beside the scenario's, but not yet read.
[[nodiscard]] Result<Scenario> load(const std::filesystem::path& path);
// Every default filled in; parse reads it back to an equal scenario.
[[nodiscard]] std::string to_yaml(const Scenario& scenario);

// The scenario as a matrix: with no sets of its own, those of all multisets of its agents of 2 to
// `slots`. An agent that stands in a set more than once gets copies ("fft-2", of another seed), so
// that in the result a set names nobody twice. kBadInput when that makes too many agents or sets.
[[nodiscard]] Result<Scenario> as_matrix(Scenario scenario, int slots);

// How many agents' processes are there at once, at most.
[[nodiscard]] std::size_t most_alive(const Scenario& scenario);

// The same agents in another sharing mode, without what they asked of others.
[[nodiscard]] Scenario in_mode(Scenario scenario, std::string_view mode);
[[nodiscard]] Scenario in_variant(const Scenario& scenario, const Variant& variant);
// In mode mps with a static partition for each agent; those that ask for none have alike of what
// the others leave.
[[nodiscard]] Scenario in_partitions(Scenario scenario);
[[nodiscard]] bool wants_partitions(const Scenario& scenario);
// kBadInput when an agent asks something of another mode than the scenario's.
[[nodiscard]] Status check_demands(const Scenario& scenario);
// kBadInput when an agent asks what engines of this device's kind ("cpu", "cuda") can't do: known
// before any device is touched.
[[nodiscard]] Status check_engines(const Scenario& scenario, std::string_view device_kind);
// kBadInput when the plan leaves agents out and can't: fewer than three, or another order.
[[nodiscard]] Status check_leave_one_out(const Scenario& scenario);

// Who is measured alone: the agent and those that chains tie it to, by their places, ascending.
[[nodiscard]] std::vector<std::size_t> party_of(const Scenario& scenario, std::size_t agent);
// A chain's name, or the agent's that is in none.
[[nodiscard]] std::string party_name(const Scenario& scenario,
                                     const std::vector<std::size_t>& party);

// What there is to say of an agent's trace: how much of it will be replayed.
struct TraceNote {
  std::string agent;
  std::string text;
};
// Reads the traces of all agents; kBadInput names file:line of what is wrong in one.
[[nodiscard]] Result<std::vector<TraceNote>> read_traces(const Scenario& scenario);

// Two agents with an equal solo baseline: same workload, arrival, in_flight (rates and all) and
// demands. What comes from chains is never alike.
[[nodiscard]] bool same_baseline(const AgentSpec& a, const AgentSpec& b);

}  // namespace kts::scenario
