// SPDX-License-Identifier: Apache-2.0
#include "kts/kubernetes/manifest.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace kts::kubernetes {
namespace {

using Json = nlohmann::ordered_json;

// What a worker may need beside the card; requests alone, since a limit on CPU time halts it.
constexpr const char* kMemoryRequest = "256Mi";
constexpr int kGraceSeconds = 15;      // the pod's own is 10
constexpr int kKeptForSeconds = 3600;  // of what kts itself could not remove
constexpr std::size_t kNameOfAgent = 24;

Json field(const char* variable, const char* path) {
  return {{"name", variable}, {"valueFrom", {{"fieldRef", {{"fieldPath", path}}}}}};
}
Json annotation_file(const char* path, const char* annotation) {
  return {{"path", path},
          {"fieldRef", {{"fieldPath", fmt::format("metadata.annotations['{}']", annotation)}}}};
}

Json labels_of(const JobSpec& job) {
  return {{"app.kubernetes.io/name", "kts"},
          {"app.kubernetes.io/managed-by", "kts"},
          {kRunLabel, job.run},
          {kAgentLabel, job.agent}};
}

Json pod_metadata(const JobSpec& job) {
  Json metadata{{"labels", labels_of(job)}};
  if (job.gpu_memory_bytes) {
    metadata["annotations"][kMemoryAnnotation] = fmt::format("{}", *job.gpu_memory_bytes);
  }
  if (!job.trace.empty()) metadata["annotations"][kTraceAnnotation] = job.trace;
  return metadata;
}

Json container_of(const JobSpec& job) {
  Json command{"kts-worker", "pod", "--plan", "/etc/kts/plan", "--ack", "/etc/kts/ack", "--"};
  for (const std::string& word : job.worker) command.push_back(word);
  if (!job.command.empty()) command = job.command;
  Json requests{{"cpu", fmt::format("{}m", job.cpu_request_millicores)},
                {"memory", kMemoryRequest}};
  Json resources{{"requests", requests}};
  if (!job.resource.empty()) {
    resources["requests"][job.resource] = "1";
    resources["limits"] = {{job.resource, "1"}};
  }
  if (!job.claim.empty()) resources["claims"] = Json::array({{{"name", "gpu"}}});
  return {{"name", "agent"},
          {"image", job.image},
          {"imagePullPolicy", job.pull_policy},
          {"command", std::move(command)},
          {"env",
           {field("KTS_POD_NAME", "metadata.name"),
            field("KTS_POD_UID", "metadata.uid"),
            field("KTS_NODE_NAME", "spec.nodeName"),
            {{"name", "HOME"}, {"value", "/cache"}},
            {{"name", "CUDA_CACHE_PATH"}, {"value", "/cache/cuda"}}}},
          {"resources", std::move(resources)},
          {"securityContext",
           {{"allowPrivilegeEscalation", false},
            {"readOnlyRootFilesystem", true},
            {"capabilities", {{"drop", {"ALL"}}}}}},
          {"volumeMounts",
           {{{"name", "kts"}, {"mountPath", "/etc/kts"}, {"readOnly", true}},
            {{"name", "cache"}, {"mountPath", "/cache"}}}}};
}

Json pod_spec(const JobSpec& job) {
  Json spec{{"restartPolicy", "Never"},
            {"automountServiceAccountToken", false},
            {"enableServiceLinks", false},
            {"terminationGracePeriodSeconds", kGraceSeconds},
            {"securityContext",
             {{"runAsNonRoot", true}, {"seccompProfile", {{"type", "RuntimeDefault"}}}}}};
  if (!job.runtime_class.empty()) spec["runtimeClassName"] = job.runtime_class;
  if (!job.claim.empty()) {
    spec["resourceClaims"] = Json::array({{{"name", "gpu"}, {"resourceClaimName", job.claim}}});
  }
  if (!job.node_selector.empty()) spec["nodeSelector"] = job.node_selector;
  if (job.together) {
    const Json selector{{"matchLabels", {{kRunLabel, job.run}}}};
    spec["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"] = {
        {{"labelSelector", selector}, {"topologyKey", "kubernetes.io/hostname"}}};
  }
  Json tolerations = Json::array();
  for (const Toleration& t : job.tolerations) {
    Json one{{"key", t.key}, {"operator", t.value.empty() ? "Exists" : "Equal"}};
    if (!t.value.empty()) one["value"] = t.value;
    if (!t.effect.empty()) one["effect"] = t.effect;
    tolerations.push_back(std::move(one));
  }
  if (!tolerations.empty()) spec["tolerations"] = std::move(tolerations);
  spec["containers"] = Json::array({container_of(job)});
  Json files{annotation_file("plan", kPlanAnnotation), annotation_file("ack", kAckAnnotation)};
  if (!job.trace.empty()) files.push_back(annotation_file("trace", kTraceAnnotation));
  spec["volumes"] = {{{"name", "kts"}, {"downwardAPI", {{"items", std::move(files)}}}},
                     {{"name", "cache"}, {"emptyDir", Json::object()}}};
  return spec;
}

Json job_of(const JobSpec& job) {
  return {
      {"apiVersion", "batch/v1"},
      {"kind", "Job"},
      {"metadata", {{"name", job.name}, {"namespace", job.name_space}, {"labels", labels_of(job)}}},
      {"spec",
       {{"parallelism", 1},
        {"completions", 1},
        {"backoffLimit", 0},
        {"activeDeadlineSeconds", job.deadline.count()},
        {"ttlSecondsAfterFinished", kKeptForSeconds},
        {"template", {{"metadata", pod_metadata(job)}, {"spec", pod_spec(job)}}}}}};
}

// Block style; every string as JSON writes it, which YAML reads alike.
void append_yaml(std::string& out, const Json& value, std::size_t depth) {
  const std::string indent(2 * depth, ' ');
  const auto nested = [](const Json& v) { return v.is_structured() && !v.empty(); };
  if (value.is_object()) {
    for (const auto& [key, item] : value.items()) {
      out += fmt::format("{}{}:", indent, key);
      if (nested(item)) {
        out += '\n';
        append_yaml(out, item, depth + 1);
      } else {
        out += fmt::format(" {}\n", item.dump());
      }
    }
    return;
  }
  for (const Json& item : value) {
    if (!nested(item)) {
      out += fmt::format("{}- {}\n", indent, item.dump());
      continue;
    }
    std::string inner;
    append_yaml(inner, item, depth + 1);
    inner[2 * depth] = '-';
    out += inner;
  }
}

}  // namespace

