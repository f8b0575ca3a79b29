// SPDX-License-Identifier: Apache-2.0
#include "share_checks.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "operand.hpp"
#include "sharing.hpp"

namespace kts::cluster {
namespace {

constexpr std::int64_t kMostReplicas = 128;
// Clients of one MPS server since Volta.
constexpr std::int64_t kMostMpsClients = 48;

Status check_node(const GpuNode& node) {
  if (node.sharing.mode == SharingMode::kMig ||
      std::any_of(node.resources.begin(), node.resources.end(), [](const ResourceCount& c) {
        return c.capacity > 0 && c.name.starts_with(kMigPrefix);
      })) {
    return environment_lacks(
        fmt::format("{} has its cards cut into MIG devices, which kts doesn't share further",
                    node.name),
        "leave it out with --node-selector, or switch MIG off there");
  }
  if (!node.ready) {
    return environment_lacks(fmt::format("{} is not ready: nothing could be verified", node.name),
                             "leave it out with --node-selector, or mend it");
  }
  if (node.plugin_pod.empty()) {
    return environment_lacks(
        fmt::format("no device plugin's pod can be seen on {}", node.name),
        "leave it out with --node-selector, or see why the DaemonSet has no pod there");
  }
  if (!node.cards || *node.cards <= 0) {
    return environment_lacks(
        fmt::format("how many cards {} has can't be known: no label nvidia.com/gpu.count, and the "
                    "plugin's log doesn't reach back to its configuration",
                    node.name),
        fmt::format("restart its plugin: kubectl -n {} delete pod {}",
                    node.plugin_pod.substr(0, node.plugin_pod.find('/')),
                    node.plugin_pod.substr(node.plugin_pod.find('/') + 1)));
  }
  return {};
}

// A pod that had a card for itself would get neighbours without a word.
Status check_pods(const std::vector<const GpuNode*>& nodes, const ClusterStatus& status,
                  const ShareRequest& request) {
  const bool mps = request.mode == SharingMode::kMps ||
                   std::any_of(nodes.begin(), nodes.end(), [](const GpuNode* node) {
                     return node->sharing.mode == SharingMode::kMps;
                   });
  if (request.yes && !mps) return {};
  if (!status.pods_seen) {
    return environment_lacks("whether pods use the cards now can't be seen",
                             mps ? "have the verb list on pods of all namespaces granted"
                                 : "--yes shares the cards all the same");
  }
  std::vector<const GpuPod*> there;
  for (const GpuPod& pod : status.pods) {
    if (std::any_of(nodes.begin(), nodes.end(),
                    [&](const GpuNode* node) { return node->name == pod.node; })) {
      there.push_back(&pod);
    }
  }
  if (there.empty()) return {};
  const GpuPod& first = *there.front();
  const std::string who =
      there.size() == 1
          ? fmt::format("pod {}/{} uses GPUs on {}", first.name_space, first.name, first.node)
          : fmt::format("{} pods use GPUs on these nodes, {}/{} on {} among them", there.size(),
                        first.name_space, first.name, first.node);
  return environment_lacks(who + (mps ? ": cards can't go to or from MPS under them"
                                      : ": whoever has a card for itself would get neighbours"),
                           mps ? "end them first" : "end them first, or say --yes");
}

Status check_mps(const std::vector<const GpuNode*>& nodes, const Snapshot& snapshot,
                 const Installation& installation) {
  const auto operands = operands_of(snapshot, installation.name_space);
  const auto has = [&](Operand kind) {
    return std::any_of(operands.begin(), operands.end(), [&](const kube::Value& set) {
      return operand_of(set["spec"]["template"]["spec"]) == kind;
    });
  };
  if (!has(Operand::kMps)) {
    return environment_lacks(
        fmt::format("no MPS control daemon's DaemonSet is in namespace {}",
                    installation.name_space),
        "install it with the plugin: NVIDIA's chart makes it when it is installed with a "
        "configuration (config.name or config.map), the GPU Operator since v24");
  }
  // Feature discovery writes the label itself when the configuration says MPS.
  if (has(Operand::kFeatureDiscovery)) return {};
  for (const GpuNode* node : nodes) {
    if (labels_of(snapshot, node->name)["nvidia.com/mps.capable"].text() != "true") {
      return environment_lacks(
          fmt::format("{} lacks the label nvidia.com/mps.capable=true, by which the MPS control "
                      "daemon is placed, and no feature discovery sets it",
                      node->name),
          fmt::format("kubectl label node {} nvidia.com/mps.capable=true", node->name));
    }
  }
  return {};
}

}  // namespace

Status check_request(const ShareRequest& request) {
  if (request.mode != SharingMode::kTimeSlicing && request.mode != SharingMode::kMps) {
    return bad_input(
        fmt::format("the device plugin doesn't share cards by '{}'", name(request.mode)),
        "--mode time-slicing or mps");
  }
  if (request.replicas < 2) {
    return bad_input(fmt::format("{} replica{} of a card is no sharing", request.replicas,
                                 request.replicas == 1 ? "" : "s"),
                     "--replicas 2 or more; kts cluster unshare ends sharing");
  }
  const bool mps = request.mode == SharingMode::kMps;
  if (request.replicas > (mps ? kMostMpsClients : kMostReplicas)) {
    return bad_input(
        mps ? fmt::format("an MPS server takes {} clients, not {}", kMostMpsClients,
                          request.replicas)
            : fmt::format("{} replicas of a card are absurd: each pod would wait for {} others",
                          request.replicas, request.replicas - 1),
        fmt::format("--replicas {} at most; four are common",
                    mps ? kMostMpsClients : kMostReplicas));
  }
  return {};
}

Status check_nodes(const std::vector<const GpuNode*>& nodes, const Snapshot& snapshot,
                   const ClusterStatus& status, const Installation& installation,
                   const ShareRequest& request) {
  for (const GpuNode* node : nodes) KTS_CHECK_OK(check_node(*node));
  if (request.mode == SharingMode::kMps) {
    KTS_CHECK_OK(check_mps(nodes, snapshot, installation));
  }
  return check_pods(nodes, status, request);
}

}  // namespace kts::cluster
