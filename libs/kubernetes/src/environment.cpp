// SPDX-License-Identifier: Apache-2.0
#include "kts/kubernetes/environment.hpp"

#include <cmath>
#include <nlohmann/json.hpp>

#include "kts/base/version.hpp"

namespace kts::kubernetes {
namespace {

using Json = nlohmann::ordered_json;

void put(Json& to, const char* key, const std::string& text) {
  if (!text.empty()) to[key] = text;
}
double in_ms(double seconds) { return std::round(seconds * 1e3) / 1e3; }

}  // namespace

std::string to_json(const Environment& e) {
  Json device{{"kind", e.device_kind}, {"name", e.device_name}, {"uuid", e.device_uuid}};
  put(device, "driver", e.place.driver);
  if (e.place.card_bytes) device["memory_bytes"] = *e.place.card_bytes;
  Json node{{"name", e.place.node}};
  put(node, "product", e.place.product);
  put(node, "os_image", e.place.os_image);
  put(node, "container_runtime", e.place.container_runtime);
  put(node, "kubelet", e.place.kubelet);
  if (e.place.cards) node["cards"] = *e.place.cards;
  if (e.place.slots) node["slots"] = *e.place.slots;
  Json pods = Json::array();
  for (const PodFacts& pod : e.pods) {
    Json one{{"agent", pod.agent}, {"pod", pod.pod}, {"uid", pod.uid}};
    put(one, "gpu_uuid", pod.gpu_uuid);
    put(one, "uuid_source", pod.uuid_source);
    one["operand_bytes"] = pod.operand_bytes;
    one["throttled_usec"] = pod.throttled_usec;
    one["log_reattached"] = pod.reattached;
    one["chunks_damaged"] = pod.damaged;
    put(one, "kts", pod.kts_version);
    put(one, "commit", pod.kts_commit);
    pods.push_back(std::move(one));
  }
  Json kubernetes{{"server", e.server_version},
                  {"namespace", e.name_space},
                  {"run", e.run},
                  {"image", e.image},
                  {"resource", e.place.resource}};
  put(kubernetes, "claim", e.place.claim);
  put(kubernetes, "runtime_class", e.place.runtime_class);
  put(kubernetes, "sharing_source", e.place.sharing_source);
  kubernetes["node"] = std::move(node);
  kubernetes["pods"] = std::move(pods);
  if (!e.dcgm.exporter.empty()) {
    Json& dcgm =
        kubernetes["dcgm"] = {{"exporter", e.dcgm.exporter}, {"readings", e.dcgm.readings}};
    if (e.dcgm.renewal_s) dcgm["renewal_s"] = in_ms(*e.dcgm.renewal_s);
  }
  kubernetes["allow_neighbours"] = e.allow_neighbours;
  kubernetes["neighbours"] = e.place.neighbours;
  kubernetes["repeated"] = e.repeated;
  kubernetes["times_s"] = {{"until_ready", in_ms(e.times.until_ready)},
                           {"until_told", in_ms(e.times.until_told)},
                           {"until_begun", in_ms(e.times.until_begun)},
                           {"blocks", in_ms(e.times.blocks)},
                           {"until_records", in_ms(e.times.until_records)},
                           {"until_removed", in_ms(e.times.until_removed)}};

  Json out{{"schema", "kts.environment/1"},
           {"started", e.started},
           {"device", std::move(device)},
           {"sharing", e.sharing},
           {"sync", e.sync}};
  put(out, "kernel", e.place.kernel.empty() ? "" : "Linux " + e.place.kernel);
  out["memory"] = Json::parse(runner::to_json(e.memory));
  out["kubernetes"] = std::move(kubernetes);
  out["versions"] = {{"kts", version()}};
  out["commit"] = commit();
  out["warnings"] = e.warnings;
  out["inconclusive"] = e.inconclusive;
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace kts::kubernetes
