// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kts/kubernetes/place.hpp"

namespace kts::kubernetes {

struct PodFacts {
  std::string agent, pod, uid;
  std::string gpu_uuid, uuid_source;
  std::uint64_t operand_bytes = 0;
  std::int64_t throttled_usec = 0;
  int reattached = 0;         // how often its log had to be opened again
  std::uint64_t damaged = 0;  // chunks that arrived cut, and were printed again
  std::string kts_version, kts_commit;
};

// How long what took, in seconds on kts's own clock.
struct Times {
  double until_ready = 0;    // first Job created … last pod's READY was there
  double until_told = 0;     // … all pods had the plan
  double until_begun = 0;    // … first block began
  double blocks = 0;         // first block's begin … last one's end
  double until_records = 0;  // … all records were there
  double until_removed = 0;  // … all that was made was gone
};

// What the DCGM exporter gave; nothing without one.
struct DcgmFacts {
  std::string exporter;             // "namespace/pod"
  std::uint64_t readings = 0;       // lines of telemetry/dcgm.csv
  std::optional<double> renewal_s;  // how often its values changed; empty: less than twice
};

// What environment.json says of a run as pods.
struct Environment {
  std::string started;  // ISO 8601 UTC
  std::string device_kind, device_name, device_uuid;
  std::string sharing, sync;
  std::string server_version, name_space, run, image;
  Place place;
  bool allow_neighbours = false;
  std::vector<PodFacts> pods;
  std::vector<runner::AgentMemory> memory;
  DcgmFacts dcgm;
  std::vector<std::string> repeated;  // "block 7 (shared): fft: late"
  Times times;
  std::vector<std::string> warnings;
  std::vector<std::string> inconclusive;
};
[[nodiscard]] std::string to_json(const Environment& environment);

}  // namespace kts::kubernetes
