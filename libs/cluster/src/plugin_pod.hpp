// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "kts/kube/value.hpp"

namespace kts::cluster {

// "namespace/name" of any object.
[[nodiscard]] std::string full_name(const kube::Value& object);

// The container that is NVIDIA's device plugin in a pod's spec; feature discovery, MPS daemon and
// config manager come from the same image and are not it.
[[nodiscard]] kube::Value plugin_container(const kube::Value& pod_spec);
// The ConfigMap that the plugin's configuration comes from; empty: none.
[[nodiscard]] std::string plugin_config_map(const kube::Value& pod_spec);
// A variable of the container, of its config manager, or empty.
[[nodiscard]] std::string environment(const kube::Value& container, std::string_view variable);
// DEFAULT_CONFIG and FALLBACK_STRATEGIES of the config manager.
[[nodiscard]] kube::Value config_manager(const kube::Value& pod_spec);

[[nodiscard]] bool is_dcgm_exporter(const kube::Value& pod);
// Google's own plugin for GKE.
[[nodiscard]] bool is_gke_plugin(const kube::Value& pod_spec);

// "Running", or the reason why a container of the pod doesn't: "CrashLoopBackOff".
[[nodiscard]] std::string pod_state(const kube::Value& pod);
// "v0.17.1" of an image's name; empty for a digest alone.
[[nodiscard]] std::string image_version(std::string_view image);

}  // namespace kts::cluster
