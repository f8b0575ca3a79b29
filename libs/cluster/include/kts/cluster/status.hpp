// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "kts/cluster/plugin_config.hpp"
#include "kts/cluster/snapshot.hpp"

namespace kts::cluster {

// Everywhere here, empty (or an optional without a value) means: not known. Nothing is guessed.

struct ResourceCount {
  std::string name;  // "nvidia.com/gpu"
  std::int64_t capacity = 0;
  std::int64_t allocatable = 0;           // less than capacity: unhealthy devices
  std::optional<std::int64_t> requested;  // by pods; empty when not all pods can be seen
};

// How pods share the cards of a node, and how that is known.
struct Sharing {
  std::optional<SharingMode> mode;
  std::optional<bool> shared;            // whether pods share at all, where the mode isn't known
  std::optional<std::int64_t> replicas;  // slots a card (or MIG device)
  std::string resource;                  // that pods request to share
  std::string source;                    // "plugin log", "labels", …
};

// Which configuration a node's device plugin should have, and whether that is what it loaded.
struct NodeConfig {
  std::string key;               // of the ConfigMap
  std::string chosen_by;         // "node label", "default", "only key", "key named default"
  std::optional<bool> in_force;  // whether the plugin runs with it
};

struct DraDevice {
  std::string name, type, product, uuid;  // type "gpu" or "mig"
  std::optional<std::int64_t> memory_bytes;
};

struct GpuNode {
  std::string name;
  bool ready = false;
  bool schedulable = true;
  std::string product;                       // without -SHARED
  std::optional<std::int64_t> cards;         // physical
  std::optional<std::int64_t> memory_bytes;  // of one card
  std::string driver;                        // "580.95.05"
  std::vector<ResourceCount> resources;      // every nvidia.com/*
  std::vector<DraDevice> dra_devices;        // that a DRA driver offers
  Sharing sharing;
  NodeConfig config;
  std::string plugin_pod;                    // "namespace/name"
  std::string plugin_state;                  // "Running", "CrashLoopBackOff"
  std::optional<bool> dcgm_exporter;         // whether one runs there
  std::optional<std::int64_t> budget_bytes;  // sum of the pods' kts.dev/gpu-memory-bytes
};

struct GpuPod {
  std::string name_space, name;
  std::string node;    // empty: waits for one
  std::string phase;   // "Running", "Pending"
  std::string reason;  // why it waits, in Kubernetes' words
  std::map<std::string, std::int64_t> requests;
  std::optional<std::int64_t> budget_bytes;
};

// Who is likely to undo what is changed by hand.
struct Owner {
  std::string tool;    // "Argo CD", "Flux", "Helm"
  std::string name;    // of the application or release
  std::string object;  // "ConfigMap gpu-operator/x"
  [[nodiscard]] bool reverts_by_itself() const { return tool != "Helm"; }
};

enum class InstallationKind {
  kGpuOperator,  // a ClusterPolicy makes the DaemonSet
  kHelmConfig,   // Helm, with a ConfigMap
  kHelm,         // Helm, without
  kStatic,       // a DaemonSet that somebody applied
  kGke,          // Google's own plugin
  kHost,         // a service of the host, as on Bottlerocket: resources without a DaemonSet
  kDra,          // a DRA driver, not the device plugin
};
[[nodiscard]] std::string_view name(InstallationKind kind);  // "gpu-operator"

struct Installation {
  InstallationKind kind = InstallationKind::kStatic;
  std::string name;        // of the ClusterPolicy, release, DaemonSet or driver
  std::string name_space;  // of the plugin
  std::string daemon_set;
  std::string version;  // of the plugin's image
  std::string config_map;
  std::string default_key;               // for nodes without the label
  std::string state;                     // a ClusterPolicy's own: "ready"
  std::string mig_strategy_environment;  // MIG_STRATEGY, which beats the configuration's
  std::vector<Owner> owners;
};

struct Warning {
  std::string text;
  std::string hint;  // what to do
};

struct ClusterStatus {
  std::string server_version;
  std::vector<GpuNode> nodes;  // by name
  std::vector<GpuPod> pods;    // that hold or wait for GPUs, by node, namespace, name
  std::vector<Installation> installations;
  std::optional<bool> runtime_class;  // whether RuntimeClass nvidia is there
  bool nodes_seen = true;
  bool pods_seen = true;  // of all namespaces
  std::vector<Warning> warnings;
};

// What it all means. A pure function.
[[nodiscard]] ClusterStatus judge(const Snapshot& snapshot);

}  // namespace kts::cluster
