// SPDX-License-Identifier: Apache-2.0
#include "kts/cluster/dcgm_exporter.hpp"

#include "plugin_pod.hpp"

namespace kts::cluster {
namespace {

// As the exporter's chart and the GPU Operator have it.
constexpr const char* kUsualPort = "9400";

std::string port_of(const kube::Value& pod) {
  std::string first;
  for (const kube::Value& container : pod["spec"]["containers"].items()) {
    for (const kube::Value& port : container["ports"].items()) {
      const auto number = port["containerPort"].integer();
      if (!number) continue;
      if (port["name"].text() == "metrics") return std::to_string(*number);
      if (first.empty()) first = std::to_string(*number);
    }
  }
  return first.empty() ? kUsualPort : first;
}

}  // namespace

std::optional<DcgmExporter> dcgm_exporter_on(const Snapshot& snapshot, std::string_view node) {
  if (!snapshot.pods) return std::nullopt;
  for (const kube::Value& pod : *snapshot.pods) {
    if (pod["spec"]["nodeName"].text() != node || pod["status"]["phase"].text() != "Running" ||
        !is_dcgm_exporter(pod)) {
      continue;
    }
    return DcgmExporter{pod["metadata"]["namespace"].text(), pod["metadata"]["name"].text(),
                        port_of(pod)};
  }
  return std::nullopt;
}

}  // namespace kts::cluster
