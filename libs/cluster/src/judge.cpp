// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "configured.hpp"
#include "installation.hpp"
#include "kts/base/units.hpp"
#include "kts/cluster/status.hpp"
#include "plugin_pod.hpp"
#include "pod_use.hpp"
#include "quantity.hpp"
#include "resource_slices.hpp"
#include "sharing.hpp"
#include "warnings.hpp"

namespace kts::cluster {
namespace {

constexpr std::string_view kBudget = "kts.dev/gpu-memory-bytes";
constexpr std::string_view kSharedMark = "-SHARED";
constexpr std::int64_t kMebibyte = std::int64_t{1} << 20;

std::string condition(const kube::Value& status, std::string_view type, const char* field) {
  for (const kube::Value& entry : status["conditions"].items()) {
    if (entry["type"].text() == type) return entry[field].text();
  }
  return {};
}

// Why a pod isn't running yet.
std::string waiting_reason(const kube::Value& pod) {
  const kube::Value status = pod["status"];
  if (status["phase"].text() != "Pending") return {};
  const std::string reason = condition(status, "PodScheduled", "reason");
  if (!reason.empty()) {
    const std::string message = condition(status, "PodScheduled", "message");
    return message.empty() ? reason : fmt::format("{}: {}", reason, message);
  }
  const std::string state = pod_state(pod);
  return state == "Pending" ? std::string() : state;
}

std::vector<GpuPod> gpu_pods(const std::vector<kube::Value>& pods) {
  std::vector<GpuPod> out;
  for (const kube::Value& pod : pods) {
    if (is_terminal(pod)) continue;
    GpuPod found;
    found.requests = gpu_requests(pod);
    if (found.requests.empty()) continue;
    found.name_space = pod["metadata"]["namespace"].text();
    found.name = pod["metadata"]["name"].text();
    found.node = pod["spec"]["nodeName"].text();
    found.phase = pod["status"]["phase"].text();
    found.reason = waiting_reason(pod);
    found.budget_bytes = parse_quantity(pod["metadata"]["annotations"][kBudget].text());
    out.push_back(std::move(found));
  }
  const auto key = [](const GpuPod& pod) { return std::tie(pod.node, pod.name_space, pod.name); };
  std::sort(out.begin(), out.end(), [&](const GpuPod& a, const GpuPod& b) {
    // Those that wait stand last.
    if (a.node.empty() != b.node.empty()) return b.node.empty();
    return key(a) < key(b);
  });
  return out;
}

bool has_cards(const GpuNode& node, const kube::Value& labels) {
  return !node.resources.empty() || !node.dra_devices.empty() ||
         labels["nvidia.com/gpu.present"].text() == "true" ||
         labels["nvidia.com/gpu.count"].exists() ||
         labels["cloud.google.com/gke-accelerator"].exists();
}

std::vector<ResourceCount> read_resources(const kube::Value& status) {
  std::vector<ResourceCount> out;
  for (const auto& [name, quantity] : status["capacity"].members()) {
    if (!name.starts_with(kNvidia)) continue;
    ResourceCount count;
    count.name = name;
    count.capacity = parse_quantity(quantity.text()).value_or(0);
    count.allocatable = parse_quantity(status["allocatable"][name].text()).value_or(0);
    out.push_back(std::move(count));
  }
  return out;
}

// How many cards there really are, if that can be known.
std::optional<std::int64_t> count_cards(const GpuNode& node, const kube::Value& labels) {
  const auto whole = std::count_if(node.dra_devices.begin(), node.dra_devices.end(),
                                   [](const DraDevice& d) { return d.type == "gpu"; });
  if (whole > 0) return whole;
  // With MIG's strategy "single", the label counts MIG devices.
  if (mig_in_use(node, labels)) return std::nullopt;
  if (const auto count = number_label(labels, "nvidia.com/gpu.count")) return count;
  if (!node.sharing.mode) return std::nullopt;
  const std::int64_t replicas = node.sharing.replicas.value_or(1);
  if (node.sharing.mode != SharingMode::kExclusive && !node.sharing.replicas) return std::nullopt;
  for (const ResourceCount& count : node.resources) {
    if (count.name == node.sharing.resource && count.capacity > 0 &&
        count.capacity % replicas == 0) {
      return count.capacity / replicas;
    }
  }
  return std::nullopt;
}

void read_product(GpuNode& node, const kube::Value& labels) {
  node.product = labels["nvidia.com/gpu.product"].text();
  if (node.product.ends_with(kSharedMark)) {
    node.product.resize(node.product.size() - kSharedMark.size());
  }
  if (node.product.empty()) node.product = labels["cloud.google.com/gke-accelerator"].text();
  if (const auto mebibytes = number_label(labels, "nvidia.com/gpu.memory")) {
    node.memory_bytes = *mebibytes * kMebibyte;
  }
  node.driver = labels["nvidia.com/cuda.driver-version.full"].text();
  if (node.dra_devices.empty()) return;
  const DraDevice& first = node.dra_devices.front();
  if (node.product.empty()) node.product = first.product;
  if (!node.memory_bytes) node.memory_bytes = first.memory_bytes;
}

void add_use(GpuNode& node, const std::vector<GpuPod>& pods, bool all_seen) {
  std::int64_t budget = 0;
  bool budgeted = false;
  std::map<std::string, std::int64_t> used;
  for (const GpuPod& pod : pods) {
    if (pod.node != node.name) continue;
    for (const auto& [name, number] : pod.requests) used[name] += number;
    if (pod.budget_bytes) {
      budget += *pod.budget_bytes;
      budgeted = true;
    }
  }
  if (budgeted) node.budget_bytes = budget;
  if (!all_seen) return;
  for (ResourceCount& count : node.resources) count.requested = used[count.name];
}

class Judge {
 public:
  explicit Judge(const Snapshot& snapshot) : snapshot_(snapshot) {}

