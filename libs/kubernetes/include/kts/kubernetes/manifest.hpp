// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "kts/base/error.hpp"

namespace kts::kubernetes {

inline constexpr const char* kPlanAnnotation = "kts.dev/plan";
inline constexpr const char* kAckAnnotation = "kts.dev/ack";
inline constexpr const char* kTraceAnnotation = "kts.dev/trace";
inline constexpr const char* kMemoryAnnotation = "kts.dev/gpu-memory-bytes";
inline constexpr const char* kRunLabel = "kts.dev/run";
inline constexpr const char* kAgentLabel = "kts.dev/agent";

inline constexpr const char* kTraceFile = "/etc/kts/trace";

struct Toleration {
  std::string key, value, effect;  // an empty value: any; an empty effect: all
  friend bool operator==(const Toleration&, const Toleration&) = default;
};
// KEY[=VALUE][:EFFECT], as kubectl taint writes it.
[[nodiscard]] Result<Toleration> parse_toleration(std::string_view text);

// One agent's Job: one pod, for the whole run.
struct JobSpec {
  std::string name, name_space;
  std::string run, agent;  // label values
  std::string image, pull_policy;
  std::vector<std::string> worker;   // what stands after "kts-worker pod --"
  std::vector<std::string> command;  // in place of that; empty: it is `kts-worker pod`
  std::string resource;              // of which it gets one; empty: none
  std::string claim;                 // ResourceClaim that brings its GPU instead; empty: none
  std::map<std::string, std::string> node_selector;
  bool together = false;  // on the node of the run's other pods, whichever that is
  std::vector<Toleration> tolerations;
  std::string runtime_class;  // empty: the cluster's default
  int cpu_request_millicores = 250;
  std::string trace;  // of arrivals, CSV, in the pod as kTraceFile; empty: none
  // What the agent will take of the card at least; kts cluster status adds it up.
  std::optional<std::uint64_t> gpu_memory_bytes;
  std::chrono::seconds deadline{3600};
};

// The batch/v1 Job as JSON. A pure function.
[[nodiscard]] std::string to_json(const JobSpec& job);
// All of them as YAML documents, for people and `kubectl apply -f -`.
[[nodiscard]] std::string to_yaml(const std::vector<JobSpec>& jobs);

// A name for the agent's pod number `slot` that Kubernetes takes.
[[nodiscard]] std::string job_name(std::string_view run, std::size_t slot, std::string_view agent);

}  // namespace kts::kubernetes
