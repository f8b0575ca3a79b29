// SPDX-License-Identifier: Apache-2.0
// Labels: docs/gpu-feature-discovery of NVIDIA/k8s-device-plugin; Google's for GKE.
#include "sharing.hpp"

#include <algorithm>

#include "kts/base/units.hpp"

namespace kts::cluster {
namespace {

constexpr std::string_view kShared = ".shared";

std::int64_t capacity_of(const GpuNode& node, std::string_view resource) {
  for (const ResourceCount& count : node.resources) {
    if (count.name == resource) return count.capacity;
  }
  return 0;
}

bool ends_with(const std::string& text, std::string_view end) { return text.ends_with(end); }

// The replicated resource that this node really has.
const PluginConfig::Replicated* in_use(const PluginConfig& config, const GpuNode& node) {
  for (const auto& resource : config.resources) {
    if (capacity_of(node, resource.advertised) > 0) return &resource;
  }
  return config.resources.empty() ? nullptr : &config.resources.front();
}

// Whole cards before anything else, then what there is most of; where cards are cut, the pieces.
std::string main_resource(const GpuNode& node, bool cut) {
  std::string pieces;
  std::int64_t most_pieces = 0;
  for (const ResourceCount& count : node.resources) {
    if (!cut || !count.name.starts_with(kMigPrefix) || count.capacity <= most_pieces) continue;
    pieces = count.name;
    most_pieces = count.capacity;
  }
  if (!pieces.empty()) return pieces;
  if (capacity_of(node, "nvidia.com/gpu") > 0) return "nvidia.com/gpu";
  const auto most = std::max_element(
      node.resources.begin(), node.resources.end(),
      [](const ResourceCount& a, const ResourceCount& b) { return a.capacity < b.capacity; });
  return most == node.resources.end() ? std::string() : most->name;
}

Sharing from_gke(const kube::Value& labels) {
  Sharing out;
  const std::string strategy = labels["cloud.google.com/gke-gpu-sharing-strategy"].text();
  const bool partitioned = labels["cloud.google.com/gke-gpu-partition-size"].exists();
  out.source = "GKE labels";
  out.replicas = number_label(labels, "cloud.google.com/gke-max-shared-clients-per-gpu");
  if (partitioned) {
    out.mode = SharingMode::kMig;
  } else if (strategy == "time-sharing") {
    out.mode = SharingMode::kTimeSlicing;
  } else if (strategy == "mps") {
    out.mode = SharingMode::kMps;
  } else if (strategy.empty()) {
    out.mode = SharingMode::kExclusive;
  } else {
    out.shared = true;
  }
  return out;
}

// What feature discovery says; an empty source when it says nothing of sharing.
Sharing from_labels(const GpuNode& node, const kube::Value& labels) {
  Sharing out;
  out.replicas = number_label(labels, "nvidia.com/gpu.replicas");
  if (out.replicas && *out.replicas < 2) out.replicas.reset();
  const std::string strategy = labels["nvidia.com/gpu.sharing-strategy"].text();
  const std::string mps = labels["nvidia.com/mps.capable"].text();
  const bool marked = ends_with(labels["nvidia.com/gpu.product"].text(), "-SHARED");
  const bool renamed = std::any_of(node.resources.begin(), node.resources.end(), [](const auto& c) {
    return c.capacity > 0 && ends_with(c.name, kShared);
  });
  if (strategy == "time-slicing" || strategy == "mps" || strategy == "none") {
    out.source = "label nvidia.com/gpu.sharing-strategy";
    out.mode = strategy == "mps"    ? SharingMode::kMps
               : strategy == "none" ? SharingMode::kExclusive
                                    : SharingMode::kTimeSlicing;
  } else if (mps == "true") {
    out.source = "label nvidia.com/mps.capable";
    out.mode = SharingMode::kMps;
  } else if (out.replicas || marked) {
    // Every feature discovery that knows of MPS writes mps.capable: without "true" it isn't that.
    out.source = marked ? "label nvidia.com/gpu.product" : "label nvidia.com/gpu.replicas";
    out.mode = SharingMode::kTimeSlicing;
  } else if (renamed) {
    out.source = "resource name";
    out.shared = true;
  } else if (labels["nvidia.com/gpu.replicas"].exists()) {
    out.source = "label nvidia.com/gpu.replicas";
    out.mode = SharingMode::kExclusive;
  }
  return out;
}

// Without a word from anybody: as many slots as there are cards can only be whole cards.
Sharing from_numbers(const GpuNode& node, const kube::Value& labels) {
  Sharing out;
  const auto cards = number_label(labels, "nvidia.com/gpu.count");
  const std::int64_t slots = capacity_of(node, "nvidia.com/gpu");
  if (!cards || *cards <= 0 || slots <= 0) return out;
  if (slots == *cards) {
    out.mode = SharingMode::kExclusive;
    out.source = "capacity equals cards";
  } else if (slots > *cards) {
    out.shared = true;
    out.source = "capacity above cards";
    if (slots % *cards == 0) out.replicas = slots / *cards;
  }
  return out;
}

}  // namespace

std::optional<std::int64_t> number_label(const kube::Value& labels, std::string_view name) {
  const auto number = parse_int64(labels[name].text());
  return number ? std::optional<std::int64_t>(*number) : std::nullopt;
}

bool mig_in_use(const GpuNode& node, const kube::Value& labels) {
  if (labels["nvidia.com/gpu.product"].text().find("-MIG-") != std::string::npos) return true;
  return std::any_of(node.resources.begin(), node.resources.end(), [](const ResourceCount& c) {
    return c.capacity > 0 && c.name.starts_with(kMigPrefix);
  });
}

Sharing judge_sharing(const GpuNode& node, const kube::Value& labels,
                      const std::optional<PluginConfig>& loaded) {
  Sharing out;
  const bool any = std::any_of(node.resources.begin(), node.resources.end(),
                               [](const ResourceCount& c) { return c.capacity > 0; });
  if (!any) return out;
  if (loaded) {
    out.mode = loaded->mode;
    out.source = "plugin log";
    if (const auto* resource = in_use(*loaded, node)) {
      out.replicas = resource->replicas;
      out.resource = resource->advertised;
    }
  } else if (labels["cloud.google.com/gke-accelerator"].exists()) {
    out = from_gke(labels);
  } else {
    out = from_labels(node, labels);
    if (out.source.empty()) out = from_numbers(node, labels);
  }
  if (mig_in_use(node, labels)) {
    out.mode = SharingMode::kMig;
    out.source = main_resource(node, true).starts_with(kMigPrefix) ? "MIG resources"
                                                                   : "label nvidia.com/gpu.product";
  }
  if (out.mode && !out.shared) {
    out.shared = *out.mode != SharingMode::kExclusive;
  }
  if (out.resource.empty()) out.resource = main_resource(node, out.mode == SharingMode::kMig);
  return out;
}

}  // namespace kts::cluster
