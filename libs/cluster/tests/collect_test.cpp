// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster_fixtures.hpp"

namespace kts::cluster::collect_test {
namespace {

using testing::HasSubstr;

TEST(Look, AsksOnlyForWhatTheServerServes) {
  kube::FakeTransport api;
  fixtures::serve("helm-plain", api);
  kube::Client client(api);
  ASSERT_TRUE(look(client, {}));
  for (const kube::Request& request : api.requests) {
    EXPECT_THAT(request.path, testing::Not(HasSubstr("clusterpolicies")));
    EXPECT_THAT(request.path, testing::Not(HasSubstr("resourceslices")));
  }
}

TEST(Look, WritesNothing) {
  for (const std::string& name : fixtures::names()) {
    kube::FakeTransport api;
    fixtures::serve(name, api);
    kube::Client client(api);
    ASSERT_TRUE(look(client, {}));
    for (const kube::Request& request : api.requests) EXPECT_EQ(request.method, "GET");
  }
}

TEST(Look, TakesTheNewestResourceSlices) {
  kube::FakeTransport api;
  fixtures::serve("dra", api);
  kube::Client client(api);
  ASSERT_TRUE(look(client, {}));
  EXPECT_THAT(api.requests.back().path, HasSubstr("/apis/resource.k8s.io/v1/resourceslices"));
}

TEST(Look, ANamespaceBoundsPodsAndDaemonSets) {
  kube::FakeTransport api;
  fixtures::serve("gpu-operator-time-slicing", api);
  api.answer("GET", "/api/v1/namespaces/agents/pods", 200, R"({"items":[]})");
  api.answer("GET", "/apis/apps/v1/namespaces/agents/daemonsets", 200, R"({"items":[]})");
  kube::Client client(api);
  const auto snapshot = look(client, {.server_version = {}, .name_space = "agents"});
  ASSERT_TRUE(snapshot);
  EXPECT_TRUE(snapshot->pods->empty());
  // The ClusterPolicy still tells which ConfigMap to look at.
  EXPECT_EQ(snapshot->config_maps.count("gpu-operator/time-slicing-config"), 1U);
}

TEST(Look, AServerThatStopsAnsweringIsAnError) {
  kube::FakeTransport api;
  api.answer("GET", "/apis", 200, R"({"groups":[]})");
  api.refuse_to_connect("GET", "/api/v1/nodes");
  kube::Client client(api);
  const auto snapshot = look(client, {});
  ASSERT_FALSE(snapshot);
  EXPECT_EQ(exit_code(snapshot.error()), 4);
}

TEST(Look, ARefusedLogIsAnErrorInItsPlace) {
  const Snapshot snapshot = fixtures::snapshot("mps-from-labels");
  ASSERT_EQ(snapshot.plugin_logs.size(), 1U);
  ASSERT_FALSE(snapshot.plugin_logs.begin()->second);
  EXPECT_TRUE(snapshot.plugin_logs.begin()->second.error().forbidden());
}

}  // namespace
}  // namespace kts::cluster::collect_test