  ClusterStatus status() {
    out_.server_version = snapshot_.server_version;
    out_.nodes_seen = snapshot_.nodes.has_value();
    out_.pods_seen = snapshot_.pods.has_value() && snapshot_.name_space.empty();
    if (snapshot_.pods) out_.pods = gpu_pods(*snapshot_.pods);
    if (snapshot_.runtime_classes) out_.runtime_class = has_runtime_class();
    out_.installations = find_installations(snapshot_);
    if (snapshot_.resource_slices) slices_ = dra_devices(*snapshot_.resource_slices);
    if (snapshot_.nodes) {
      for (const kube::Value& node : *snapshot_.nodes) look_at(node);
    }
    std::sort(out_.nodes.begin(), out_.nodes.end(),
              [](const GpuNode& a, const GpuNode& b) { return a.name < b.name; });
    warn_about_installations(out_.installations, out_.warnings);
    warn_about_unseen(snapshot_, out_.warnings);
    return std::move(out_);
  }

 private:
  [[nodiscard]] bool has_runtime_class() const {
    const auto& classes = *snapshot_.runtime_classes;
    return std::any_of(classes.begin(), classes.end(), [](const kube::Value& c) {
      return c["metadata"]["name"].text() == "nvidia";
    });
  }

  // The log of a pod, and the pod that counts when there are several.
  PluginLog look_at_plugin(GpuNode& node, kube::Value& pod) {
    const auto pods = plugin_pods_on(snapshot_, node.name);
    if (pods.empty()) return {};
    pod = pods.front();
    node.plugin_pod = full_name(pod);
    node.plugin_state = pod_state(pod);
    if (pods.size() > 1) {
      out_.warnings.push_back(
          {fmt::format("two device plugins run on {} ({} and {}): they fight for the same resource",
                       node.name, full_name(pods[0]), full_name(pods[1])),
           "remove one of the two installations"});
      return {};
    }
    const auto log = snapshot_.plugin_logs.find(node.plugin_pod);
    if (log == snapshot_.plugin_logs.end() || !log->second) return {};
    return parse_plugin_log(*log->second);
  }

  void look_at(const kube::Value& object) {
    const kube::Value labels = object["metadata"]["labels"];
    GpuNode node;
    node.name = object["metadata"]["name"].text();
    node.resources = read_resources(object["status"]);
    if (const auto found = slices_.find(node.name); found != slices_.end()) {
      node.dra_devices = found->second;
    }
    if (!has_cards(node, labels)) return;
    node.ready = condition(object["status"], "Ready", "status") == "True";
    node.schedulable = !object["spec"]["unschedulable"].boolean().value_or(false);
    kube::Value pod;
    const PluginLog log = look_at_plugin(node, pod);
    node.sharing = judge_sharing(node, labels, log.config);
    read_product(node, labels);
    node.cards = count_cards(node, labels);
    node.config = judge_config(node.name, labels, pod, log.config, snapshot_, out_.warnings);
    if (snapshot_.pods && snapshot_.name_space.empty()) {
      const auto& pods = *snapshot_.pods;
      node.dcgm_exporter = std::any_of(pods.begin(), pods.end(), [&](const kube::Value& p) {
        return p["spec"]["nodeName"].text() == node.name && is_dcgm_exporter(p);
      });
    }
    add_use(node, out_.pods, out_.pods_seen);
    warn_about_node(node, labels, log, out_.warnings);
    out_.nodes.push_back(std::move(node));
  }

  const Snapshot& snapshot_;
  ClusterStatus out_;
  std::map<std::string, std::vector<DraDevice>> slices_;
};

}  // namespace

ClusterStatus judge(const Snapshot& snapshot) { return Judge(snapshot).status(); }

}  // namespace kts::cluster
