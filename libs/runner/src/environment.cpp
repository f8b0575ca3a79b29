// SPDX-License-Identifier: Apache-2.0
#include "environment.hpp"

#include <nlohmann/json.hpp>

#include "kts/base/version.hpp"
#include "kts/telemetry/sources.hpp"

namespace kts::runner {
namespace {
using Json = nlohmann::ordered_json;

double in_seconds(Nanoseconds value) { return std::chrono::duration<double>(value).count(); }

Json to_json(const telemetry::SourceFacts& source) {
  Json out{{"source", source.name}};
  if (const auto* const info = telemetry::find_source(source.name)) out["scope"] = info->scope;
  if (!source.missing.empty()) out["missing"] = source.missing;
  if (source.file.empty()) return out;
  out["file"] = "telemetry/" + source.file;
  out["clock"] = "epoch_ns: CLOCK_MONOTONIC when the answer was there, with the run's own offset";
  out["asked_every_s"] = in_seconds(source.asked_every);
  if (!source.stretched.empty()) out["stretched"] = source.stretched;
  if (source.opening_cpu) out["opening_cpu_s"] = in_seconds(*source.opening_cpu);
  if (source.look_cpu) out["look_cpu_s"] = in_seconds(*source.look_cpu);
  if (source.renewed_every) out["renewed_every_s"] = in_seconds(*source.renewed_every);
  out["readings"] = source.readings;
  out["gaps"] = source.gaps;
  if (!source.refused.empty()) out["refused"] = source.refused;
  return out;
}

}  // namespace

std::string to_json(const Environment& e) {
  Json device{{"kind", e.device_kind}, {"name", e.device_name}, {"uuid", e.device_uuid}};
  if (!e.driver.empty()) device["driver"] = e.driver;
  if (!e.cuda.empty()) device["cuda"] = e.cuda;
  if (e.gpu) {
    if (e.gpu->memory_bytes) device["memory_bytes"] = *e.gpu->memory_bytes;
    if (!e.gpu->compute_mode.empty()) device["compute_mode"] = e.gpu->compute_mode;
    if (e.gpu->mig_enabled) device["mig_enabled"] = *e.gpu->mig_enabled;
    if (e.gpu->max_sm_clock_mhz) device["max_sm_clock_mhz"] = *e.gpu->max_sm_clock_mhz;
  }
  Json cpu{{"model", e.cpu.model}, {"allowed_cores", e.cpu.allowed_cores}};
  if (e.cpu.quota_cores) cpu["quota_cores"] = *e.cpu.quota_cores;
  if (e.cpu.memory_bytes) cpu["memory_bytes"] = *e.cpu.memory_bytes;
  if (!e.cpu.governor.empty()) cpu["governor"] = e.cpu.governor;

  Json out{{"schema", "kts.environment/1"}, {"started", e.started}, {"device", std::move(device)},
           {"sharing", e.sharing},          {"sync", e.sync},       {"kernel", e.cpu.kernel},
           {"cpu", std::move(cpu)}};
  if (e.shared_core) out["shared_core"] = *e.shared_core;
  if (!e.awake_cores.empty()) out["awake_cores"] = e.awake_cores;
  out["memory"] = Json::parse(to_json(e.memory));
  if (e.memory_in_use_bytes) {
    out["memory_in_use_bytes"] = *e.memory_in_use_bytes;
    out["memory_in_use_by"] = e.memory_in_use_by;
  }
  out["telemetry"] = Json::array();
  for (const telemetry::SourceFacts& source : e.telemetry)
    out["telemetry"].push_back(to_json(source));
  out["versions"] = {{"kts", version()}};
  out["commit"] = commit();
  out["warnings"] = e.warnings;
  out["inconclusive"] = e.inconclusive;
  // Names come from the system and need not be valid UTF-8.
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace kts::runner
