// SPDX-License-Identifier: Apache-2.0
#include "kts/analysis/fleet.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "kts/base/files.hpp"
#include "kts/stats/outliers.hpp"

namespace kts::analysis {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kSchema = "kts.fleet/1";
constexpr std::array kQuantities{FleetQuantity::kSoloP50, FleetQuantity::kSoloP99,
                                 FleetQuantity::kSharedP99, FleetQuantity::kDegradation};

// Fields of one JSON object, and where it stands.
class Fields {
 public:
  Fields(const Json& object, std::string where) : object_(object), where_(std::move(where)) {}

  [[nodiscard]] Status text(const char* key, std::string& to) const {
    const auto found = object_.find(key);
    if (found == object_.end() || !found->is_string()) return wrong(key, "text");
    to = found->get<std::string>();
    return {};
  }
  [[nodiscard]] Status number(const char* key, int& to) const {
    const auto found = object_.find(key);
    if (found == object_.end() || !found->is_number_integer()) return wrong(key, "a whole number");
    to = found->get<int>();
    return {};
  }

 private:
  [[nodiscard]] tl::unexpected<Error> wrong(const char* key, const char* wanted) const {
    return bad_input(fmt::format("'{}' is not {}", key, wanted),
                     "it is written by kts run --nodes; mend it or measure again", where_);
  }
  const Json& object_;
  std::string where_;
};

Result<FleetNode> parse_node(const Json& object, const std::string& where) {
  if (!object.is_object()) return bad_input("a node that is no object", {}, where);
  FleetNode node;
  const Fields fields(object, where);
  KTS_CHECK_OK(fields.text("node", node.node));
  KTS_CHECK_OK(fields.number("exit_code", node.exit_code));
  KTS_CHECK_OK(fields.text("reason", node.reason));
  if (node.node.empty() || node.node.find('/') != std::string::npos || node.node.starts_with('.')) {
    return bad_input(fmt::format("'{}' is no node's name", node.node), {}, where);
  }
  return node;
}

Estimate estimate_of(const Summary& summary, const std::string& agent, FleetQuantity quantity) {
  if (quantity == FleetQuantity::kDegradation) {
    const Degradation* df = find_degradation(summary, agent, Measure::kLatency, 0.99);
    return df == nullptr ? Estimate{} : df->ratio;
  }
  const Phase phase = quantity == FleetQuantity::kSharedP99 ? Phase::kShared : Phase::kSolo;
  const MeasureResult* result = find_result(summary, agent, phase, Measure::kLatency);
  if (result == nullptr) return {};
  return quantity == FleetQuantity::kSoloP50 ? result->p50 : result->p99;
}

FleetRow compare(const std::vector<std::optional<Summary>>& summaries, const std::string& agent,
                 FleetQuantity quantity) {
  FleetRow row;
  row.agent = agent;
  row.quantity = quantity;
  std::vector<std::optional<stats::Peer>> peers;
  for (const auto& summary : summaries) {
    const Estimate& estimate =
        row.estimates.emplace_back(summary ? estimate_of(*summary, agent, quantity) : Estimate{});
    auto& peer = peers.emplace_back();
    if (estimate.value) peer = {*estimate.value, {estimate.ci_low, estimate.ci_high}};
  }
  stats::Peers compared = stats::compare_peers(peers);
  row.median = compared.median;
  row.band = compared.band;
  row.outlier = std::move(compared.outlier);
  return row;
}

}  // namespace

bool is_fleet(const std::filesystem::path& folder) {
  std::error_code ec;
  return std::filesystem::exists(folder / kFleetFile, ec);
}

std::filesystem::path node_folder(const std::filesystem::path& folder, std::string_view node) {
  return folder / "nodes" / node;
}

