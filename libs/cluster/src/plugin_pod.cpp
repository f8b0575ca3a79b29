// SPDX-License-Identifier: Apache-2.0
// Names: deployments/ of NVIDIA/k8s-device-plugin, assets/state-device-plugin of
// NVIDIA/gpu-operator, deployment/ of NVIDIA/dcgm-exporter.
#include "plugin_pod.hpp"

#include <algorithm>
#include <array>

namespace kts::cluster {
namespace {

std::string_view last_part(std::string_view path) {
  const auto slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

std::string program(const kube::Value& container) {
  const auto command = container["command"].items();
  return command.empty() ? std::string() : std::string(last_part(command.front().text()));
}

bool is_plugin(const kube::Value& container) {
  const std::string name = container["name"].text();
  const std::string runs = program(container);
  for (const std::string_view other :
       {"config-manager", "gpu-feature-discovery", "mps-control-daemon"}) {
    if (runs == other || contains(name, other)) return false;
  }
  return runs == "nvidia-device-plugin" || name.starts_with("nvidia-device-plugin") ||
         (runs.empty() && contains(last_part(container["image"].text()), "k8s-device-plugin"));
}

}  // namespace

std::string full_name(const kube::Value& object) {
  const kube::Value metadata = object["metadata"];
  const std::string space = metadata["namespace"].text();
  return space.empty() ? metadata["name"].text() : space + "/" + metadata["name"].text();
}

kube::Value plugin_container(const kube::Value& pod_spec) {
  for (const kube::Value& container : pod_spec["containers"].items()) {
    if (is_plugin(container)) return container;
  }
  return {};
}

kube::Value config_manager(const kube::Value& pod_spec) {
  for (const char* kind : {"containers", "initContainers"}) {
    for (const kube::Value& container : pod_spec[kind].items()) {
      if (program(container) == "config-manager") return container;
    }
  }
  return {};
}

std::string environment(const kube::Value& container, std::string_view variable) {
  for (const kube::Value& entry : container["env"].items()) {
    if (entry["name"].text() == variable) return entry["value"].text();
  }
  return {};
}

std::string plugin_config_map(const kube::Value& pod_spec) {
  const kube::Value container = plugin_container(pod_spec);
  if (!container.exists()) return {};
  // Where the config manager finds its choice, or the file itself where there is no manager.
  std::string source = environment(config_manager(pod_spec), "CONFIG_FILE_SRCDIR");
  if (source.empty()) source = environment(container, "CONFIG_FILE");
  if (source.empty()) {
    const auto arguments = container["args"].items();
    for (std::size_t i = 0; i < arguments.size(); ++i) {
      const std::string argument = arguments[i].text();
      if (argument.starts_with("--config-file=")) source = argument.substr(14);
      if (argument == "--config-file" && i + 1 < arguments.size()) {
        source = arguments[i + 1].text();
      }
    }
  }
  for (const kube::Value& mount : container["volumeMounts"].items()) {
    const std::string at = mount["mountPath"].text();
    if (source.empty() || at.empty() || (source != at && !source.starts_with(at + "/"))) continue;
    for (const kube::Value& volume : pod_spec["volumes"].items()) {
      if (volume["name"].text() == mount["name"].text() && volume["configMap"].exists()) {
        return volume["configMap"]["name"].text();
      }
    }
  }
  return {};
}

bool is_dcgm_exporter(const kube::Value& pod) {
  const kube::Value labels = pod["metadata"]["labels"];
  if (labels["app"].text() == "nvidia-dcgm-exporter" ||
      labels["app.kubernetes.io/name"].text() == "dcgm-exporter") {
    return true;
  }
  const auto containers = pod["spec"]["containers"].items();
  return std::any_of(containers.begin(), containers.end(), [](const kube::Value& container) {
    return contains(last_part(container["image"].text()), "dcgm-exporter");
  });
}

bool is_gke_plugin(const kube::Value& pod_spec) {
  const auto containers = pod_spec["containers"].items();
  return std::any_of(containers.begin(), containers.end(), [](const kube::Value& container) {
    return contains(last_part(container["image"].text()), "nvidia-gpu-device-plugin");
  });
}

std::string pod_state(const kube::Value& pod) {
  const kube::Value status = pod["status"];
  if (pod["metadata"]["deletionTimestamp"].exists()) return "Terminating";
  for (const char* kind : {"initContainerStatuses", "containerStatuses"}) {
    for (const kube::Value& container : status[kind].items()) {
      const std::string reason = container["state"]["waiting"]["reason"].text();
      if (!reason.empty()) return reason;
      // Between two lives, or after the last one.
      const kube::Value ended = container["state"]["terminated"];
      if (ended.exists() && ended["exitCode"].integer() != 0) {
        return ended["reason"].text().empty() ? "Error" : ended["reason"].text();
      }
    }
  }
  const std::string reason = status["reason"].text();
  return reason.empty() ? status["phase"].text() : reason;
}

std::string image_version(std::string_view image) {
  image = last_part(image);
  image = image.substr(0, image.find('@'));
  const auto colon = image.find(':');
  return colon == std::string_view::npos ? std::string() : std::string(image.substr(colon + 1));
}

}  // namespace kts::cluster
