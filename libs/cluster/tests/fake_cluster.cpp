// SPDX-License-Identifier: Apache-2.0
#include "fake_cluster.hpp"

#include <fmt/format.h>

#include <cstdlib>

#include "kts/base/files.hpp"
#include "kts/cluster/backup.hpp"
#include "kts/cluster/plugin_config.hpp"
#include "kts/kube/paths.hpp"
#include "operand.hpp"
#include "places.hpp"
#include "plugin_pod.hpp"
#include "yaml.hpp"

namespace kts::cluster {
namespace {

using Json = nlohmann::json;

kube::Value value(const Json& json) {
  auto out = kube::Value::parse(json.dump());
  if (!out) std::abort();
  return *out;
}

const std::vector<kube::Resource>& kinds() {
  static const std::vector<kube::Resource> kKinds{kube::kNodes,           kube::kPods,
                                                  kube::kDaemonSets,      kube::kRuntimeClasses,
                                                  kube::kClusterPolicies, kube::kConfigMaps};
  return kKinds;
}

// Kubernetes' strategic merge, for the lists that a pod template has.
void merge_strategically(Json& into, const Json& patch, const std::string& field = {}) {
  if (patch.is_object() && into.is_object()) {
    for (const auto& [key, part] : patch.items()) {
      if (part.is_null()) {
        into.erase(key);
      } else if (part.is_structured() && into.contains(key)) {
        merge_strategically(into[key], part, key);
      } else {
        into[key] = part;
      }
    }
    return;
  }
  if (!patch.is_array()) {
    into = patch;
    return;
  }
  const char* id = field == "volumeMounts" ? "mountPath" : "name";
  for (const Json& item : patch) {
    const auto same = std::find_if(into.begin(), into.end(),
                                   [&](const Json& there) { return there.at(id) == item.at(id); });
    if (item.contains("$patch")) {
      if (same != into.end()) into.erase(same);
    } else if (same == into.end()) {
      into.push_back(item);
    } else {
      merge_strategically(*same, item);
    }
  }
}

kube::Response failure(int status, const std::string& reason) {
  return {status, kube::FakeTransport::status_body(reason, "the fake says so", status)};
}

}  // namespace

FakeCluster::FakeCluster(const std::string& fixture) {
  const auto text = read_file(in_source("libs/cluster/tests/data/") + fixture + ".yaml");
  const auto parsed = text ? parse_yaml(*text) : tl::unexpected<Error>(text.error());
  if (!parsed) std::abort();
  const Json file = Json::parse(parsed->dump());
  Json versions = Json::array();
  for (const Json& version : file["serves"]) versions.push_back({{"groupVersion", version}});
  groups_ = Json{{"groups", Json::array({{{"name", "all"}, {"versions", versions}}})}}.dump();
  for (const kube::Resource& kind : kinds()) {
    if (!file.contains(kind.plural)) continue;
    for (const Json& object : file[kind.plural]) {
      const Json& metadata = object["metadata"];
      objects_[kube::object(kind, metadata.value("namespace", ""), metadata.value("name", ""))] =
          object;
    }
  }
  if (file.contains("logs")) logs_ = file["logs"].get<std::map<std::string, std::string>>();
}

Json FakeCluster::intent() const {
  Json out;
  for (const auto& [path, object] : objects_) {
    const kube::Target target = kube::parse_target(path);
    if (target.resource == "nodes") {
      out[path] = object["metadata"].value("labels", Json::object());
    } else if (target.resource == "configmaps") {
      out[path] = object["data"];
    } else if (target.resource == "daemonsets" || target.resource == "clusterpolicies") {
      out[path] = object["spec"];
    }
  }
  return out;
}

std::string FakeCluster::allocatable(const std::string& node, const std::string& resource) const {
  const Json& status = objects_.at(kube::object(kube::kNodes, {}, node))["status"];
  return status["allocatable"].value(resource, "");
}

Result<kube::Response> FakeCluster::send(const kube::Request& request) {
  const bool review = request.path.find("selfsubjectaccessreviews") != std::string::npos;
  if (request.method != "GET" && !review) {
    const std::size_t number = writes.size();
    writes.push_back(request.method + " " + request.path);
    if (before_write) before_write(number);
    if (break_write && break_write(number)) return failure(500, "InternalError");
  }
  return answer(request);
}

kube::Response FakeCluster::review(const std::string& body) const {
  const Json asked = Json::parse(body)["spec"]["resourceAttributes"];
  const std::string what = asked.value("verb", "") + " " +
                           kube::resource_of({asked.value("group", ""),
                                              asked.value("resource", ""),
                                              asked.value("subresource", ""),
                                              {},
                                              {}});
  return {201, Json{{"status", {{"allowed", !denied.contains(what)}}}}.dump()};
}

kube::Response FakeCluster::list(const std::string& path) const {
  const kube::Target wanted = kube::parse_target(path);
  Json items = Json::array();
  for (const auto& [name, object] : objects_) {
    const kube::Target target = kube::parse_target(name);
    if (target.resource == wanted.resource &&
        (wanted.name_space.empty() || target.name_space == wanted.name_space)) {
      items.push_back(object);
    }
  }
  return {200, Json{{"metadata", Json::object()}, {"items", items}}.dump()};
}

kube::Response FakeCluster::answer(const kube::Request& request) {
  const std::string path = request.path.substr(0, request.path.find('?'));
  if (path == "/apis") return {200, groups_};
  if (path.find("selfsubjectaccessreviews") != std::string::npos) return review(request.body);
  const kube::Target target = kube::parse_target(path);
  if (target.subresource == "log") {
    const auto log = logs_.find(target.name_space + "/" + target.name);
    if (log == logs_.end()) return failure(400, "BadRequest");
    return {200, log->second};
  }
  if (request.method == "POST") {
    const Json object = Json::parse(request.body);
    const std::string made = path + "/" + object["metadata"].value("name", "");
    if (objects_.contains(made)) return failure(409, "AlreadyExists");
    objects_[made] = object;
    return {201, request.body};
  }
  if (target.name.empty()) return list(path);
  const auto found = objects_.find(path);
  if (found == objects_.end()) return failure(404, "NotFound");
  if (request.method == "PATCH") {
    const Json patch = Json::parse(request.body);
    if (request.content_type.find("strategic") != std::string::npos) {
      merge_strategically(found->second, patch);
    } else {
      found->second.merge_patch(patch);
    }
    if (target.resource == "clusterpolicies") reconcile_policy(found->second);
  } else if (request.method == "DELETE") {
    if (target.resource == "pods") {
      replace_pod(path);
    } else {
      objects_.erase(found);
    }
    return {200, "{}"};
  }
  return {200, found->second.dump()};
}

void FakeCluster::replace_pod(const std::string& path) {
  Json pod = objects_.at(path);
  objects_.erase(path);
  const kube::Target target = kube::parse_target(path);
  logs_.erase(target.name_space + "/" + target.name);
  const std::string owner = owner_of(value(pod));
  const std::string set = kube::object(kube::kDaemonSets, target.name_space, owner);
  if (owner.empty() || !objects_.contains(set)) return;
  const std::string node = pod["spec"].value("nodeName", "");
  const std::string name = fmt::format("new-{}", next_++);
  pod["metadata"]["name"] = pod["metadata"]["uid"] = name;
  pod["spec"] = objects_.at(set)["spec"]["template"]["spec"];
  pod["spec"]["nodeName"] = node;
  const std::string made = kube::object(kube::kPods, target.name_space, name);
  pod["status"] = {{"phase", "Running"}};
  if (!plugin_starts) {
    pod["status"] = {{"phase", "Running"},
                     {"containerStatuses",
                      Json::array({{{"name", "x"},
                                    {"restartCount", 3},
                                    {"state", {{"waiting", {{"reason", "CrashLoopBackOff"}}}}}}})}};
    logs_[target.name_space + "/" + name] = "error: the plugin doesn't like it\n";
    objects_[made] = pod;
    return;
  }
  objects_[made] = pod;
  if (operand_of(value(pod["spec"])) != Operand::kPlugin) return;
  const std::string text = config_for(pod);
  const auto config = parse_yaml(text.empty() ? "{version: v1}" : text);
  const auto sharing = parse_plugin_config(text);
  if (!config || !sharing) return;
  offer(node, text);
  logs_[target.name_space + "/" + name] = fmt::format(
      "Running with config:\n{}\nI1119 08:00:01.422318 1 server.go:146] Registered device plugin "
      "for '{}' with Kubelet\n",
      config->dump(),
      sharing->resources.empty() ? "nvidia.com/gpu" : sharing->resources.front().advertised);
}

std::string FakeCluster::config_for(const Json& pod) const {
  const kube::Value spec = value(pod["spec"]);
  const std::string map_name = plugin_config_map(spec);
  const std::string map =
      kube::object(kube::kConfigMaps, pod["metadata"].value("namespace", ""), map_name);
  if (map_name.empty() || !objects_.contains(map)) return {};
  const Json& data = objects_.at(map)["data"];
  std::string key;
  if (config_manager(spec).exists()) {
    const Json& node =
        objects_.at(kube::object(kube::kNodes, {}, pod["spec"].value("nodeName", "")));
    key = node["metadata"].value("labels", Json::object()).value(kConfigLabel, "");
    if (key.empty()) key = environment(config_manager(spec), "DEFAULT_CONFIG");
    if (key.empty()) key = "default";
  } else {
    const std::string file = environment(plugin_container(spec), "CONFIG_FILE");
    key = file.substr(file.rfind('/') + 1);
  }
  return data.value(key, "");
}

void FakeCluster::offer(const std::string& node, const std::string& text) {
  const auto config = parse_plugin_config(text);
  Json& object = objects_.at(kube::object(kube::kNodes, {}, node));
  const Json labels = object["metadata"].value("labels", Json::object());
  const int cards = std::atoi(labels.value("nvidia.com/gpu.count", "1").c_str());
  std::string resource = "nvidia.com/gpu";
  std::int64_t slots = cards;
  if (!config->resources.empty()) {
    resource = config->resources.front().advertised;
    slots = cards * config->resources.front().replicas;
  }
  for (auto& [name, count] : object["status"]["allocatable"].items()) count = "0";
  for (const char* field : {"capacity", "allocatable"}) {
    object["status"][field][resource] = std::to_string(slots);
  }
}

// As the operator does: with a ConfigMap the DaemonSet gets a config manager, without none.
void FakeCluster::reconcile_policy(const Json& policy) {
  const std::string space = policy["status"].value("namespace", "");
  const Json config = policy["spec"]["devicePlugin"].value("config", Json::object());
  for (auto& [path, object] : objects_) {
    if (kube::parse_target(path).resource != "daemonsets") continue;
    Json& spec = object["spec"]["template"]["spec"];
    Json containers = Json::array({spec["containers"][0]});
    containers[0].erase("volumeMounts");
    spec.erase("volumes");
    if (const std::string name = config.value("name", ""); !name.empty()) {
      containers[0]["volumeMounts"] = {{{"name", name}, {"mountPath", "/available-configs"}}};
      containers.push_back(
          {{"name", "config-manager"},
           {"command", {"config-manager"}},
           {"env",
            {{{"name", "CONFIG_FILE_SRCDIR"}, {"value", "/available-configs"}},
             {{"name", "DEFAULT_CONFIG"}, {"value", config.value("default", "")}}}}});
      spec["volumes"] = {{{"name", name}, {"configMap", {{"name", name}}}}};
    }
    spec["containers"] = containers;
  }
}

kube::StreamId FakeCluster::open(const std::string& path, kube::StreamListener& listener,
                                 const kube::StreamOptions& options) {
  const kube::Response response = answer({.path = path});
  streams_.answer("STREAM", path, response.status, response.body);
  return streams_.open(path, listener, options);
}

void FakeCluster::close(kube::StreamId stream) { streams_.close(stream); }

Status FakeCluster::wait(MonotonicTime deadline, int wake_fd) {
  clock_.sleep_until(deadline);
  return streams_.wait(deadline, wake_fd);
}

}  // namespace kts::cluster
