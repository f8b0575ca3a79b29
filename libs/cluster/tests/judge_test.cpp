// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster_fixtures.hpp"
#include "owner.hpp"
#include "sharing.hpp"
#include "yaml.hpp"

namespace kts::cluster::judge_test {
namespace {

using fixtures::status;
using testing::Contains;
using testing::Field;
using testing::HasSubstr;

auto says(const std::string& part) {
  return Contains(Field("text", &Warning::text, HasSubstr(part)));
}

TEST(Judge, TheOperatorsTimeSlicingIsReadFromThePlugin) {
  const ClusterStatus s = status("gpu-operator-time-slicing");
  ASSERT_EQ(s.nodes.size(), 1U);
  const GpuNode& node = s.nodes[0];
  EXPECT_EQ(node.product, "NVIDIA-H200");
  EXPECT_EQ(node.cards, 1);
  EXPECT_EQ(node.memory_bytes, 143771LL << 20);
  EXPECT_EQ(node.sharing.mode, SharingMode::kTimeSlicing);
  EXPECT_EQ(node.sharing.replicas, 4);
  EXPECT_EQ(node.sharing.source, "plugin log");
  EXPECT_EQ(node.config.key, "any");
  EXPECT_EQ(node.config.in_force, true);
  EXPECT_EQ(node.dcgm_exporter, true);
  ASSERT_EQ(node.resources.size(), 1U);
  EXPECT_EQ(node.resources[0].requested, 3);
  EXPECT_EQ(node.budget_bytes, 100LL << 30);
  ASSERT_EQ(s.installations.size(), 1U);
  EXPECT_EQ(s.installations[0].kind, InstallationKind::kGpuOperator);
  EXPECT_EQ(s.installations[0].config_map, "time-slicing-config");
  EXPECT_EQ(s.installations[0].owners.at(0).name, "gpu-operator");
  EXPECT_EQ(s.runtime_class, true);
  // The environment's MIG_STRATEGY=single beats the file's none; nothing else is wrong.
  ASSERT_EQ(s.warnings.size(), 1U);
  EXPECT_THAT(s.warnings, says("MIG_STRATEGY=single, which wins"));
}

TEST(Judge, AnEditThatIsNotLoadedIsSaid) {
  const ClusterStatus s = status("helm-edited-not-loaded");
  ASSERT_EQ(s.nodes.size(), 2U);
  EXPECT_EQ(s.nodes[0].sharing.replicas, 2);
  EXPECT_EQ(s.nodes[0].config.in_force, false);
  EXPECT_FALSE(s.nodes[1].ready);
  EXPECT_FALSE(s.nodes[1].schedulable);
  EXPECT_FALSE(s.nodes[1].sharing.mode);
  EXPECT_THAT(s.warnings, says("key 'slice' (node label) of ConfigMap "
                               "nvidia-device-plugin/nvdp-nvidia-device-plugin-configs says "
                               "time-slicing ×8"));
  EXPECT_THAT(s.warnings, says("key 'slcie'"));
  EXPECT_THAT(s.warnings, says("has 4 nvidia.com/gpu, but only 2 can be used"));
  EXPECT_THAT(s.warnings, says("fghij on gpu-c is CrashLoopBackOff"));
  EXPECT_THAT(s.warnings, says("belong to Argo CD (gpu-stack)"));
  EXPECT_THAT(s.warnings, says("labels of gpu-b say time-slicing ×8"));
  EXPECT_EQ(s.pods.back().name, "waits");
  EXPECT_THAT(s.pods.back().reason, HasSubstr("Unschedulable: 0/2 nodes"));
}

TEST(Judge, ALabelWithoutAConfigurationHasNoEffect) {
  const ClusterStatus s = status("helm-plain");
  EXPECT_EQ(s.nodes.at(0).sharing.mode, SharingMode::kExclusive);
  EXPECT_EQ(s.nodes.at(0).cards, 8);
  EXPECT_EQ(s.nodes.at(0).memory_bytes, std::nullopt);
  EXPECT_EQ(s.installations.at(0).kind, InstallationKind::kHelm);
  EXPECT_THAT(s.warnings, says("the label has no effect"));
  EXPECT_EQ(s.runtime_class, false);
}

TEST(Judge, WhatNothingProvesStaysEmpty) {
  const ClusterStatus s = status("static-log-rotated");
  EXPECT_FALSE(s.nodes.at(0).sharing.mode);
  EXPECT_FALSE(s.nodes.at(0).sharing.shared);
  EXPECT_FALSE(s.nodes.at(0).cards);
  EXPECT_EQ(s.installations.at(0).kind, InstallationKind::kStatic);
  EXPECT_THAT(s.warnings, says("Flux (flux-system/gpu)"));
}

TEST(Judge, LabelsStandInForALogThatMayNotBeRead) {
  const ClusterStatus s = status("mps-from-labels");
  EXPECT_EQ(s.nodes.at(0).sharing.mode, SharingMode::kMps);
  EXPECT_EQ(s.nodes.at(0).sharing.replicas, 20);
  EXPECT_EQ(s.nodes.at(0).sharing.source, "label nvidia.com/gpu.sharing-strategy");
  EXPECT_FALSE(s.nodes.at(0).config.in_force);
  EXPECT_THAT(s.warnings, says("not permitted to get pods/log in namespace nvidia-device-plugin"));
  EXPECT_THAT(s.warnings, says("not permitted to get configmaps"));
  EXPECT_THAT(s.warnings, says("offers each card 20 times"));
}

TEST(Judge, MigIsCardsThatAreCutNow) {
  const ClusterStatus s = status("mig-mixed");
  EXPECT_EQ(s.nodes.at(0).sharing.mode, SharingMode::kMig);
  EXPECT_EQ(s.nodes.at(0).sharing.resource, "nvidia.com/mig-1g.10gb");
  EXPECT_EQ(s.nodes.at(0).sharing.source, "MIG resources");
  EXPECT_FALSE(s.nodes.at(0).cards);
  EXPECT_EQ(s.nodes.at(0).resources.at(1).requested, 1);
  GpuNode capable;
  capable.resources = {{"nvidia.com/gpu", 1, 1, {}}};
  EXPECT_FALSE(mig_in_use(capable, *parse_yaml("{nvidia.com/mig.capable: 'true'}")));
}

TEST(Judge, OthersPluginsAreRecognised) {
  const ClusterStatus gke = status("gke-time-sharing");
  EXPECT_EQ(gke.installations.at(0).kind, InstallationKind::kGke);
  EXPECT_EQ(gke.nodes.at(0).sharing.mode, SharingMode::kTimeSlicing);
  EXPECT_EQ(gke.nodes.at(0).cards, 1);
  const ClusterStatus host = status("bottlerocket-renamed");
  EXPECT_EQ(host.installations.at(0).kind, InstallationKind::kHost);
  EXPECT_THAT(host.installations.at(0).name, HasSubstr("Bottlerocket"));
  EXPECT_EQ(host.nodes.at(0).sharing.shared, true);
  EXPECT_FALSE(host.nodes.at(0).sharing.mode);
}

TEST(Judge, DraDevicesOfTheNewestGenerationCount) {
  const ClusterStatus s = status("dra");
  EXPECT_EQ(s.nodes.at(0).dra_devices.size(), 3U);
  EXPECT_EQ(s.nodes.at(0).cards, 2);
  EXPECT_EQ(s.nodes.at(0).product, "NVIDIA B200");
  EXPECT_EQ(s.nodes.at(0).memory_bytes, 183359LL << 20);
  EXPECT_EQ(s.installations.at(0).kind, InstallationKind::kDra);
  EXPECT_THAT(s.warnings, says("GPUCluster gpu-cluster is notReady"));
}

TEST(Judge, EachMissingPermissionIsOneWarning) {
  const ClusterStatus s = status("nothing-permitted");
  EXPECT_FALSE(s.nodes_seen);
  EXPECT_FALSE(s.pods_seen);
  EXPECT_FALSE(s.runtime_class);
  EXPECT_TRUE(s.installations.empty());
  EXPECT_EQ(s.warnings.size(), 5U);
  EXPECT_THAT(s.warnings, says("not permitted to list nodes in the whole cluster"));
}

TEST(Judge, OneNamespaceDoesntShowWhoElseUsesTheCards) {
  Snapshot snapshot = fixtures::snapshot("gpu-operator-time-slicing");
  snapshot.name_space = "agents";
  const ClusterStatus s = judge(snapshot);
  EXPECT_FALSE(s.pods_seen);
  EXPECT_FALSE(s.nodes.at(0).resources.at(0).requested);
  EXPECT_FALSE(s.nodes.at(0).dcgm_exporter);
  EXPECT_THAT(s.warnings, says("only pods and DaemonSets of namespace agents"));
}

TEST(Judge, TwoPluginsOnANodeAreSaid) {
  const ClusterStatus s = status("two-plugins");
  EXPECT_EQ(s.installations.size(), 2U);
  EXPECT_THAT(s.warnings, says("two device plugins run on gpu-x"));
  EXPECT_EQ(s.nodes.at(0).sharing.mode, SharingMode::kExclusive);
  EXPECT_EQ(s.nodes.at(0).sharing.source, "capacity equals cards");
}

TEST(Judge, BudgetsAboveTheCardAreSaid) {
  Snapshot snapshot = fixtures::snapshot("gpu-operator-time-slicing");
  auto pods = *snapshot.pods;
  pods.push_back(
      *parse_yaml("{metadata: {name: big, namespace: n, annotations: {kts.dev/gpu-memory-bytes: "
                  "'53687091200'}}, spec: {nodeName: gpu-a, containers: [{resources: {limits: "
                  "{nvidia.com/gpu: 1}}}]}, status: {phase: Running}}"));
  snapshot.pods = std::move(pods);
  EXPECT_THAT(judge(snapshot).warnings,
              says("budgeted 150.0 GiB of GPU memory together, and there are 140.4 GiB"));
}

struct LabelCase {
  const char* labels;
  std::optional<SharingMode> mode;
};
TEST(Sharing, OldFeatureDiscoveryKnewOnlyTimeSlicing) {
  GpuNode node;
  node.resources = {{"nvidia.com/gpu", 4, 4, {}}};
  const LabelCase cases[] = {
      {"{nvidia.com/gpu.product: T4-SHARED}", SharingMode::kTimeSlicing},
      {"{nvidia.com/gpu.product: T4, nvidia.com/gpu.replicas: '4'}", SharingMode::kTimeSlicing},
      {"{nvidia.com/gpu.product: T4-SHARED, nvidia.com/mps.capable: 'true'}", SharingMode::kMps},
      {"{nvidia.com/gpu.product: T4, nvidia.com/gpu.replicas: '1'}", SharingMode::kExclusive},
      {"{nvidia.com/gpu.product: T4-MIG-1g.5gb}", SharingMode::kMig},
      {"{nvidia.com/gpu.count: '4'}", SharingMode::kExclusive},
      {"{nvidia.com/gpu.count: '2'}", std::nullopt},
      {"{}", std::nullopt},
  };
  for (const auto& [labels, mode] : cases) {
    EXPECT_EQ(judge_sharing(node, *parse_yaml(labels), std::nullopt).mode, mode) << labels;
  }
}

TEST(Owner, EachToolsMarkIsRead) {
  const auto owner = [](const char* metadata) {
    const auto owners =
        owners_of(*parse_yaml("{metadata: {name: x, namespace: n, " + std::string(metadata) + "}}"),
                  "ConfigMap");
    return owners.size() == 1 ? owners[0].tool + " " + owners[0].name + " " + owners[0].object
                              : std::to_string(owners.size());
  };
  EXPECT_EQ(owner("annotations: {'argocd.argoproj.io/tracking-id': 'app:apps/DaemonSet:n/x'}"),
            "Argo CD app ConfigMap n/x");
  EXPECT_EQ(owner("labels: {argocd.argoproj.io/instance: app}"), "Argo CD app ConfigMap n/x");
  EXPECT_EQ(owner("labels: {helm.toolkit.fluxcd.io/name: r, helm.toolkit.fluxcd.io/namespace: f}"),
            "Flux f/r ConfigMap n/x");
  EXPECT_EQ(owner("annotations: {meta.helm.sh/release-name: r}"), "Helm r ConfigMap n/x");
  EXPECT_EQ(owner("labels: {app.kubernetes.io/instance: r}"), "0");
}

}  // namespace
}  // namespace kts::cluster::judge_test
