// SPDX-License-Identifier: Apache-2.0
#include "kts/kube/watch.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fake_transport.hpp"

namespace kts::kube::watch_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using namespace std::chrono_literals;

class Recorder final : public Watch::Listener {
 public:
  void on_state(const std::vector<Value>& objects) override {
    std::string names = "state";
    for (const Value& object : objects) names += " " + object["metadata"]["name"].text();
    seen.push_back(names);
  }
  void on_change(Change change, const Value& object) override {
    const char* words[] = {"added ", "modified ", "deleted "};
    seen.push_back(words[static_cast<int>(change)] + object["metadata"]["name"].text());
  }
  void on_failure(const ApiError& error) override { seen.push_back("failure " + error.message); }
  std::vector<std::string> seen;
};

std::string list(const std::string& name, const std::string& version) {
  return R"({"metadata":{"resourceVersion":")" + version + R"("},"items":[{"metadata":{"name":")" +
         name + R"("}}]})";
}
std::string event(const std::string& type, const std::string& name, const std::string& version) {
  return R"({"type":")" + type + R"(","object":{"metadata":{"name":")" + name +
         R"(","resourceVersion":")" + version + R"("}}})";
}

class WatchTest : public testing::Test {
 protected:
  void SetUp() override {
    api_.answer("GET", "/api/v1/pods", 200, list("a", "10"));
    ASSERT_TRUE(watch_.start());
  }
  FakeTransport api_;
  Client client_{api_};
  Recorder recorder_;
  Watch watch_{client_, "/api/v1/pods", {.list = {.label_selector = "x=y"}}, recorder_};
};

TEST_F(WatchTest, GivesTheStateAndThenChanges) {
  EXPECT_THAT(api_.last().path, HasSubstr("resourceVersion=10"));
  EXPECT_THAT(api_.last().path, HasSubstr("labelSelector=x%3Dy"));
  EXPECT_GT(api_.last().options.idle_timeout, 0s);
  api_.feed(event("ADDED", "b", "11"));
  api_.feed(event("MODIFIED", "b", "12"));
  api_.feed(event("BOOKMARK", "", "13"));
  api_.feed(event("DELETED", "b", "14"));
  EXPECT_THAT(recorder_.seen, ElementsAre("state a", "added b", "modified b", "deleted b"));
}

TEST_F(WatchTest, ResumesWhereTheServerEndedIt) {
  api_.feed(event("BOOKMARK", "", "42"));
  api_.end();
  ASSERT_EQ(api_.opened.size(), 2U);
  EXPECT_THAT(api_.last().path, HasSubstr("resourceVersion=42"));
  EXPECT_GT(api_.last().options.start_at, api_.now());
}

TEST_F(WatchTest, ListsAgainWhenTheVersionIsGone) {
  api_.answer("GET", "/api/v1/pods", 200, list("c", "90"));
  (void)client_.get("/api/v1/pods");  // the fake's first answer is used up
  api_.feed(R"({"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired"}})");
  EXPECT_THAT(api_.last().path, HasSubstr("resourceVersion=90"));
  api_.end({{}, {410, FakeTransport::status_body("Expired", "too old", 410)}});
  EXPECT_THAT(recorder_.seen, ElementsAre("state a", "state c", "state c"));
}

TEST_F(WatchTest, TriesAgainAfterCutsAndNonsenseThenGivesUp) {
  api_.end({environment_lacks("cut"), {200, {}}});
  api_.feed("{\"type\":\"ADD");
  api_.end({environment_lacks("cut"), {}});
  EXPECT_THAT(recorder_.seen, ElementsAre("state a"));
  EXPECT_EQ(api_.opened.size(), 4U);
  api_.feed(event("ADDED", "b", "11"));  // a good line: patience begins anew
  api_.end({environment_lacks("cut"), {}});
  ASSERT_TRUE(api_.wait(api_.now() + 31s));
  api_.end({environment_lacks("cut again"), {}});
  EXPECT_THAT(recorder_.seen, ElementsAre("state a", "added b", "failure cut again"));
}

TEST_F(WatchTest, ALostPermissionIsFinal) {
  api_.end({{}, {403, FakeTransport::status_body("Forbidden", "no more", 403)}});
  ASSERT_EQ(recorder_.seen.size(), 2U);
  EXPECT_THAT(recorder_.seen.back(), HasSubstr("not permitted to watch pods"));
}

}  // namespace
}  // namespace kts::kube::watch_test
