// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kts::kube {

// A kind of object as the API server's paths name it.
struct Resource {
  std::string group;  // "" for the core group
  std::string version = "v1";
  std::string plural;
};
// "pods", "daemonsets.apps".
[[nodiscard]] std::string name_of(const Resource& resource);

inline const Resource kNodes{"", "v1", "nodes"};
inline const Resource kPods{"", "v1", "pods"};
inline const Resource kConfigMaps{"", "v1", "configmaps"};
inline const Resource kEvents{"", "v1", "events"};
inline const Resource kNamespaces{"", "v1", "namespaces"};
inline const Resource kDaemonSets{"apps", "v1", "daemonsets"};
inline const Resource kJobs{"batch", "v1", "jobs"};
inline const Resource kRuntimeClasses{"node.k8s.io", "v1", "runtimeclasses"};
inline const Resource kClusterPolicies{"nvidia.com", "v1", "clusterpolicies"};

using Query = std::vector<std::pair<std::string, std::string>>;

// Percent-encodes all but RFC 3986's unreserved characters.
[[nodiscard]] std::string escape(std::string_view text);
[[nodiscard]] std::string with_query(std::string path, const Query& query);
// All of them; in one namespace unless `name_space` is empty.
[[nodiscard]] std::string collection(const Resource& resource, std::string_view name_space = {});
[[nodiscard]] std::string object(const Resource& resource, std::string_view name_space,
                                 std::string_view name, std::string_view subresource = {});
// What the server of `port` in a pod answers to GET `path`.
[[nodiscard]] std::string pod_proxy(std::string_view name_space, std::string_view pod,
                                    std::string_view port, std::string_view path);

struct LogOptions {
  std::string container{};
  bool follow = false;
  bool previous = false;      // of the container's life before this one
  bool timestamps = false;    // RFC 3339 and a space before each line
  std::string since_time{};   // RFC 3339; empty: from the beginning
  long long tail_lines = -1;  // -1: all
  long long limit_bytes = -1;
};
[[nodiscard]] std::string pod_log(std::string_view name_space, std::string_view pod,
                                  const LogOptions& options);

// What a path speaks of, for messages.
struct Target {
  std::string group, resource, subresource, name_space, name;
};
[[nodiscard]] Target parse_target(std::string_view path);
// "pods", "pods/log", "daemonsets.apps".
[[nodiscard]] std::string resource_of(const Target& target);
// "pod default/x"-like: "pods/x in namespace default", "nodes".
[[nodiscard]] std::string describe(const Target& target);
// RBAC's verb for an HTTP method on a path.
[[nodiscard]] std::string verb_of(std::string_view method, std::string_view path);

}  // namespace kts::kube
