// SPDX-License-Identifier: Apache-2.0
#include "kts/kube/client.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fake_transport.hpp"

namespace kts::kube::client_test {
namespace {

using testing::HasSubstr;

std::string page(const std::string& names, const std::string& token) {
  std::string items;
  for (const char name : names) {
    if (!items.empty()) items += ",";
    items += std::string(R"({"metadata":{"name":")") + name + "\"}}";
  }
  return R"({"kind":"List","metadata":{"resourceVersion":"7","continue":")" + token +
         R"("},"items":[)" + items + "]}";
}

TEST(Client, ListFollowsThePages) {
  FakeTransport api;
  api.answer("GET", "/api/v1/pods?limit=2", 200, page("ab", "t1"));
  api.answer("GET", "/api/v1/pods?limit=2&continue=t1", 200, page("cd", "t2"));
  api.answer("GET", "/api/v1/pods?limit=2&continue=t2", 200, page("e", ""));
  const auto list = Client(api).list("/api/v1/pods", {.page = 2});
  ASSERT_TRUE(list) << to_line(list.error());
  EXPECT_EQ(list->items.size(), 5U);
  EXPECT_EQ(list->items.back()["metadata"]["name"].text(), "e");
  EXPECT_EQ(list->resource_version, "7");
}

TEST(Client, ListBeginsAnewWhenTheServerForgotIt) {
  FakeTransport api;
  api.answer("GET", "/api/v1/pods?limit=500", 200, page("ab", "t1"));
  api.answer("GET", "/api/v1/pods?limit=500", 200, page("xyz", ""));
  api.answer("GET", "/api/v1/pods?limit=500&continue=t1", 410,
             FakeTransport::status_body("Expired", "too old", 410));
  const auto list = Client(api).list("/api/v1/pods");
  ASSERT_TRUE(list) << to_line(list.error());
  EXPECT_EQ(list->items.size(), 3U);
}

TEST(Client, ForbiddenNamesVerbResourceAndNamespace) {
  FakeTransport api;
  api.answer("GET", "/api/v1/namespaces/agents/pods", 403,
             FakeTransport::status_body("Forbidden", "pods is forbidden: User jane", 403));
  const auto list = Client(api).list(collection(kPods, "agents"));
  ASSERT_FALSE(list);
  EXPECT_TRUE(list.error().forbidden());
  EXPECT_EQ(exit_code(list.error()), 4);
  EXPECT_EQ(list.error().message,
            "not permitted to list pods in namespace agents (Forbidden: pods is forbidden: User "
            "jane)");
  EXPECT_THAT(list.error().hint, HasSubstr("verb list on pods in namespace agents"));
}

TEST(Client, ErrorsCarryKubernetesReasonAndMessage) {
  const struct {
    int status;
    const char* reason;
  } cases[] = {{404, "NotFound"}, {409, "Conflict"}, {422, "Invalid"}, {500, "InternalError"}};
  for (const auto& [status, reason] : cases) {
    FakeTransport api;
    api.answer("PATCH", "/api/v1/nodes/a", status,
               FakeTransport::status_body(reason, "its own words", status));
    const auto answer = Client(api).patch("/api/v1/nodes/a", PatchType::kMerge, "{}");
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().reason, reason);
    EXPECT_EQ(answer.error().http_status, status);
    EXPECT_EQ(exit_code(answer.error()), 4);
    EXPECT_EQ(answer.error().message,
              std::string("can't patch nodes a (") + reason + ": its own words)");
  }
}

TEST(Client, TextFromTheProxyMeansThatTheServerIsOutOfReach) {
  FakeTransport api;
  api.answer("GET", "/version", 500, "dial tcp 127.0.0.1:1: connect: connection refused\n");
  const auto answer = Client(api).get("/version");
  ASSERT_FALSE(answer);
  EXPECT_EQ(to_line(answer.error()),
            "the API server can't be reached: dial tcp 127.0.0.1:1: connect: connection refused; "
            "choose a cluster with --kubeconfig or --context; kubectl get nodes must work");
}

TEST(Client, MalformedAnswersAreErrors) {
  FakeTransport api;
  api.answer("GET", "/api/v1/nodes", 200, "<html>sign in</html>");
  const auto answer = Client(api).get("/api/v1/nodes");
  ASSERT_FALSE(answer);
  EXPECT_THAT(answer.error().message, HasSubstr("not JSON"));
}

TEST(Client, WritesSayTheirContentType) {
  FakeTransport api;
  api.answer("PATCH", "/api/v1/nodes/a", 200, "{}");
  api.answer("DELETE", "/api/v1/namespaces/a/pods/b", 200, "{}");
  Client client(api);
  ASSERT_TRUE(client.patch("/api/v1/nodes/a", PatchType::kMerge, "{}"));
  ASSERT_TRUE(client.patch("/api/v1/nodes/a", PatchType::kJson, "[]"));
  ASSERT_TRUE(client.patch("/api/v1/nodes/a", PatchType::kStrategicMerge, "{}"));
  ASSERT_TRUE(client.remove("/api/v1/namespaces/a/pods/b", Propagation::kForeground));
  EXPECT_EQ(api.requests[0].content_type, "application/merge-patch+json");
  EXPECT_EQ(api.requests[1].content_type, "application/json-patch+json");
  EXPECT_EQ(api.requests[2].content_type, "application/strategic-merge-patch+json");
  EXPECT_THAT(api.requests[3].body, HasSubstr(R"("propagationPolicy":"Foreground")"));
}

TEST(Client, MayAsksAReviewOfOneself) {
  FakeTransport api;
  const std::string path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
  api.answer("POST", path, 201, R"({"status":{"allowed":true}})");
  api.answer("POST", path, 201, R"({"status":{"allowed":false,"denied":true}})");
  Client client(api);
  const auto yes =
      client.may({.verb = "get", .resource = "pods", .subresource = "log", .name_space = "agents"});
  const auto no = client.may({.verb = "patch", .group = "apps", .resource = "daemonsets"});
  ASSERT_TRUE(yes && no);
  EXPECT_TRUE(*yes);
  EXPECT_FALSE(*no);
  const auto asked = (*Value::parse(api.requests[0].body))["spec"]["resourceAttributes"];
  EXPECT_EQ(asked.dump(),
            R"({"namespace":"agents","resource":"pods","subresource":"log","verb":"get"})");
}

}  // namespace
}  // namespace kts::kube::client_test
