// SPDX-License-Identifier: Apache-2.0
// Attributes: cmd/gpu-kubelet-plugin/deviceinfo.go of NVIDIA/k8s-dra-driver-gpu.
#include "resource_slices.hpp"

#include <algorithm>

#include "quantity.hpp"

namespace kts::cluster {

std::map<std::string, std::vector<DraDevice>> dra_devices(
    const std::vector<kube::Value>& resource_slices) {
  std::map<std::string, std::int64_t> newest;
  const auto generation = [](const kube::Value& spec) {
    return spec["pool"]["generation"].integer().value_or(0);
  };
  for (const kube::Value& slice : resource_slices) {
    const kube::Value spec = slice["spec"];
    auto& best = newest[spec["driver"].text() + "/" + spec["pool"]["name"].text()];
    best = std::max(best, generation(spec));
  }
  std::map<std::string, std::vector<DraDevice>> out;
  for (const kube::Value& slice : resource_slices) {
    const kube::Value spec = slice["spec"];
    if (spec["driver"].text() != kGpuDriver ||
        generation(spec) < newest[spec["driver"].text() + "/" + spec["pool"]["name"].text()]) {
      continue;
    }
    for (const kube::Value& device : spec["devices"].items()) {
      // Until v1beta1 the particulars stood one level down.
      const kube::Value basic = device["basic"].exists() ? device["basic"] : device;
      const kube::Value attributes = basic["attributes"];
      DraDevice found;
      found.name = device["name"].text();
      found.type = attributes["type"]["string"].text();
      if (found.type != "gpu" && found.type != "mig") continue;
      found.product = attributes["productName"]["string"].text();
      found.uuid = attributes["uuid"]["string"].text();
      found.memory_bytes = parse_quantity(basic["capacity"]["memory"]["value"].text());
      out[spec["nodeName"].text()].push_back(std::move(found));
    }
  }
  return out;
}

}  // namespace kts::cluster
