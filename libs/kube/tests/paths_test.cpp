// SPDX-License-Identifier: Apache-2.0
#include "kts/kube/paths.hpp"

#include <gtest/gtest.h>

namespace kts::kube::paths_test {
namespace {

TEST(Paths, CoreAndNamedGroupsDiffer) {
  EXPECT_EQ(collection(kPods), "/api/v1/pods");
  EXPECT_EQ(collection(kPods, "a"), "/api/v1/namespaces/a/pods");
  EXPECT_EQ(object(kJobs, "a", "b"), "/apis/batch/v1/namespaces/a/jobs/b");
  EXPECT_EQ(object(kClusterPolicies, "", "p", "status"),
            "/apis/nvidia.com/v1/clusterpolicies/p/status");
}

TEST(Paths, ForeignTextIsEncoded) {
  EXPECT_EQ(with_query("/x", {{"labelSelector", "a=b,c in (d)"}}),
            "/x?labelSelector=a%3Db%2Cc%20in%20%28d%29");
  EXPECT_EQ(object(kPods, "a", "../nodes"), "/api/v1/namespaces/a/pods/..%2Fnodes");
}

TEST(Paths, LogsSayOnlyWhatWasAskedFor) {
  EXPECT_EQ(pod_log("n", "p", {}), "/api/v1/namespaces/n/pods/p/log");
  EXPECT_EQ(pod_log("n", "p", {.container = "c", .follow = true, .tail_lines = 5}),
            "/api/v1/namespaces/n/pods/p/log?container=c&follow=true&tailLines=5");
}

TEST(Paths, ProxiesNameThePort) {
  EXPECT_EQ(pod_proxy("n", "p", "9400", "/metrics"),
            "/api/v1/namespaces/n/pods/p%3A9400/proxy/metrics");
  EXPECT_EQ(pod_proxy("n", "p", "", "x?y=1"), "/api/v1/namespaces/n/pods/p/proxy/x?y=1");
}

TEST(Target, IsReadBackFromThePath) {
  const Target target = parse_target("/apis/apps/v1/namespaces/a/daemonsets/b/status?x=1");
  EXPECT_EQ(describe(target), "daemonsets.apps/status b in namespace a");
  EXPECT_EQ(describe(parse_target("/api/v1/nodes")), "nodes");
  EXPECT_EQ(describe(parse_target("/api/v1/namespaces/x")), "namespaces x");
  EXPECT_EQ(describe(parse_target("/version")), "/version");
}

TEST(Verb, IsRbacs) {
  EXPECT_EQ(verb_of("GET", "/api/v1/pods"), "list");
  EXPECT_EQ(verb_of("GET", "/api/v1/pods?watch=true"), "watch");
  EXPECT_EQ(verb_of("GET", "/api/v1/namespaces/a/pods/b"), "get");
  EXPECT_EQ(verb_of("POST", "/api/v1/namespaces/a/pods"), "create");
  EXPECT_EQ(verb_of("PATCH", "/api/v1/nodes/a"), "patch");
  EXPECT_EQ(verb_of("DELETE", "/api/v1/nodes"), "deletecollection");
}

}  // namespace
}  // namespace kts::kube::paths_test
