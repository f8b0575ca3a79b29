// SPDX-License-Identifier: Apache-2.0
#include "json_values.hpp"
#include "kts/report/fleet.hpp"
#include "words.hpp"

namespace kts::report {
namespace {

Json fleet_node(const FleetSummary& summary, std::size_t i) {
  const analysis::FleetNode& node = summary.fleet.nodes[i];
  const auto& measured = summary.summaries[i];
  Json verdicts = Json::array();
  if (measured) {
    for (const AgentView& view : views(*measured)) {
      verdicts.push_back({{"agent", view.info->name}, {"verdict", verdict_words(view)}});
    }
  }
  return {{"node", node.node},
          {"exit_code", node.exit_code},
          {"reason", text(node.reason)},
          {"device", measured ? text(measured->device.name) : Json(nullptr)},
          {"gpu_uuid", measured ? text(measured->device.uuid) : Json(nullptr)},
          {"verdicts", std::move(verdicts)}};
}

Json comparison(const FleetSummary& summary, const analysis::FleetRow& row) {
  Json values = Json::array();
  for (std::size_t i = 0; i < row.estimates.size(); ++i) {
    const analysis::Estimate& estimate = row.estimates[i];
    const bool judged = row.band && estimate.value;
    values.push_back({{"node", summary.fleet.nodes[i].node},
                      {"value", optional(estimate.value)},
                      {"ci_low", optional(estimate.ci_low)},
                      {"ci_high", optional(estimate.ci_high)},
                      {"outlier", judged ? Json(static_cast<bool>(row.outlier[i])) : Json()}});
  }
  return {{"agent", row.agent},         {"quantity", name(row.quantity)},
          {"unit", unit(row.quantity)}, {"median", optional(row.median)},
          {"band", optional(row.band)}, {"values", std::move(values)}};
}

}  // namespace

std::string fleet_json(const FleetSummary& summary) {
  const analysis::Fleet& fleet = summary.fleet;
  Json nodes = Json::array();
  for (std::size_t i = 0; i < fleet.nodes.size(); ++i) nodes.push_back(fleet_node(summary, i));
  const Json document{
      {"schema", "kts.fleet_summary/1"},
      {"fleet",
       {{"id", fleet.id},
        {"scenario", fleet.scenario},
        {"started", text(fleet.started)},
        {"selector", fleet.selector},
        {"namespace", text(fleet.name_space)},
        {"image", text(fleet.image)}}},
      {"nodes", std::move(nodes)},
      {"comparisons",
       array(summary.rows, [&](const auto& row) { return comparison(summary, row); })},
      {"exit_code", exit_code(summary)}};
  return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace kts::report