Result<Toleration> parse_toleration(std::string_view text) {
  Toleration t;
  const auto colon = text.rfind(':');
  if (colon != std::string_view::npos) {
    t.effect = text.substr(colon + 1);
    text = text.substr(0, colon);
    if (t.effect != "NoSchedule" && t.effect != "PreferNoSchedule" && t.effect != "NoExecute") {
      return bad_input(fmt::format("'{}' is no effect of a taint", t.effect),
                       "there are NoSchedule, PreferNoSchedule and NoExecute", "--toleration");
    }
  }
  const auto equals = text.find('=');
  t.key = text.substr(0, equals);
  if (equals != std::string_view::npos) t.value = text.substr(equals + 1);
  if (t.key.empty()) {
    return bad_input("a toleration without a key", "write KEY[=VALUE][:EFFECT]", "--toleration");
  }
  return t;
}

std::string to_json(const JobSpec& job) { return job_of(job).dump(); }

std::string to_yaml(const std::vector<JobSpec>& jobs) {
  std::string out;
  for (const JobSpec& job : jobs) {
    out += "---\n";
    append_yaml(out, job_of(job), 0);
  }
  return out;
}

std::string job_name(std::string_view run, std::size_t slot, std::string_view agent) {
  std::string name = fmt::format("kts-{}-{}-{}", run, slot, agent.substr(0, kNameOfAgent));
  while (name.ends_with('-')) name.pop_back();
  return name;
}

}  // namespace kts::kubernetes
