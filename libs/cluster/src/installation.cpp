// SPDX-License-Identifier: Apache-2.0
#include "installation.hpp"

#include <algorithm>

#include "owner.hpp"
#include "plugin_pod.hpp"
#include "pod_use.hpp"
#include "quantity.hpp"
#include "resource_slices.hpp"

namespace kts::cluster {
namespace {

const std::vector<kube::Value>& objects(const Listing& listing) {
  static const std::vector<kube::Value> kNone;
  return listing ? *listing : kNone;
}

void add_owners(Installation& installation, const kube::Value& object, const std::string& kind) {
  for (Owner& owner : owners_of(object, kind)) installation.owners.push_back(std::move(owner));
}

void add_config_map_owners(Installation& installation, const Snapshot& snapshot) {
  if (installation.config_map.empty()) return;
  const auto found =
      snapshot.config_maps.find(installation.name_space + "/" + installation.config_map);
  if (found != snapshot.config_maps.end() && found->second) {
    add_owners(installation, *found->second, "ConfigMap");
  }
}

// The ClusterPolicy that the operator follows; it ignores all but one.
kube::Value active_policy(const Snapshot& snapshot) {
  for (const kube::Value& policy : objects(snapshot.cluster_policies)) {
    if (policy["status"]["state"].text() != "ignored") return policy;
  }
  return {};
}

std::string policy_owner(const kube::Value& daemon_set) {
  for (const kube::Value& owner : daemon_set["metadata"]["ownerReferences"].items()) {
    if (owner["kind"].text() == "ClusterPolicy") return owner["name"].text();
  }
  return {};
}

void describe_policy(Installation& out, const kube::Value& policy) {
  out.name = policy["metadata"]["name"].text();
  out.state = policy["status"]["state"].text();
  const std::string space = policy["status"]["namespace"].text();
  if (!space.empty()) out.name_space = space;
  const kube::Value config = policy["spec"]["devicePlugin"]["config"];
  if (out.config_map.empty()) out.config_map = config["name"].text();
  out.default_key = config["default"].text();
  if (out.version.empty()) out.version = policy["spec"]["devicePlugin"]["version"].text();
  add_owners(out, policy, "ClusterPolicy");
}

Installation from_daemon_set(const kube::Value& daemon_set, const Snapshot& snapshot) {
  const kube::Value metadata = daemon_set["metadata"];
  const kube::Value spec = daemon_set["spec"]["template"]["spec"];
  const kube::Value container = plugin_container(spec);
  Installation out;
  out.name = out.daemon_set = metadata["name"].text();
  out.name_space = metadata["namespace"].text();
  out.version = image_version(container["image"].text());
  out.config_map = plugin_config_map(spec);
  out.default_key = environment(config_manager(spec), "DEFAULT_CONFIG");
  out.mig_strategy_environment = environment(container, "MIG_STRATEGY");
  if (const std::string policy = policy_owner(daemon_set); !policy.empty()) {
    out.kind = InstallationKind::kGpuOperator;
    out.name = policy;
    const kube::Value active = active_policy(snapshot);
    if (active["metadata"]["name"].text() == policy) describe_policy(out, active);
    add_config_map_owners(out, snapshot);
    return out;
  }
  add_owners(out, daemon_set, "DaemonSet");
  add_config_map_owners(out, snapshot);
  const kube::Value labels = metadata["labels"];
  const bool helm = labels["helm.sh/chart"].exists() ||
                    labels["app.kubernetes.io/managed-by"].text() == "Helm" ||
                    metadata["annotations"]["meta.helm.sh/release-name"].exists();
  if (helm) {
    out.kind = out.config_map.empty() ? InstallationKind::kHelm : InstallationKind::kHelmConfig;
    const std::string release = labels["app.kubernetes.io/instance"].text();
    if (!release.empty()) out.name = release;
  }
  return out;
}

bool offers_gpus(const kube::Value& node) {
  for (const auto& [name, quantity] : node["status"]["capacity"].members()) {
    if (name.starts_with(kNvidia) && parse_quantity(quantity.text()).value_or(0) > 0) return true;
  }
  return false;
}

// Resources that no DaemonSet explains.
void add_without_daemon_set(std::vector<Installation>& out, const Snapshot& snapshot) {
  bool host = false, gke = false;
  std::string name;
  for (const kube::Value& node : objects(snapshot.nodes)) {
    if (!offers_gpus(node)) continue;
    if (node["metadata"]["labels"]["cloud.google.com/gke-accelerator"].exists()) {
      gke = true;
    } else {
      host = true;
      name = node["status"]["nodeInfo"]["osImage"].text();
    }
  }
  Installation found;
  if (gke) {
    found.kind = InstallationKind::kGke;
    found.name = "GKE";
    out.push_back(found);
  }
  if (host) {
    found.kind = InstallationKind::kHost;
    found.name = name;
    out.push_back(found);
  }
}

void add_dra(std::vector<Installation>& out, const Snapshot& snapshot) {
  Installation dra;
  dra.kind = InstallationKind::kDra;
  if (!dra_devices(objects(snapshot.resource_slices)).empty()) dra.name = kGpuDriver;
  for (const kube::Value& cluster : objects(snapshot.gpu_clusters)) {
    if (cluster["status"]["state"].text() == "ignored") continue;
    dra.name = "GPUCluster " + cluster["metadata"]["name"].text();
    dra.name_space = cluster["status"]["namespace"].text();
    dra.state = cluster["status"]["state"].text();
    dra.version = cluster["spec"]["draDriver"]["version"].text();
    add_owners(dra, cluster, "GPUCluster");
  }
  if (!dra.name.empty()) out.push_back(std::move(dra));
}

}  // namespace

std::vector<Installation> find_installations(const Snapshot& snapshot) {
  std::vector<Installation> out;
  for (const kube::Value& daemon_set : objects(snapshot.daemon_sets)) {
    const kube::Value spec = daemon_set["spec"]["template"]["spec"];
    if (plugin_container(spec).exists()) {
      out.push_back(from_daemon_set(daemon_set, snapshot));
    } else if (is_gke_plugin(spec)) {
      Installation gke;
      gke.kind = InstallationKind::kGke;
      gke.name = gke.daemon_set = daemon_set["metadata"]["name"].text();
      gke.name_space = daemon_set["metadata"]["namespace"].text();
      out.push_back(std::move(gke));
    }
  }
  const bool operated = std::any_of(out.begin(), out.end(), [](const Installation& i) {
    return i.kind == InstallationKind::kGpuOperator;
  });
  const kube::Value policy = active_policy(snapshot);
  if (!operated && policy.exists() &&
      policy["spec"]["devicePlugin"]["enabled"].boolean().value_or(true)) {
    Installation from_policy;
    from_policy.kind = InstallationKind::kGpuOperator;
    describe_policy(from_policy, policy);
    add_config_map_owners(from_policy, snapshot);
    out.push_back(std::move(from_policy));
  }
  // Only with all DaemonSets in view can one be known to be missing.
  if (out.empty() && snapshot.daemon_sets && snapshot.name_space.empty()) {
    add_without_daemon_set(out, snapshot);
  }
  add_dra(out, snapshot);
  return out;
}

std::vector<kube::Value> plugin_pods_on(const Snapshot& snapshot, const std::string& node) {
  std::vector<kube::Value> out;
  for (const kube::Value& pod : objects(snapshot.pods)) {
    if (pod["spec"]["nodeName"].text() == node && !is_terminal(pod) &&
        plugin_container(pod["spec"]).exists()) {
      out.push_back(pod);
    }
  }
  return out;
}

}  // namespace kts::cluster
