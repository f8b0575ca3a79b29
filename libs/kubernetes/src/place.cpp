// SPDX-License-Identifier: Apache-2.0
#include "kts/kubernetes/place.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>

#include "kts/base/units.hpp"

namespace kts::kubernetes {
namespace {

using cluster::GpuNode;

kube::Value find_object(const cluster::Snapshot& snapshot, const std::string& node) {
  if (!snapshot.nodes) return {};
  for (const kube::Value& object : *snapshot.nodes) {
    if (object["metadata"]["name"].text() == node) return object;
  }
  return {};
}

bool fits(const kube::Value& object, const std::map<std::string, std::string>& selector) {
  const kube::Value labels = object["metadata"]["labels"];
  return std::ranges::all_of(selector, [&](const auto& entry) {
    return labels[entry.first].exists() && labels[entry.first].text() == entry.second;
  });
}

std::string resource_of(const GpuNode& node, const Wishes& wishes) {
  if (!wishes.resource.empty()) return wishes.resource;
  return node.sharing.resource.empty() ? "nvidia.com/gpu" : node.sharing.resource;
}

const cluster::ResourceCount* count_of(const GpuNode& node, const std::string& resource) {
  const auto found = std::ranges::find(node.resources, resource, &cluster::ResourceCount::name);
  return found == node.resources.end() ? nullptr : &*found;
}

std::int64_t free_slots(const GpuNode& node, const Wishes& wishes) {
  const auto* count = count_of(node, resource_of(node, wishes));
  return count == nullptr ? -1 : count->allocatable - count->requested.value_or(0);
}

std::string share_command(const Wishes& wishes, const std::string& node) {
  const std::string where =
      node.empty() ? "" : fmt::format(" --node-selector kubernetes.io/hostname={}", node);
  if (wishes.sharing == "exclusive") return fmt::format("kts cluster unshare{}", where);
  return fmt::format("kts cluster share --mode {} --replicas {}{}", wishes.sharing,
                     std::max<std::size_t>(2, wishes.agents), where);
}

// Of a card that all agents are to share; instances of MIG are one an agent, and others' sizes.
runner::DeviceMemory card_of(const GpuNode& node, const Wishes& wishes) {
  runner::DeviceMemory card{fmt::format("a card of node {}", node.name), {}, {}};
  if (!node.product.empty()) card.name += fmt::format(" ({})", node.product);
  const bool parted = wishes.sharing == "mig" || node.sharing.mode == cluster::SharingMode::kMig ||
                      resource_of(node, wishes).find("/mig-") != std::string::npos;
  if (!parted && node.memory_bytes && *node.memory_bytes > 0) {
    card.total_bytes = static_cast<std::uint64_t>(*node.memory_bytes);
  }
  return card;
}

// `sharing:` is an assertion; nothing is switched on for a run.
Status check_sharing(const GpuNode& node, const Wishes& wishes, Place& place) {
  if (wishes.agents < 2 && wishes.sharing != "mig") return {};
  if (!node.sharing.mode) {
    if (node.sharing.shared == false && wishes.sharing != "exclusive") {
      return environment_lacks(fmt::format("node {} doesn't share its GPUs, the scenario says {}",
                                           node.name, wishes.sharing),
                               share_command(wishes, node.name));
    }
    place.warnings.push_back(
        fmt::format("how node {} shares its GPUs is not known, so that it is {} rests on the "
                    "scenario's word",
                    node.name, wishes.sharing));
    return {};
  }
  const std::string_view in_force = name(*node.sharing.mode);
  if (in_force == wishes.sharing) return {};
  return environment_lacks(fmt::format("node {} has sharing mode {} in force ({}), the scenario "
                                       "says {}",
                                       node.name, in_force, node.sharing.source, wishes.sharing),
                           share_command(wishes, node.name));
}

void take_node_facts(const kube::Value& object, Place& place) {
  const kube::Value info = object["status"]["nodeInfo"];
  place.kernel = info["kernelVersion"].text();
  place.os_image = info["osImage"].text();
  place.container_runtime = info["containerRuntimeVersion"].text();
  place.kubelet = info["kubeletVersion"].text();
  const auto cores = parse_int64(object["status"]["capacity"]["cpu"].text());
  if (cores && *cores > 0 && *cores <= 4096) {
    place.cores.resize(static_cast<std::size_t>(*cores));
    std::iota(place.cores.begin(), place.cores.end(), 0);
  }
}

Status check_neighbours(const cluster::ClusterStatus& status, const Wishes& wishes, Place& place) {
  place.sees_neighbours = status.pods_seen;
  if (!status.pods_seen) {
    place.warnings.emplace_back(
        "other namespaces' pods can't be seen, so somebody else may be on the card: the "
        "ClusterRole of deploy/rbac/look.yaml permits to look");
    return {};
  }
  for (const cluster::GpuPod& pod : status.pods) {
    if (pod.node == place.node) {
      place.neighbours.push_back(fmt::format("{}/{}", pod.name_space, pod.name));
    }
  }
  if (place.neighbours.empty() || wishes.allow_neighbours) return {};
  return environment_lacks(
      fmt::format("{} hold{} GPUs of node {}", fmt::join(place.neighbours, ", "),
                  place.neighbours.size() == 1 ? "s" : "", place.node),
      "end them, choose another node with --node, or measure beside them with "
      "--allow-neighbours");
}

Place unknown_place(const Wishes& wishes) {
  Place place;
  place.node_selector = wishes.node_selector;
  place.resource = wishes.resource.empty() ? "nvidia.com/gpu" : wishes.resource;
  place.runtime_class = wishes.runtime_class.value_or("");
  place.warnings.push_back(
      fmt::format("nodes can't be seen, so that the GPUs are shared as {} rests on the scenario's "
                  "word: the ClusterRole of deploy/rbac/look.yaml permits to look",
                  wishes.sharing));
  return place;
}

// The scheduler follows the claim, wherever its devices are.
Place place_of_claim(const Wishes& wishes) {
  Place place;
  place.claim = wishes.claim;
  place.node_selector = wishes.node_selector;
  if (!wishes.node.empty()) place.node_selector["kubernetes.io/hostname"] = wishes.node;
  place.runtime_class = wishes.runtime_class.value_or("");
  place.warnings.push_back(fmt::format(
      "the GPU comes by ResourceClaim {}: that it is shared as {}, and with nobody else, "
      "rests on the scenario's word",
      wishes.claim, wishes.sharing));
  return place;
}

}  // namespace

Result<Place> choose_place(const cluster::ClusterStatus& status, const cluster::Snapshot& snapshot,
                           const Wishes& wishes) {
  if (wishes.sharing == "streams") {
    return bad_input("sharing mode streams is one process, which several pods can't be",
                     "run it with --on local");
  }
  if (wishes.sharing == "exclusive" && wishes.agents > 1) {
    return bad_input(fmt::format("{} agents in sharing mode exclusive", wishes.agents),
                     "exclusive means one agent");
  }
  if (!wishes.claim.empty()) {
    if (!wishes.resource.empty()) {
      return bad_input(fmt::format("{} and a claim as well", wishes.resource),
                       "give --resource or --claim");
    }
    return place_of_claim(wishes);
  }
  if (!status.nodes_seen) {
    Place place = unknown_place(wishes);
    if (!wishes.node.empty()) place.node_selector["kubernetes.io/hostname"] = wishes.node;
    KTS_CHECK_OK(check_neighbours(status, wishes, place));
    return place;
  }

  std::vector<const GpuNode*> fitting;
  for (const GpuNode& node : status.nodes) {
    if (!wishes.node.empty() && node.name != wishes.node) continue;
    if (!fits(find_object(snapshot, node.name), wishes.node_selector)) continue;
    if (count_of(node, resource_of(node, wishes)) != nullptr) fitting.push_back(&node);
  }
  const std::string wanted = wishes.resource.empty() ? "GPUs" : wishes.resource;
  if (fitting.empty()) {
    return environment_lacks(wishes.node.empty()
                                 ? fmt::format("no node that fits offers {}", wanted)
                                 : fmt::format("node {} offers no {}", wishes.node, wanted),
                             "kts cluster status shows the nodes and what they offer");
  }
  std::erase_if(fitting, [](const GpuNode* node) { return !node->ready || !node->schedulable; });
  if (fitting.empty()) {
    return environment_lacks(fmt::format("no node with {} is ready and schedulable", wanted),
                             "kubectl get nodes; kubectl uncordon takes one back");
  }
  // Of nodes whose cards are all too small, the largest card's refusal.
  const auto card_bytes = [&](const GpuNode* node) { return card_of(*node, wishes).total_bytes; };
  const GpuNode& largest = **std::ranges::max_element(fitting, {}, card_bytes);
  std::erase_if(fitting, [&](const GpuNode* node) {
    return !runner::check_memory(wishes.memory, card_of(*node, wishes));
  });
  if (fitting.empty()) {
    return tl::unexpected(runner::check_memory(wishes.memory, card_of(largest, wishes)).error());
  }
  // One that shares as it should, then the emptiest.
  const auto matches = [&](const GpuNode* node) {
    return node->sharing.mode && name(*node->sharing.mode) == wishes.sharing;
  };
  const GpuNode& node = **std::ranges::max_element(fitting, {}, [&](const GpuNode* one) {
    return std::pair(matches(one), free_slots(*one, wishes));
  });

  Place place;
  place.node = node.name;
  place.node_selector = wishes.node_selector;
  const kube::Value object = find_object(snapshot, node.name);
  const std::string host = object["metadata"]["labels"]["kubernetes.io/hostname"].text();
  place.node_selector["kubernetes.io/hostname"] = host.empty() ? node.name : host;
  place.resource = resource_of(node, wishes);
  place.runtime_class =
      wishes.runtime_class.value_or(status.runtime_class.value_or(false) ? "nvidia" : "");
  place.cards = node.cards;
  place.card_bytes = card_bytes(&node);
  if (const auto* count = count_of(node, place.resource)) {
    place.slots = count->allocatable;
    if (count->requested) place.free_slots = count->allocatable - *count->requested;
  }
  place.product = node.product;
  place.driver = node.driver;
  place.sharing_source = node.sharing.source;
  place.dcgm_exporter = cluster::dcgm_exporter_on(snapshot, node.name);
  take_node_facts(object, place);
  KTS_CHECK_OK(check_sharing(node, wishes, place));
  KTS_CHECK_OK(check_neighbours(status, wishes, place));
  return place;
}

}  // namespace kts::kubernetes
