// SPDX-License-Identifier: Apache-2.0
#include "kts/kubernetes/image_check.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fake_kubernetes.hpp"

namespace kts::kubernetes::image_check_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Json = nlohmann::json;
using std::chrono_literals::operator""s;

class ImageOnNodes : public testing::Test {
 protected:
  ImageOnNodes() {
    check_.run = "20261126t000000z-0001";
    check_.name_space = "default";
    check_.image = "localhost/kts-worker:test";
    check_.pull_policy = "Never";
    check_.timeout = 30s;
    cluster_.on_created = [this](FakeKubernetes::Pod& pod) {
      const std::string host = host_of(pod);
      hosts_.push_back(host);
      if (const auto found = status_.find(host); found != status_.end()) {
        cluster_.set_status(pod, found->second);
      }
    };
  }
  static std::string host_of(const FakeKubernetes::Pod& pod) {
    return pod.object["spec"]["nodeSelector"]["kubernetes.io/hostname"];
  }
  Result<std::vector<std::optional<Error>>> run() {
    kube::Client client(cluster_, 10s);
    return check_image(client, check_, {{"n1", "h1"}, {"n2", "h2"}, {"n3", "h3"}});
  }
  static Json waiting(const std::string& reason) {
    return {{"phase", "Pending"},
            {"containerStatuses",
             Json::array({{{"state", {{"waiting", {{"reason", reason}, {"message", "m"}}}}}}})}};
  }

  FakeKubernetes cluster_;
  ImageCheck check_;
  std::map<std::string, Json> status_;
  std::vector<std::string> hosts_;
};

TEST_F(ImageOnNodes, SaysOnWhichItDoesntStart) {
  status_ = {{"h1", {{"phase", "Succeeded"}}},
             {"h2", waiting("ErrImageNeverPull")},
             {"h3", {{"phase", "Succeeded"}}}};
  const auto errors = run();
  ASSERT_TRUE(errors) << to_line(errors.error());
  EXPECT_FALSE((*errors)[0]);
  ASSERT_TRUE((*errors)[1]);
  EXPECT_FALSE((*errors)[2]);
  EXPECT_THAT(to_line(*(*errors)[1]), HasSubstr("ErrImageNeverPull"));
  EXPECT_EQ((*errors)[1]->code, ErrorCode::kEnvironment);
  EXPECT_THAT(hosts_, ElementsAre("h1", "h2", "h3"));
  EXPECT_THAT(cluster_.jobs, IsEmpty());
}

TEST_F(ImageOnNodes, AsksForNoGpuAndForOneCommand) {
  status_ = {{"h1", {{"phase", "Succeeded"}}},
             {"h2", {{"phase", "Succeeded"}}},
             {"h3", {{"phase", "Succeeded"}}}};
  ASSERT_TRUE(run());
  for (const auto& pod : cluster_.pods) {
    const Json container = pod->object["spec"]["containers"][0];
    EXPECT_EQ(container["command"], Json::array({"kts-worker", "--version"}));
    EXPECT_FALSE(container["resources"].contains("limits"));
  }
}

TEST_F(ImageOnNodes, ANodeThatNeverAnswersIsLate) {
  status_ = {{"h1", {{"phase", "Succeeded"}}}, {"h3", {{"phase", "Succeeded"}}}};
  const auto errors = run();
  ASSERT_TRUE(errors);
  EXPECT_FALSE((*errors)[0]);
  ASSERT_TRUE((*errors)[1]);
  EXPECT_THAT((*errors)[1]->message, HasSubstr("hasn't started within 30s"));
  EXPECT_THAT(cluster_.jobs, IsEmpty());
}

TEST_F(ImageOnNodes, WhatIsRefusedIsNoNodesError) {
  cluster_.refused["create jobs"] = "exceeded quota";
  const auto errors = run();
  ASSERT_FALSE(errors);
  EXPECT_THAT(errors.error().message, HasSubstr("exceeded quota"));
  EXPECT_THAT(cluster_.jobs, IsEmpty());
}

TEST(FindNodes, GivesNamesAndHostnamesByName) {
  FakeKubernetes cluster;
  cluster.nodes = {"b", "a"};
  kube::Client client(cluster, 10s);
  const auto nodes = find_nodes(client, "pool=gpu");
  ASSERT_TRUE(nodes) << to_line(nodes.error());
  ASSERT_EQ(nodes->size(), 2U);
  EXPECT_EQ((*nodes)[0].name, "a");
  EXPECT_EQ((*nodes)[0].hostname, "host-a");
}

TEST(FindNodes, NoneIsAnErrorAndSoIsNoPermission) {
  FakeKubernetes cluster;
  kube::Client client(cluster, 10s);
  const auto none = find_nodes(client, "pool=gpu");
  ASSERT_FALSE(none);
  EXPECT_THAT(none.error().message, HasSubstr("no node has the labels 'pool=gpu'"));
  cluster.denied.insert("list nodes");
  const auto denied = find_nodes(client, "pool=gpu");
  ASSERT_FALSE(denied);
  EXPECT_THAT(denied.error().hint, HasSubstr("look.yaml"));
}

}  // namespace
}  // namespace kts::kubernetes::image_check_test
