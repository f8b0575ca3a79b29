// SPDX-License-Identifier: Apache-2.0
#include "json_values.hpp"
#include "kts/report/cluster.hpp"

namespace kts::report {
namespace {

Json resource(const cluster::ResourceCount& r) {
  return {{"name", r.name},
          {"capacity", r.capacity},
          {"allocatable", r.allocatable},
          {"requested", optional(r.requested)}};
}

Json sharing(const cluster::Sharing& s) {
  return {{"mode", s.mode ? Json(name(*s.mode)) : Json(nullptr)},
          {"shared", optional(s.shared)},
          {"replicas", optional(s.replicas)},
          {"resource", text(s.resource)},
          {"source", text(s.source)}};
}

Json dra_device(const cluster::DraDevice& d) {
  return {{"name", d.name},
          {"type", d.type},
          {"product", text(d.product)},
          {"uuid", text(d.uuid)},
          {"memory_bytes", optional(d.memory_bytes)}};
}

Json node(const cluster::GpuNode& n) {
  return {{"name", n.name},
          {"ready", n.ready},
          {"schedulable", n.schedulable},
          {"product", text(n.product)},
          {"cards", optional(n.cards)},
          {"memory_bytes", optional(n.memory_bytes)},
          {"driver", text(n.driver)},
          {"resources", array(n.resources, resource)},
          {"dra_devices", array(n.dra_devices, dra_device)},
          {"sharing", sharing(n.sharing)},
          {"config",
           {{"key", text(n.config.key)},
            {"chosen_by", text(n.config.chosen_by)},
            {"in_force", optional(n.config.in_force)}}},
          {"plugin", {{"pod", text(n.plugin_pod)}, {"state", text(n.plugin_state)}}},
          {"dcgm_exporter", optional(n.dcgm_exporter)},
          {"budget_bytes", optional(n.budget_bytes)}};
}

Json pod(const cluster::GpuPod& p) {
  Json requests = Json::array();
  for (const auto& [resource_name, count] : p.requests) {
    requests.push_back({{"resource", resource_name}, {"count", count}});
  }
  return {{"namespace", p.name_space},
          {"name", p.name},
          {"node", text(p.node)},
          {"phase", text(p.phase)},
          {"reason", text(p.reason)},
          {"requests", std::move(requests)},
          {"budget_bytes", optional(p.budget_bytes)}};
}

Json owner(const cluster::Owner& o) {
  return {{"tool", o.tool}, {"name", o.name}, {"object", o.object}};
}

Json installation(const cluster::Installation& i) {
  return {{"kind", name(i.kind)},
          {"name", text(i.name)},
          {"namespace", text(i.name_space)},
          {"daemon_set", text(i.daemon_set)},
          {"version", text(i.version)},
          {"config_map", text(i.config_map)},
          {"default_key", text(i.default_key)},
          {"state", text(i.state)},
          {"mig_strategy_environment", text(i.mig_strategy_environment)},
          {"owners", array(i.owners, owner)}};
}

Json warning(const cluster::Warning& w) { return {{"text", w.text}, {"hint", text(w.hint)}}; }

}  // namespace

std::string cluster_json(const cluster::ClusterStatus& s) {
  const Json out{{"schema", "kts.cluster/1"},
                 {"server_version", text(s.server_version)},
                 {"nodes", s.nodes_seen ? array(s.nodes, node) : Json(nullptr)},
                 {"pods", array(s.pods, pod)},
                 {"all_pods_seen", s.pods_seen},
                 {"installations", array(s.installations, installation)},
                 {"runtime_class", optional(s.runtime_class)},
                 {"warnings", array(s.warnings, warning)}};
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace kts::report