std::string to_json(const Fleet& fleet) {
  Json nodes = Json::array();
  for (const FleetNode& node : fleet.nodes) {
    nodes.push_back({{"node", node.node}, {"exit_code", node.exit_code}, {"reason", node.reason}});
  }
  const Json document{{"schema", kSchema},          {"id", fleet.id},
                      {"scenario", fleet.scenario}, {"started", fleet.started},
                      {"selector", fleet.selector}, {"namespace", fleet.name_space},
                      {"image", fleet.image},       {"nodes", std::move(nodes)}};
  return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<Fleet> load_fleet(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / kFleetFile;
  KTS_TRY(const std::string text, read_file(path));
  const Json document = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!document.is_object()) return bad_input("is not a JSON object", {}, path.string());
  const Fields fields(document, path.string());
  std::string schema;
  KTS_CHECK_OK(fields.text("schema", schema));
  if (schema != kSchema) {
    return bad_input(fmt::format("schema '{}' is not {}", schema, kSchema),
                     "report it with the kts that wrote it", path.string());
  }
  Fleet fleet;
  for (const auto& [key, to] :
       {std::pair{"id", &fleet.id}, std::pair{"scenario", &fleet.scenario},
        std::pair{"started", &fleet.started}, std::pair{"selector", &fleet.selector},
        std::pair{"namespace", &fleet.name_space}, std::pair{"image", &fleet.image}}) {
    KTS_CHECK_OK(fields.text(key, *to));
  }
  const auto nodes = document.find("nodes");
  if (nodes == document.end() || !nodes->is_array() || nodes->empty()) {
    return bad_input("'nodes' is no list of nodes", {}, path.string());
  }
  for (std::size_t i = 0; i < nodes->size(); ++i) {
    KTS_TRY(FleetNode node,
            parse_node((*nodes)[i], fmt::format("{}: nodes[{}]", path.string(), i)));
    fleet.nodes.push_back(std::move(node));
  }
  return fleet;
}

std::string_view name(FleetQuantity quantity) {
  switch (quantity) {
    case FleetQuantity::kSoloP50:
      return "solo_p50";
    case FleetQuantity::kSoloP99:
      return "solo_p99";
    case FleetQuantity::kSharedP99:
      return "shared_p99";
    case FleetQuantity::kDegradation:
      return "degradation_p99";
  }
  return "";
}

std::string_view unit(FleetQuantity quantity) {
  return quantity == FleetQuantity::kDegradation ? "ratio" : "ms";
}

FleetSummary compare_nodes(Fleet fleet, std::vector<std::optional<Summary>> summaries) {
  FleetSummary out;
  out.fleet = std::move(fleet);
  out.summaries = std::move(summaries);
  out.summaries.resize(out.fleet.nodes.size());
  std::vector<std::string> agents;
  for (const auto& summary : out.summaries) {
    if (!summary) continue;
    for (const AgentInfo& agent : summary->agents) {
      if (std::ranges::find(agents, agent.name) == agents.end()) agents.push_back(agent.name);
    }
  }
  for (const std::string& agent : agents) {
    for (const FleetQuantity quantity : kQuantities) {
      out.rows.push_back(compare(out.summaries, agent, quantity));
    }
  }
  return out;
}

int exit_code(const FleetSummary& summary) {
  const auto& nodes = summary.fleet.nodes;
  const auto ended = [&](int code) {
    return std::ranges::any_of(nodes,
                               [code](const FleetNode& node) { return node.exit_code == code; });
  };
  if (ended(130)) return 130;
  const bool measured = std::ranges::any_of(
      summary.summaries, [](const auto& one) { return one && !one->results.empty(); });
  if (!measured) {
    if (nodes.empty()) return 4;
    const int first = nodes.front().exit_code;
    const bool alike = std::ranges::all_of(
        nodes, [first](const FleetNode& node) { return node.exit_code == first; });
    return alike && first != 0 ? first : 4;
  }
  for (const FleetNode& node : nodes) {
    if (node.exit_code != 0 && node.exit_code != 3) return 5;
  }
  for (const auto& one : summary.summaries) {
    if (one && !one->inconclusive.empty()) return 5;
  }
  if (ended(3)) return 3;
  const bool missed = std::ranges::any_of(
      summary.summaries, [](const auto& one) { return one && exit_code(*one) == 3; });
  return missed ? 3 : 0;
}

}  // namespace kts::analysis
