// SPDX-License-Identifier: Apache-2.0
#include "pod_use.hpp"

#include <algorithm>

#include "quantity.hpp"

namespace kts::cluster {
namespace {

using Counts = std::map<std::string, std::int64_t>;

std::int64_t count(const kube::Value& quantity) {
  if (const auto number = quantity.integer()) return *number;
  return parse_quantity(quantity.text()).value_or(0);
}

Counts of_container(const kube::Value& container) {
  Counts out;
  // Extended resources have requests equal to limits; either may stand alone.
  for (const char* key : {"limits", "requests"}) {
    for (const auto& [name, quantity] : container["resources"][key].members()) {
      if (name.starts_with(kNvidia)) out[name] = count(quantity);
    }
  }
  return out;
}

void add(Counts& to, const Counts& more) {
  for (const auto& [name, number] : more) to[name] += number;
}

}  // namespace

bool is_terminal(const kube::Value& pod) {
  const std::string phase = pod["status"]["phase"].text();
  return phase == "Succeeded" || phase == "Failed";
}

Counts gpu_requests(const kube::Value& pod) {
  const kube::Value spec = pod["spec"];
  Counts sidecars, largest_init;
  for (const kube::Value& init : spec["initContainers"].items()) {
    Counts beside = sidecars;
    add(beside, of_container(init));
    if (init["restartPolicy"].text() == "Always") {
      sidecars = std::move(beside);
      continue;
    }
    for (const auto& [name, number] : beside) {
      largest_init[name] = std::max(largest_init[name], number);
    }
  }
  Counts out = std::move(sidecars);
  for (const kube::Value& container : spec["containers"].items()) add(out, of_container(container));
  for (const auto& [name, number] : largest_init) out[name] = std::max(out[name], number);
  std::erase_if(out, [](const auto& entry) { return entry.second == 0; });
  return out;
}

}  // namespace kts::cluster
