// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "kts/cluster/execute.hpp"
#include "operand.hpp"
#include "plugin_pod.hpp"

namespace kts::cluster {
namespace {

class Finder {
 public:
  Finder(kube::Client& client, const std::string& name_space)
      : client_(client), name_space_(name_space) {}

  Result<Leftovers> find() {
    KTS_CHECK_OK(jobs());
    KTS_CHECK_OK(pods());
    KTS_CHECK_OK(config_maps());
    return std::move(out_);
  }

 private:
  Result<std::vector<kube::Value>> ours(const kube::Resource& resource) {
    kube::ListOptions options;
    options.label_selector = fmt::format("{}={}", kManagedLabel, kManagedBy);
    auto found = client_.list(kube::collection(resource, name_space_), options);
    if (!found) return tl::unexpected<Error>(found.error());
    return std::move(found->items);
  }

  void remove(const kube::Resource& resource, const char* kind, const kube::Value& object) {
    out_.deletions.push_back({Write::Kind::kDelete,
                              resource,
                              object["metadata"]["namespace"].text(),
                              object["metadata"]["name"].text(),
                              {}});
    out_.what.push_back(fmt::format("{} {}", kind, full_name(object)));
  }

  void keep(const char* kind, const kube::Value& object, std::string_view why) {
    out_.in_use.push_back(fmt::format("{} {} {}", kind, full_name(object), why));
  }

  Status jobs() {
    KTS_TRY(const auto found, ours(kube::kJobs));
    for (const kube::Value& job : found) {
      if (job["status"]["active"].integer().value_or(0) > 0) {
        busy_.insert(job["metadata"]["namespace"].text());
        keep("Job", job, "still runs: kubectl delete job ends it");
      } else {
        remove(kube::kJobs, "Job", job);
      }
    }
    return {};
  }

  // Those of a Job go with it.
  Status pods() {
    KTS_TRY(const auto found, ours(kube::kPods));
    for (const kube::Value& pod : found) {
      if (!pod["metadata"]["ownerReferences"].items().empty()) continue;
      const std::string phase = pod["status"]["phase"].text();
      if (phase == "Succeeded" || phase == "Failed") {
        remove(kube::kPods, "Pod", pod);
      } else {
        keep("Pod", pod, "still runs: kubectl delete pod ends it");
      }
    }
    return {};
  }

  Status config_maps() {
    KTS_TRY(const auto found, ours(kube::kConfigMaps));
    std::set<std::string> shared;  // namespaces
    for (const kube::Value& map : found) {
      if (map["metadata"]["name"].text() != kBackupName) continue;
      shared.insert(map["metadata"]["namespace"].text());
      keep("ConfigMap", map, "is what kts cluster unshare goes by: run that");
    }
    for (const kube::Value& map : found) {
      const std::string name = map["metadata"]["name"].text();
      const std::string space = map["metadata"]["namespace"].text();
      if (name == kBackupName) continue;
      if (name != kOwnConfigMap) {
        if (!busy_.contains(space)) remove(kube::kConfigMaps, "ConfigMap", map);
        continue;
      }
      if (shared.contains(space)) continue;
      const auto sets = client_.list(kube::collection(kube::kDaemonSets, space));
      if (!sets) return tl::unexpected<Error>(sets.error());
      const auto user = std::find_if(
          sets->items.begin(), sets->items.end(),
          [&](const kube::Value& set) { return mounts(set["spec"]["template"]["spec"], name); });
      if (user == sets->items.end()) {
        remove(kube::kConfigMaps, "ConfigMap", map);
      } else {
        keep("ConfigMap", map, fmt::format("is mounted by DaemonSet {}", full_name(*user)));
      }
    }
    return {};
  }

  kube::Client& client_;
  const std::string& name_space_;
  std::set<std::string> busy_;  // namespaces in which a Job runs
  Leftovers out_;
};

}  // namespace

Result<Leftovers> find_leftovers(kube::Client& client, const std::string& name_space) {
  return Finder(client, name_space).find();
}

Status remove_leftovers(kube::Client& client, const Leftovers& leftovers) {
  for (const Write& write : leftovers.deletions) {
    const auto allowed = client.may(
        {"delete", write.resource.group, write.resource.plural, {}, write.name_space, {}});
    if (!allowed) return tl::unexpected<Error>(allowed.error());
    if (!*allowed) {
      return environment_lacks(
          fmt::format("not permitted to delete {} in namespace {}; nothing was removed",
                      kube::name_of(write.resource), write.name_space),
          "have that verb granted, see docs/kubernetes.md");
    }
  }
  for (const Write& write : leftovers.deletions) {
    const auto removed = client.remove(kube::object(write.resource, write.name_space, write.name));
    if (!removed && !removed.error().not_found()) return tl::unexpected<Error>(removed.error());
  }
  return {};
}

}  // namespace kts::cluster
