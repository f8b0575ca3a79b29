// SPDX-License-Identifier: Apache-2.0
#include "cluster_fixtures.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "kts/base/files.hpp"
#include "places.hpp"
#include "plugin_pod.hpp"
#include "yaml.hpp"

namespace kts::cluster::fixtures {
namespace {

const std::filesystem::path kData = in_source("libs/cluster/tests/data");

const std::vector<kube::Resource>& kinds() {
  static const std::vector<kube::Resource> kKinds{
      kube::kNodes,
      kube::kPods,
      kube::kDaemonSets,
      kube::kRuntimeClasses,
      kube::kClusterPolicies,
      {"nvidia.com", "v1alpha1", "gpuclusters"},
      {"resource.k8s.io", "v1", "resourceslices"},
      {"resource.k8s.io", "v1beta1", "resourceslices"},
  };
  return kKinds;
}

template <typename T>
T must(Result<T> result) {
  if (!result) {
    std::fprintf(stderr, "fixture: %s\n", to_line(result.error()).c_str());
    std::abort();
  }
  return *std::move(result);
}

std::string group_list(const kube::Value& file) {
  std::string versions;
  for (const kube::Value& version : file["serves"].items()) {
    versions += (versions.empty() ? "" : ",") + ("{\"groupVersion\":" + version.dump() + "}");
  }
  return R"({"kind":"APIGroupList","groups":[{"name":"all","versions":[)" + versions + "]}]}";
}

}  // namespace

const std::vector<std::string>& names() {
  static const std::vector<std::string> kNames = [] {
    std::vector<std::string> out;
    for (const auto& entry : std::filesystem::directory_iterator(kData)) {
      if (entry.path().extension() == ".yaml") out.push_back(entry.path().stem().string());
    }
    std::sort(out.begin(), out.end());
    return out;
  }();
  return kNames;
}

void serve(const std::string& name, kube::FakeTransport& api) {
  const kube::Value file = must(parse_yaml(must(read_file(kData / (name + ".yaml")))));
  const auto forbidden = file["forbidden"].items();
  const auto refused = [&](const std::string& resource) {
    return std::any_of(forbidden.begin(), forbidden.end(),
                       [&](const kube::Value& entry) { return entry.text() == resource; });
  };
  const auto refusal = [](const std::string& resource) {
    return kube::FakeTransport::status_body(
        "Forbidden", resource + " is forbidden: User \\\"dev\\\" cannot do that", 403);
  };
  api.answer("GET", "/apis", 200, group_list(file));
  for (const kube::Resource& kind : kinds()) {
    const kube::Value objects = file[kind.plural];
    const bool no = refused(kind.plural);
    api.answer(
        "GET", kube::collection(kind), no ? 403 : 200,
        no ? refusal(kind.plural)
           : R"({"metadata":{},"items":)" + (objects.exists() ? objects.dump() : "[]") + "}");
  }
  for (const kube::Value& map : file["configmaps"].items()) {
    const bool no = refused("configmaps");
    api.answer("GET",
               kube::object(kube::kConfigMaps, map["metadata"]["namespace"].text(),
                            map["metadata"]["name"].text()),
               no ? 403 : 200, no ? refusal("configmaps") : map.dump());
  }
  for (const kube::Value& pod : file["pods"].items()) {
    const std::string pod_name = full_name(pod);
    if (file["logs"][pod_name].exists()) continue;
    api.answer("STREAM",
               kube::object(kube::kPods, pod["metadata"]["namespace"].text(),
                            pod["metadata"]["name"].text(), "log"),
               400, kube::FakeTransport::status_body("BadRequest", "PodInitializing", 400));
  }
  for (const auto& [pod, log] : file["logs"].members()) {
    const auto slash = pod.find('/');
    const bool no = refused("pods/log");
    api.answer("STREAM", kube::pod_log(pod.substr(0, slash), pod.substr(slash + 1), {}),
               no ? 403 : 200, no ? refusal("pods/log") : log.text());
  }
}

Snapshot snapshot(const std::string& name) {
  kube::FakeTransport api;
  serve(name, api);
  kube::Client client(api);
  return must(look(client, {.server_version = "v1.31.4", .name_space = {}}));
}

ClusterStatus status(const std::string& name) { return judge(snapshot(name)); }

}  // namespace kts::cluster::fixtures
