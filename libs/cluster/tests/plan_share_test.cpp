// SPDX-License-Identifier: Apache-2.0
// What kts refuses to do, and what it writes into a configuration.
#include <gmock/gmock.h>

#include "cluster_fixtures.hpp"
#include "kts/cluster/share.hpp"

namespace kts::cluster::plan_share_test {
namespace {

using testing::HasSubstr;

ShareRequest four() {
  ShareRequest request;
  request.replicas = 4;
  return request;
}

Result<Plan> plan(const std::string& fixture, const ShareRequest& request = four()) {
  const Snapshot snapshot = fixtures::snapshot(fixture);
  return plan_share(snapshot, judge(snapshot), std::nullopt, request);
}

std::string refusal(const std::string& fixture, const ShareRequest& request = four(),
                    ErrorCode code = ErrorCode::kEnvironment) {
  const auto refused = plan(fixture, request);
  if (refused) return "not refused";
  EXPECT_EQ(refused.error().code, code);
  return to_line(refused.error());
}

TEST(WithSharing, ReplacesNothingElse) {
  const auto text = with_sharing(
      "version: v1\nflags:\n  migStrategy: none\n  plugin: {deviceIDStrategy: \"1\"}\n"
      "sharing:\n  mps: {resources: []}\n",
      four());
  ASSERT_TRUE(text);
  EXPECT_EQ(*text,
            "version: v1\nflags:\n  migStrategy: none\n  plugin:\n    deviceIDStrategy: \"1\"\n"
            "sharing:\n  timeSlicing:\n    failRequestsGreaterThanOne: true\n"
            "    renameByDefault: false\n    resources:\n      - name: nvidia.com/gpu\n"
            "        replicas: 4\n");
}

TEST(WithSharing, OfItsOwnResultChangesNothing) {
  const auto once = with_sharing("version: v1\nflags: {migStrategy: 'none'}\n", four());
  ASSERT_TRUE(once);
  EXPECT_EQ(with_sharing(*once, four()).value(), *once);
}

TEST(WithSharing, MakesOneOfNothing) {
  const auto text = with_sharing("", four());
  ASSERT_TRUE(text);
  EXPECT_TRUE(text->starts_with("version: v1\nsharing:\n"));
}

TEST(WithSharing, NoMapIsBadInput) {
  EXPECT_FALSE(with_sharing("- a\n", four()));
  EXPECT_FALSE(with_sharing("a: [", four()));
}

TEST(KeyFor, TellsModeReplicasAndContent) {
  EXPECT_EQ(key_for(four(), "a").substr(0, 18), "kts-time-slicing4-");
  EXPECT_NE(key_for(four(), "a"), key_for(four(), "b"));
}

TEST(PlanShare, RefusesReplicasThatAreNoneOrAbsurd) {
  ShareRequest request;
  for (const std::int64_t replicas : {-1, 0, 1, 129}) {
    request.replicas = replicas;
    EXPECT_THAT(refusal("helm-unshared", request, ErrorCode::kBadInput), HasSubstr("--replicas"));
  }
}

TEST(PlanShare, RefusesMig) { EXPECT_THAT(refusal("operator-mig"), HasSubstr("MIG")); }

TEST(PlanShare, RefusesUnderRunningPodsUnlessTold) {
  EXPECT_THAT(refusal("gpu-operator-time-slicing",
                      [] {
                        ShareRequest request;
                        request.replicas = 2;
                        return request;
                      }()),
              HasSubstr("3 pods use GPUs on these nodes"));
  ShareRequest request;
  request.replicas = 2;
  request.yes = true;
  EXPECT_TRUE(plan("gpu-operator-time-slicing", request));
}

TEST(PlanShare, NeverGoesToMpsUnderRunningPods) {
  ShareRequest request = four();
  request.mode = SharingMode::kMps;
  request.yes = true;
  EXPECT_THAT(refusal("mps-pods", request), HasSubstr("MPS under them; end them first"));
}

TEST(PlanShare, NamesTheMissingStepForMps) {
  ShareRequest request = four();
  request.mode = SharingMode::kMps;
  EXPECT_THAT(refusal("helm-unshared", request), HasSubstr("no MPS control daemon's DaemonSet"));
  request.replicas = 49;
  EXPECT_THAT(refusal("helm-unshared", request, ErrorCode::kBadInput), HasSubstr("48"));
}

TEST(PlanShare, HelmWithoutAConfigurationGetsTheLineToRun) {
  EXPECT_THAT(refusal("helm-plain"),
              HasSubstr("helm -n nvidia-device-plugin upgrade nvdp nvdp/nvidia-device-plugin "
                        "--version 0.20.0 --reuse-values --set config.name="));
}

TEST(PlanShare, OthersAreForLookingOnly) {
  EXPECT_THAT(refusal("gke-time-sharing"), HasSubstr("node pools"));
  EXPECT_THAT(refusal("bottlerocket-renamed"), HasSubstr("without a DaemonSet"));
  EXPECT_THAT(refusal("dra"), HasSubstr("DRA"));
  EXPECT_THAT(refusal("two-plugins"), HasSubstr("two device plugins"));
}

TEST(PlanShare, StaticCantLeaveNodesOut) {
  ShareRequest request = four();
  request.nodes.emplace();
  EXPECT_THAT(refusal("static-unshared", request), HasSubstr("matches --node-selector"));
}

TEST(PlanShare, NotReadyOrDanglingNodesAreNamed) {
  ShareRequest request = four();
  request.nodes = {"gpu-c"};
  EXPECT_THAT(refusal("helm-edited-not-loaded", request), HasSubstr("'slcie'"));
}

TEST(PlanShare, WhatIsSharedSoAlreadyNeedsNoStep) {
  const Snapshot snapshot = fixtures::snapshot("helm-unshared");
  ClusterStatus status = judge(snapshot);
  ShareRequest request = four();
  request.nodes = {"gpu-a"};
  const auto text = with_sharing("version: v1\nflags: {migStrategy: none}\n", request);
  ASSERT_TRUE(text);
  status.nodes[0].config.in_force = true;
  status.nodes[0].resources = {{"nvidia.com/gpu", 4, 4, 0}};
  Snapshot labelled = snapshot;
  const std::string key = key_for(request, *text);
  status.nodes[0].config.key = key;
  labelled.config_maps.clear();
  auto map = kube::Value::parse(R"({"data":{")" + key + R"(":)" + [&] {
    std::string quoted = "\"";
    for (const char c : *text) quoted += c == '\n' ? std::string("\\n") : std::string(1, c);
    return quoted + "\"";
  }() + "}}");
  ASSERT_TRUE(map);
  labelled.config_maps.emplace("nvidia-device-plugin/plugin-configs", *std::move(map));
  const auto planned = plan_share(labelled, status, std::nullopt, request);
  ASSERT_TRUE(planned) << to_line(planned.error());
  EXPECT_TRUE(planned->steps.empty());
}

TEST(Backup, ReadsBackWhatItWrote) {
  Backup backup;
  backup.name_space = "n";
  backup.plugin = "p";
  backup.config_map = "m";
  backup.keys_written = {{"k", content_hash("x")}};
  backup.nodes = {{"a", true, std::nullopt, "k", "version: v1\n", 1},
                  {"b", true, "any", "k", "", 2}};
  backup.policy = Backup::Policy{"c", std::nullopt, "", "m", "k"};
  backup.daemon_set = Backup::DaemonSet{"p", "ctr", std::nullopt, "/f"};
  const auto read = parse_backup(to_json(backup));
  ASSERT_TRUE(read);
  EXPECT_EQ(to_json(*read), to_json(backup));
  EXPECT_FALSE(read->nodes[0].label_before);
  EXPECT_EQ(read->nodes[1].label_before, "any");
}

TEST(Backup, RefusesWhatIsNone) {
  EXPECT_FALSE(parse_backup(""));
  EXPECT_FALSE(parse_backup("{}"));
  EXPECT_FALSE(parse_backup(R"({"schema":"kts.share-backup/1"})"));
}

}  // namespace
}  // namespace kts::cluster::plan_share_test
