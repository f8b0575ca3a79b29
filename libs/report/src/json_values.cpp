// SPDX-License-Identifier: Apache-2.0
#include "json_values.hpp"

namespace kts::report {
namespace {

Json agent_memory(const analysis::AgentMemory& m) {
  return {{"agent", m.agent},
          {"predicted_bytes", optional(m.predicted)},
          {"predicted",
           {{"weights_bytes", optional(m.weights)},
            {"kv_cache_bytes", optional(m.kv_cache)},
            {"activations_bytes", optional(m.activations)},
            {"operands_bytes", optional(m.operands)},
            {"workspace_bytes", optional(m.workspace)},
            {"context_bytes", optional(m.context)}}},
          {"allocated_bytes", optional(m.allocated)},
          {"measured_bytes", optional(m.measured)},
          {"measured_by", text(m.measured_by)},
          {"missing", text(m.missing)},
          {"grows", m.grows},
          {"error_ratio", optional(m.error_ratio)}};
}

}  // namespace

Json estimate_json(const analysis::Estimate& e) {
  return {{"value", optional(e.value)},
          {"ci_low", optional(e.ci_low)},
          {"ci_high", optional(e.ci_high)}};
}

Json device_json(const analysis::DeviceInfo& device) {
  return {{"kind", text(device.kind)},
          {"name", text(device.name)},
          {"uuid", text(device.uuid)},
          {"driver", text(device.driver)}};
}

Json run_json(const analysis::Summary& s) {
  return {{"id", s.run_id},
          {"scenario", text(s.scenario)},
          {"started", text(s.started)},
          {"duration_s", s.duration_s},
          {"sharing", text(s.sharing)},
          {"device", device_json(s.device)},
          {"source", s.source},
          {"within_run_only", s.within_run_only}};
}

Json agent_json(const analysis::AgentInfo& a) {
  Json slo = nullptr;
  if (a.slo_quantile && a.slo_latency_ms) {
    slo = {{"quantile", *a.slo_quantile}, {"latency_ms", *a.slo_latency_ms}};
  }
  return {{"name", a.name},
          {"workload", text(a.workload)},
          {"arrival", text(a.arrival)},
          {"slo", std::move(slo)},
          {"baseline", text(a.baseline)}};
}

Json memory_json(const std::optional<analysis::MemoryUse>& use) {
  if (!use) return nullptr;
  const analysis::MemoryUse& m = *use;
  return {{"device_bytes", optional(m.device)},
          {"predicted_bytes", optional(m.predicted)},
          {"predicted_ratio", optional(m.predicted_share)},
          {"measured_bytes", optional(m.measured)},
          {"measured_by", text(m.measured_by)},
          {"measured_ratio", optional(m.measured_share)},
          {"error_ratio", optional(m.error_ratio)},
          {"agents", array(m.agents, agent_memory)}};
}

}  // namespace kts::report
