// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <algorithm>

#include "fake_transport.hpp"
#include "kts/cluster/execute.hpp"

namespace kts::cluster::leftovers_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class Clean : public testing::Test {
 protected:
  Clean() {
    for (const char* path : {"/apis/batch/v1/jobs", "/api/v1/pods", "/api/v1/configmaps"}) {
      items_[path] = "";
    }
  }
  Result<Leftovers> find() {
    for (const auto& [path, items] : items_) {
      api_.answer("GET", path, 200, R"({"metadata":{},"items":[)" + items + "]}");
    }
    return find_leftovers(client_, "");
  }
  kube::FakeTransport api_;
  kube::Client client_{api_};
  std::map<std::string, std::string> items_;
};

TEST_F(Clean, AsksByLabelAndTakesWhatHasEnded) {
  items_["/apis/batch/v1/jobs"] =
      R"({"metadata":{"namespace":"a","name":"done"},"status":{"succeeded":1}},)"
      R"({"metadata":{"namespace":"a","name":"runs"},"status":{"active":1}})";
  items_["/api/v1/pods"] =
      R"({"metadata":{"namespace":"a","name":"of-a-job","ownerReferences":[{"kind":"Job"}]}},)"
      R"({"metadata":{"namespace":"a","name":"probe"},"status":{"phase":"Succeeded"}})";
  const auto left = find();
  ASSERT_TRUE(left);
  EXPECT_THAT(left->what, ElementsAre("Job a/done", "Pod a/probe"));
  EXPECT_THAT(left->in_use, ElementsAre(HasSubstr("Job a/runs still runs")));
  for (const kube::Request& request : api_.requests) {
    EXPECT_THAT(request.path, HasSubstr("labelSelector=app.kubernetes.io%2Fmanaged-by%3Dkts"));
  }
}

TEST_F(Clean, KeepsWhatUnshareGoesBy) {
  items_["/api/v1/configmaps"] =
      R"({"metadata":{"namespace":"p","name":"kts-share-backup"}},)"
      R"({"metadata":{"namespace":"p","name":"kts-device-plugin-config"}})";
  const auto left = find();
  ASSERT_TRUE(left);
  EXPECT_THAT(left->deletions, IsEmpty());
  EXPECT_THAT(left->in_use, ElementsAre(HasSubstr("kts cluster unshare")));
}

TEST_F(Clean, KeepsAConfigMapThatAPluginMounts) {
  items_["/api/v1/configmaps"] =
      R"({"metadata":{"namespace":"p","name":"kts-device-plugin-config"}},)"
      R"({"metadata":{"namespace":"q","name":"kts-device-plugin-config"}})";
  items_["/apis/apps/v1/namespaces/p/daemonsets"] =
      R"({"metadata":{"namespace":"p","name":"d"},"spec":{"template":{"spec":{"volumes":[)"
      R"({"name":"v","configMap":{"name":"kts-device-plugin-config"}}]}}}})";
  items_["/apis/apps/v1/namespaces/q/daemonsets"] = "";
  const auto left = find();
  ASSERT_TRUE(left) << to_line(left.error());
  EXPECT_THAT(left->what, ElementsAre("ConfigMap q/kts-device-plugin-config"));
  EXPECT_THAT(left->in_use, ElementsAre(HasSubstr("mounted by DaemonSet p/d")));
}

TEST_F(Clean, NeedsThePermissionToDeleteAllBeforeItDeletesAny) {
  items_["/api/v1/pods"] =
      R"({"metadata":{"namespace":"a","name":"probe"},"status":{"phase":"Failed"}})";
  const auto left = find();
  ASSERT_TRUE(left);
  const char* const review = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
  api_.answer("POST", review, 201, R"({"status":{"allowed":false}})");
  const Status refused = remove_leftovers(client_, *left);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("not permitted to delete pods in namespace a"));
  EXPECT_TRUE(std::none_of(api_.requests.begin(), api_.requests.end(),
                           [](const kube::Request& r) { return r.method == "DELETE"; }));
}

}  // namespace
}  // namespace kts::cluster::leftovers_test
