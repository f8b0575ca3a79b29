// SPDX-License-Identifier: Apache-2.0
#include "warnings.hpp"

#include <fmt/format.h>

#include <map>
#include <set>

#include "kts/base/units.hpp"
#include "sharing.hpp"

namespace kts::cluster {
namespace {

// Beyond it one's turn of 2 ms comes after 30 and more.
constexpr std::int64_t kManyReplicas = 16;

std::string bytes(std::int64_t value) { return format_bytes(static_cast<std::uint64_t>(value)); }

void warn_about_plugin(const GpuNode& node, const PluginLog& log, std::vector<Warning>& warnings) {
  if (node.plugin_pod.empty()) return;
  const auto slash = node.plugin_pod.find('/');
  const std::string space = node.plugin_pod.substr(0, slash);
  const std::string pod = node.plugin_pod.substr(slash + 1);
  if (node.plugin_state != "Running") {
    warnings.push_back(
        {fmt::format("the device plugin {} on {} is {}{}", node.plugin_pod, node.name,
                     node.plugin_state, log.last_error.empty() ? "" : ": " + log.last_error),
         fmt::format("kubectl -n {} describe pod {}", space, pod)});
  } else if (log.config && log.registered.empty()) {
    warnings.push_back({fmt::format("the device plugin {} on {} has loaded its configuration, but "
                                    "offered nothing to the kubelet{}",
                                    node.plugin_pod, node.name,
                                    log.last_error.empty() ? "" : ": " + log.last_error),
                        fmt::format("kubectl -n {} logs {}", space, pod)});
  }
}

void warn_about_replicas(const GpuNode& node, const kube::Value& labels,
                         std::vector<Warning>& warnings) {
  if (!node.sharing.replicas) return;
  const std::int64_t replicas = *node.sharing.replicas;
  if (replicas > kManyReplicas) {
    std::string text = fmt::format("{} offers each card {} times", node.name, replicas);
    if (node.sharing.mode == SharingMode::kTimeSlicing) {
      text += fmt::format(": with all of them busy, at 2 ms a slice, one's turn comes after {} ms",
                          (replicas - 1) * 2);
    } else if (node.sharing.mode == SharingMode::kMps) {
      text += fmt::format(": the plugin caps each pod at 1/{} of its memory and threads", replicas);
    }
    warnings.push_back({std::move(text), "offer fewer replicas"});
  }
  const auto cards = number_label(labels, "nvidia.com/gpu.count");
  for (const ResourceCount& count : node.resources) {
    if (count.name != node.sharing.resource || !cards || count.capacity == 0) continue;
    if (node.sharing.mode == SharingMode::kMig || count.capacity == *cards * replicas) continue;
    warnings.push_back(
        {fmt::format("{} offers {} {}, but {} card{} × {} replicas are {}", node.name,
                     count.capacity, count.name, *cards, *cards == 1 ? "" : "s", replicas,
                     *cards * replicas),
         "the kubelet or feature discovery has not caught up, or a card is lost: look again, then "
         "at the plugin's log"});
  }
}

void warn_about_labels(const GpuNode& node, const kube::Value& labels,
                       std::vector<Warning>& warnings) {
  const std::string strategy = labels["nvidia.com/gpu.sharing-strategy"].text();
  if (strategy.empty() || node.sharing.source != "plugin log" || !node.sharing.mode ||
      node.sharing.mode == SharingMode::kMig) {
    return;
  }
  const std::string expected =
      node.sharing.mode == SharingMode::kExclusive ? "none" : std::string(name(*node.sharing.mode));
  const auto replicas = number_label(labels, "nvidia.com/gpu.replicas");
  const bool same_count = !replicas || *replicas == node.sharing.replicas.value_or(1);
  if (strategy == expected && same_count) return;
  warnings.push_back(
      {fmt::format("the labels of {} say {} ×{}, but its device plugin runs with {} ×{}: feature "
                   "discovery hasn't loaded the same configuration",
                   node.name, strategy, replicas.value_or(1), expected,
                   node.sharing.replicas.value_or(1)),
       "what selects nodes by these labels goes astray; restart the gpu-feature-discovery pod "
       "there"});
}

}  // namespace

void warn_about_node(const GpuNode& node, const kube::Value& labels, const PluginLog& log,
                     std::vector<Warning>& warnings) {
  std::int64_t offered = 0;
  for (const ResourceCount& count : node.resources) {
    offered += count.capacity;
    if (count.allocatable < count.capacity) {
      warnings.push_back(
          {fmt::format("{} has {} {}, but only {} can be used: the plugin calls the other{} "
                       "unhealthy",
                       node.name, count.capacity, count.name, count.allocatable,
                       count.capacity - count.allocatable == 1 ? "" : "s"),
           node.plugin_pod.empty()
               ? std::string("look for Xid errors in the node's kernel log")
               : fmt::format("kubectl -n {} logs {} names the fault (Xid)",
                             node.plugin_pod.substr(0, node.plugin_pod.find('/')),
                             node.plugin_pod.substr(node.plugin_pod.find('/') + 1))});
    }
  }
  if (offered == 0 && node.dra_devices.empty()) {
    warnings.push_back({fmt::format("{} has NVIDIA cards, but offers none of them", node.name),
                        node.plugin_pod.empty()
                            ? "see why no device plugin runs there: its DaemonSet's node selector, "
                              "affinity and tolerations"
                            : "see the device plugin's log"});
  }
  if (offered > 0 && !node.sharing.mode) {
    warnings.push_back(
        {fmt::format("by which mode pods share the cards of {} isn't known: neither the device "
                     "plugin's log nor feature discovery's labels say it",
                     node.name),
         node.plugin_pod.empty()
             ? std::string("install gpu-feature-discovery")
             : fmt::format("install gpu-feature-discovery, or let the plugin say it anew: kubectl "
                           "-n {} delete pod {}",
                           node.plugin_pod.substr(0, node.plugin_pod.find('/')),
                           node.plugin_pod.substr(node.plugin_pod.find('/') + 1))});
  }
  warn_about_plugin(node, log, warnings);
  warn_about_replicas(node, labels, warnings);
  warn_about_labels(node, labels, warnings);
  if (node.budget_bytes && node.memory_bytes && node.cards &&
      node.sharing.mode != SharingMode::kMig) {
    const std::int64_t there = *node.memory_bytes * *node.cards;
    if (*node.budget_bytes > there) {
      warnings.push_back(
          {fmt::format("the agents on {} are budgeted {} of GPU memory together, and there are {}: "
                       "whoever asks last gets an out-of-memory error",
                       node.name, bytes(*node.budget_bytes), bytes(there)),
           "lower the budgets, or move an agent"});
    }
  }
}

void warn_about_installations(const std::vector<Installation>& installations,
                              std::vector<Warning>& warnings) {
  for (const Installation& installation : installations) {
    std::map<std::string, std::vector<std::string>> objects_of;
    for (const Owner& owner : installation.owners) {
      if (!owner.reverts_by_itself()) continue;
      objects_of[fmt::format("{} ({})", owner.tool, owner.name)].push_back(owner.object);
    }
    for (const auto& [owner, objects] : objects_of) {
      warnings.push_back(
          {fmt::format("{} belong{} to {}: a change by hand is likely to be undone "
                       "within minutes",
                       fmt::join(objects, " and "), objects.size() == 1 ? "s" : "", owner),
           "change it in its repository, or suspend the sync first"});
    }
    if (!installation.state.empty() && installation.state != "ready") {
      const bool dra = installation.kind == InstallationKind::kDra;
      warnings.push_back(
          {fmt::format("{}{} is {}", dra ? "" : "ClusterPolicy ", installation.name,
                       installation.state),
           fmt::format("kubectl describe {} says why, and so does the operator's log",
                       dra ? "gpuclusters" : "clusterpolicies")});
    }
  }
}

void warn_about_unseen(const Snapshot& snapshot, std::vector<Warning>& warnings) {
  std::set<std::string> said;
  const auto warn = [&](const kube::ApiError& error, const char* consequence) {
    if (!said.insert(error.message + error.hint).second) return;
    warnings.push_back({fmt::format("{}: {}", consequence, error.message), error.hint});
  };
  const auto look_at = [&](const Listing& listing, const char* consequence) {
    if (!listing) warn(listing.error(), consequence);
  };
  look_at(snapshot.nodes, "nodes and their cards are not shown");
  if (!snapshot.pods && snapshot.name_space.empty()) {
    kube::ApiError error = snapshot.pods.error();
    error.hint += "; or look at one namespace with --namespace";
    warn(error, "who uses the cards is not shown");
  } else {
    look_at(snapshot.pods, "who uses the cards is not shown");
  }
  look_at(snapshot.daemon_sets, "how the device plugin was installed is not shown");
  look_at(snapshot.cluster_policies, "what the GPU Operator is told is not shown");
  look_at(snapshot.gpu_clusters, "what the GPU Operator is told of DRA is not shown");
  look_at(snapshot.runtime_classes, "whether RuntimeClass nvidia is there is not shown");
  look_at(snapshot.resource_slices, "what DRA drivers offer is not shown");
  bool unread_map = false, unread_log = false;
  for (const auto& [name, map] : snapshot.config_maps) {
    if (map || map.error().not_found() || unread_map) continue;
    unread_map = true;
    warn(map.error(), "whether the plugin's configuration is loaded is not shown");
  }
  for (const auto& [name, log] : snapshot.plugin_logs) {
    // 400: the container hasn't begun; 404: the pod has gone meanwhile.
    if (log || unread_log || log.error().http_status == 400 || log.error().not_found()) continue;
    unread_log = true;
    warn(log.error(), "what the device plugin says that it loaded is not shown");
  }
  if (!snapshot.name_space.empty()) {
    warnings.push_back(
        {fmt::format("only pods and DaemonSets of namespace {} were looked at: who else uses the "
                     "cards is not shown",
                     snapshot.name_space),
         "leave out --namespace"});
  }
}

}  // namespace kts::cluster
