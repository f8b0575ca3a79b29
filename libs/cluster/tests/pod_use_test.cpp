// SPDX-License-Identifier: Apache-2.0
#include "pod_use.hpp"

#include <gtest/gtest.h>

#include "plugin_pod.hpp"
#include "yaml.hpp"

namespace kts::cluster::pod_use_test {
namespace {

using Counts = std::map<std::string, std::int64_t>;

std::string container(const std::string& requests, const std::string& more = "") {
  return "{resources: {limits: {" + requests + "}}" + more + "}";
}
Counts of(const std::string& containers, const std::string& init = "") {
  return gpu_requests(
      *parse_yaml("spec: {containers: [" + containers + "], initContainers: [" + init + "]}"));
}
const std::string kOne = container("nvidia.com/gpu: '1'");
const std::string kThree = container("nvidia.com/gpu: 3");
const std::string kSidecar = container("nvidia.com/gpu: '1'", ", restartPolicy: Always");

TEST(PodUse, ContainersAddUp) {
  EXPECT_EQ(of(kOne + "," + container("nvidia.com/gpu: 1, nvidia.com/mig-1g.10gb: 2, cpu: 1")),
            (Counts{{"nvidia.com/gpu", 2}, {"nvidia.com/mig-1g.10gb", 2}}));
  EXPECT_EQ(of(container("cpu: 1")), Counts{});
  EXPECT_EQ(of(container("nvidia.com/gpu: '0'")), Counts{});
}

TEST(PodUse, InitContainersCountWhenTheyAskForMore) {
  EXPECT_EQ(of(kOne, kOne + "," + kThree), (Counts{{"nvidia.com/gpu", 3}}));
  EXPECT_EQ(of(kThree, kOne), (Counts{{"nvidia.com/gpu", 3}}));
}

TEST(PodUse, SidecarsStay) {
  EXPECT_EQ(of(kOne, kSidecar), (Counts{{"nvidia.com/gpu", 2}}));
  EXPECT_EQ(of(kOne, kSidecar + "," + kThree), (Counts{{"nvidia.com/gpu", 4}}));
  EXPECT_EQ(of(kOne, kThree + "," + kSidecar), (Counts{{"nvidia.com/gpu", 3}}));
}

TEST(PodState, NamesWhatKeepsAContainerFromRunning) {
  const auto state = [](const char* yaml) { return pod_state(*parse_yaml(yaml)); };
  EXPECT_EQ(state("status: {phase: Running}"), "Running");
  EXPECT_EQ(state("status: {phase: Pending, containerStatuses: [{state: {waiting: {reason: "
                  "ImagePullBackOff}}}]}"),
            "ImagePullBackOff");
  EXPECT_EQ(state("status: {phase: Running, containerStatuses: [{state: {terminated: {exitCode: "
                  "137, reason: OOMKilled}}}]}"),
            "OOMKilled");
  EXPECT_EQ(state("status: {phase: Running, initContainerStatuses: [{state: {terminated: "
                  "{exitCode: 0, reason: Completed}}}]}"),
            "Running");
  EXPECT_EQ(state("status: {phase: Failed, reason: Evicted}"), "Evicted");
  EXPECT_EQ(state("{metadata: {deletionTimestamp: x}, status: {phase: Running}}"), "Terminating");
}

TEST(PluginPod, TheImageAloneDoesntMakeAPlugin) {
  const auto is_plugin = [](const char* yaml) {
    return plugin_container(*parse_yaml(yaml)).exists();
  };
  EXPECT_TRUE(
      is_plugin("containers: [{name: nvidia-device-plugin-ctr, image: r/k8s-device-plugin:v1}]"));
  EXPECT_TRUE(
      is_plugin("containers: [{name: x, image: 'mirror/x', command: [nvidia-device-plugin]}]"));
  EXPECT_TRUE(is_plugin("containers: [{name: p, image: 'my/k8s-device-plugin'}]"));
  EXPECT_FALSE(is_plugin(
      "containers: [{name: gpu-operator, image: r/k8s-device-plugin, command: [gpu-operator]}]"));
  EXPECT_FALSE(
      is_plugin("containers: [{name: gpu-feature-discovery-ctr, image: r/k8s-device-plugin}]"));
  EXPECT_FALSE(
      is_plugin("containers: [{name: mps-control-daemon-ctr, image: r/k8s-device-plugin}]"));
  EXPECT_FALSE(
      is_plugin("containers: [{name: nvidia-device-plugin-sidecar, command: [config-manager]}]"));
  EXPECT_FALSE(is_plugin("containers: [{name: amd, image: rocm/k8s-amdgpu-device-plugin}]"));
}

TEST(PluginPod, TheConfigMapIsTheOneMountedWhereTheFileIs) {
  EXPECT_EQ(plugin_config_map(*parse_yaml(
                "{containers: [{name: nvidia-device-plugin-ctr, env: [{name: CONFIG_FILE, value: "
                "/opt/c/config.yaml}], volumeMounts: [{name: v, mountPath: /opt/c}, {name: w, "
                "mountPath: /opt}]}], volumes: [{name: w, emptyDir: {}}, {name: v, configMap: "
                "{name: mine}}]}")),
            "mine");
  EXPECT_EQ(plugin_config_map(*parse_yaml(
                "{containers: [{name: nvidia-device-plugin-ctr, args: [--config-file=/c/any], "
                "volumeMounts: [{name: v, mountPath: /c}]}], volumes: [{name: v, configMap: {name: "
                "mine}}]}")),
            "mine");
  EXPECT_EQ(plugin_config_map(*parse_yaml("{containers: [{name: nvidia-device-plugin-ctr}]}")), "");
}

TEST(ImageVersion, IsTheTag) {
  EXPECT_EQ(image_version("nvcr.io:5000/nvidia/k8s-device-plugin:v0.17.1"), "v0.17.1");
  EXPECT_EQ(image_version("nvcr.io:5000/nvidia/k8s-device-plugin"), "");
  EXPECT_EQ(image_version("a/b:v1@sha256:00"), "v1");
}

}  // namespace
}  // namespace kts::cluster::pod_use_test
