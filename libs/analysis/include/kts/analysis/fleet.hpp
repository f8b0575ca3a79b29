// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kts/analysis/summary.hpp"
#include "kts/base/error.hpp"

namespace kts::analysis {

// How the run of one node ended.
struct FleetNode {
  std::string node;
  int exit_code = 0;   // its run's
  std::string reason;  // why that isn't 0, one line
  friend bool operator==(const FleetNode&, const FleetNode&) = default;
};

// The same scenario on each of several nodes, as fleet.json keeps it (kts.fleet/1). What was
// measured is in nodes/NODE, a run's folder like any other.
struct Fleet {
  std::string id;  // the folder's name
  std::string scenario;
  std::string started;  // ISO 8601 UTC
  std::string selector;
  std::string name_space, image;
  std::vector<FleetNode> nodes;
  friend bool operator==(const Fleet&, const Fleet&) = default;
};
inline constexpr const char* kFleetFile = "fleet.json";
[[nodiscard]] bool is_fleet(const std::filesystem::path& folder);
[[nodiscard]] std::filesystem::path node_folder(const std::filesystem::path& folder,
                                                std::string_view node);
[[nodiscard]] std::string to_json(const Fleet& fleet);
// kBadInput names the file and the field that isn't as it should be.
[[nodiscard]] Result<Fleet> load_fleet(const std::filesystem::path& folder);

// What nodes are compared by, each of an agent's latency.
enum class FleetQuantity { kSoloP50, kSoloP99, kSharedP99, kDegradation };
[[nodiscard]] std::string_view name(FleetQuantity quantity);  // "solo_p99", "degradation_p99"
[[nodiscard]] std::string_view unit(FleetQuantity quantity);  // "ms"; "ratio"

struct FleetRow {
  std::string agent;
  FleetQuantity quantity = FleetQuantity::kSharedP99;
  std::optional<double> median;     // of the nodes that have a value
  std::optional<double> band;       // stats::Peers; empty: too few nodes to name one
  std::vector<Estimate> estimates;  // one a node
  std::vector<bool> outlier;        // one a node
};

// All that renderers may say of a fleet. Nothing here depends on two nodes' clocks.
struct FleetSummary {
  Fleet fleet;
  std::vector<std::optional<Summary>> summaries;  // one a node; empty: nothing was measured
  std::vector<FleetRow> rows;                     // agents in the scenario's order
};
[[nodiscard]] FleetSummary compare_nodes(Fleet fleet,
                                         std::vector<std::optional<Summary>> summaries);
// 0; 3: an SLO was missed on some node; 5: some node has no conclusion; where none was measured
// what they ended with, 4 if that differs; 130: interrupted.
[[nodiscard]] int exit_code(const FleetSummary& summary);

}  // namespace kts::analysis
