// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "kts/base/error.hpp"
#include "kts/cluster/dcgm_exporter.hpp"
#include "kts/cluster/snapshot.hpp"
#include "kts/cluster/status.hpp"
#include "kts/runner/memory.hpp"

namespace kts::kubernetes {

// Where the user wants a run to be.
struct Wishes {
  std::size_t agents = 1;
  std::string sharing;  // the scenario's: what must be in force
  std::string node;     // empty: any
  std::map<std::string, std::string> node_selector;
  std::string resource;  // empty: the one that the node shares
  std::string claim;     // ResourceClaim that brings the GPU; then no resource is asked for
  std::optional<std::string> runtime_class;
  bool allow_neighbours = false;
  std::vector<runner::AgentMemory> memory;  // what they will take of one card; empty: nothing
};

// Where it will be. What isn't known is empty, and warned of.
struct Place {
  std::string node;
  std::map<std::string, std::string> node_selector;
  std::string resource;
  std::string claim;
  std::string runtime_class;
  std::optional<std::int64_t> cards;
  std::optional<std::uint64_t> card_bytes;  // memory of the one that all agents are to share
  std::optional<std::int64_t> slots;        // of the resource, on the node
  std::optional<std::int64_t> free_slots;
  std::vector<int> cores;  // of the node; empty: not known
  std::string product, driver, kernel, os_image, container_runtime, kubelet;
  std::string sharing_source;  // "plugin log"
  std::optional<cluster::DcgmExporter> dcgm_exporter;
  std::vector<std::string> neighbours;  // "namespace/pod" of others that hold its GPUs
  bool sees_neighbours = false;         // whether others' pods can be seen
  std::vector<std::string> warnings;
};

// The node with most free slots among those that fit. kEnvironment when none does: no such node,
// a card that is known to be too small for what the agents allocate, another sharing mode in force
// (with the command that changes it), or others' pods on its GPUs that weren't allowed for.
// kBadInput for what pods can't do at all. A pure function.
[[nodiscard]] Result<Place> choose_place(const cluster::ClusterStatus& status,
                                         const cluster::Snapshot& snapshot, const Wishes& wishes);

}  // namespace kts::kubernetes
