// SPDX-License-Identifier: Apache-2.0
#include "json_values.hpp"

namespace kts::report {

Json estimate_json(const analysis::Estimate& e) {
  return {{"value", optional(e.value)},
          {"ci_low", optional(e.ci_low)},
          {"ci_high", optional(e.ci_high)}};
}

Json run_json(const analysis::Summary& s) {
  return {{"id", s.run_id},
          {"scenario", text(s.scenario)},
          {"started", text(s.started)},
          {"duration_s", s.duration_s},
          {"sharing", text(s.sharing)},
          {"device",
           {{"kind", text(s.device.kind)},
            {"name", text(s.device.name)},
            {"uuid", text(s.device.uuid)},
            {"driver", text(s.device.driver)}}},
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

}  // namespace kts::report
