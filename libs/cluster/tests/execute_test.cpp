// SPDX-License-Identifier: Apache-2.0
// share and unshare against a cluster that behaves like one, and breaks when told to.
#include "kts/cluster/execute.hpp"

#include <gmock/gmock.h>

#include <algorithm>

#include "fake_cluster.hpp"

namespace kts::cluster::execute_test {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;

struct Case {
  const char* fixture;
  const char* name_space;
  std::vector<std::string> nodes;
};

class Sharing : public testing::TestWithParam<Case> {
 protected:
  Result<Plan> plan(const ShareRequest& request) {
    KTS_TRY(Snapshot snapshot, look(client_, {}));
    const ClusterStatus status = judge(snapshot);
    KTS_TRY(const auto standing, read_backup(client_, GetParam().name_space, snapshot));
    return plan_share(snapshot, status, standing, request);
  }
  Status share(std::int64_t replicas, bool rename = false) {
    ShareRequest request;
    request.replicas = replicas;
    request.rename = rename;
    KTS_TRY(const Plan planned, plan(request));
    KTS_CHECK_OK(check_permissions(client_, planned));
    return execute(client_, planned, options_);
  }
  Status unshare(bool force = false) {
    KTS_TRY(Snapshot snapshot, look(client_, {}));
    KTS_TRY(const auto backup, read_backup(client_, GetParam().name_space, snapshot));
    if (!backup) return fail(ErrorCode::kInternal, "no backup");
    KTS_TRY(const Plan planned, plan_unshare(snapshot, judge(snapshot), *backup, force));
    return execute(client_, planned, options_);
  }
  [[nodiscard]] std::string backup_path() const {
    return kube::object(kube::kConfigMaps, GetParam().name_space, kBackupName);
  }
  [[nodiscard]] std::string node() const { return GetParam().nodes.front(); }

  FakeCluster api_{GetParam().fixture};
  kube::Client client_{api_};
  ExecuteOptions options_;
  const nlohmann::json before_ = api_.intent();
};

TEST_P(Sharing, OffersEachCardSeveralTimesAndPutsAllBack) {
  const Status shared = share(4);
  ASSERT_TRUE(shared) << to_line(shared.error());
  EXPECT_EQ(api_.allocatable(node(), "nvidia.com/gpu"), "4");
  EXPECT_TRUE(api_.has(backup_path()));
  EXPECT_NE(api_.intent(), before_);
  const Status put_back = unshare();
  ASSERT_TRUE(put_back) << to_line(put_back.error());
  EXPECT_EQ(api_.intent().dump(1), before_.dump(1));
  EXPECT_EQ(api_.allocatable(node(), "nvidia.com/gpu"), "1");
}

TEST_P(Sharing, BacksUpBeforeItWritesAnythingElse) {
  ASSERT_TRUE(share(4));
  EXPECT_THAT(api_.writes.front(), HasSubstr("POST /api/v1/namespaces/"));
  EXPECT_THAT(api_.at(backup_path()).dump(), HasSubstr("kts.share-backup/1"));
}

TEST_P(Sharing, RenamesWhenAsked) {
  ASSERT_TRUE(share(4, true));
  EXPECT_EQ(api_.allocatable(node(), "nvidia.com/gpu.shared"), "4");
  EXPECT_EQ(api_.allocatable(node(), "nvidia.com/gpu"), "0");
  ASSERT_TRUE(unshare());
  EXPECT_EQ(api_.intent(), before_);
}

TEST_P(Sharing, ASecondShareKeepsTheFirstOnesBackup) {
  ASSERT_TRUE(share(4));
  const Status again = share(2);
  ASSERT_TRUE(again) << to_line(again.error());
  EXPECT_EQ(api_.allocatable(node(), "nvidia.com/gpu"), "2");
  const Status put_back = unshare();
  ASSERT_TRUE(put_back) << to_line(put_back.error());
  EXPECT_EQ(api_.intent().dump(1), before_.dump(1));
}

// Whichever write fails, all that was is there again.
TEST_P(Sharing, EachFailureIsRestored) {
  ASSERT_TRUE(share(4));
  const std::size_t writes = api_.writes.size();
  ASSERT_GE(writes, 4U);
  for (std::size_t broken = 0; broken < writes; ++broken) {
    FakeCluster api(GetParam().fixture);
    api.break_write = [&](std::size_t number) { return number == broken; };
    kube::Client client(api);
    auto snapshot = look(client, {});
    ASSERT_TRUE(snapshot);
    ShareRequest request;
    request.replicas = 4;
    const auto planned = plan_share(*snapshot, judge(*snapshot), std::nullopt, request);
    ASSERT_TRUE(planned);
    const Status done = execute(client, *planned, options_);
    ASSERT_FALSE(done) << broken;
    EXPECT_THAT(to_line(done.error()), HasSubstr("InternalError")) << broken;
    EXPECT_EQ(api.intent().dump(1), before_.dump(1)) << to_line(done.error());
    EXPECT_EQ(api.allocatable(node(), "nvidia.com/gpu"), "1") << broken;
  }
}

// A kts that is killed between two writes leaves what the next one can go on from, or back.
TEST_P(Sharing, EachInterruptionIsContinuedOrRestored) {
  ASSERT_TRUE(share(4));
  const nlohmann::json after = api_.intent();
  const std::size_t writes = api_.writes.size();
  struct Killed {};
  for (std::size_t last = 1; last < writes; ++last) {
    for (const bool go_on : {true, false}) {
      FakeCluster api(GetParam().fixture);
      kube::Client client(api);
      ShareRequest request;
      request.replicas = 4;
      const auto run = [&]() -> Status {
        KTS_TRY(Snapshot snapshot, look(client, {}));
        KTS_TRY(const auto standing, read_backup(client, GetParam().name_space, snapshot));
        KTS_TRY(const Plan planned, plan_share(snapshot, judge(snapshot), standing, request));
        return execute(client, planned, options_);
      };
      api.before_write = [&](std::size_t number) {
        if (number == last) throw Killed{};
      };
      EXPECT_THROW((void)run(), Killed);
      api.before_write = {};
      if (go_on) {
        const Status done = run();
        ASSERT_TRUE(done) << last << ": " << to_line(done.error());
        EXPECT_EQ(api.allocatable(node(), "nvidia.com/gpu"), "4") << last;
      }
      auto snapshot = look(client, {});
      ASSERT_TRUE(snapshot);
      const auto backup = read_backup(client, GetParam().name_space, *snapshot);
      ASSERT_TRUE(backup);
      ASSERT_TRUE(*backup) << last;
      const auto planned = plan_unshare(*snapshot, judge(*snapshot), **backup, false);
      ASSERT_TRUE(planned) << last << ": " << to_line(planned.error());
      const Status put_back = execute(client, *planned, options_);
      ASSERT_TRUE(put_back) << last << ": " << to_line(put_back.error());
      EXPECT_EQ(api.intent().dump(1), before_.dump(1)) << last;
    }
  }
}

TEST_P(Sharing, APluginThatWontStartIsQuotedAndRestored) {
  api_.plugin_starts = false;
  // What is put back can start again.
  api_.before_write = [&](std::size_t) {
    if (api_.now() > MonotonicTime{} + std::chrono::seconds(30)) api_.plugin_starts = true;
  };
  options_.timeout = std::chrono::minutes(1);
  const Status done = share(4);
  ASSERT_FALSE(done);
  EXPECT_THAT(to_line(done.error()),
              AllOf(HasSubstr("not loaded within 60s"), HasSubstr("CrashLoopBackOff"),
                    HasSubstr("the plugin doesn't like it"),
                    HasSubstr("what was before has been put back")));
  EXPECT_EQ(api_.intent(), before_);
}

TEST_P(Sharing, AMissingVerbIsNamedBeforeAnyWrite) {
  for (const char* verb : {"delete pods", "create configmaps", "get pods/log"}) {
    api_.denied = {verb};
    const Status done = share(4);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, ErrorCode::kEnvironment);
    EXPECT_THAT(to_line(done.error()), HasSubstr(std::string("not permitted to ") + verb));
  }
  EXPECT_TRUE(api_.writes.empty());
}

TEST_P(Sharing, UnshareRefusesWhatOthersEdited) {
  ASSERT_TRUE(share(4));
  const nlohmann::json now = api_.intent();
  for (const auto& [path, data] : now.items()) {
    if (!data.is_object()) continue;
    for (const auto& [key, text] : data.items()) {
      if (key.starts_with("kts-time-slicing4")) {
        api_.at(path)["data"][key] = text.get<std::string>() + "# mine\n";
      }
    }
  }
  const Status refused = unshare();
  ASSERT_FALSE(refused);
  EXPECT_THAT(to_line(refused.error()), AllOf(HasSubstr("edited since"), HasSubstr("--force")));
  ASSERT_TRUE(unshare(true));
  EXPECT_EQ(api_.intent(), before_);
}

INSTANTIATE_TEST_SUITE_P(
    Each, Sharing,
    testing::Values(Case{"helm-unshared", "nvidia-device-plugin", {"gpu-a", "gpu-b"}},
                    Case{"operator-unshared", "gpu-operator", {"gpu-a"}},
                    Case{"static-unshared", "kube-system", {"k3s"}}),
    [](const auto& case_) {
      std::string name = case_.param.fixture;
      name.erase(std::remove(name.begin(), name.end(), '-'), name.end());
      return name;
    });

TEST(Restart, TouchesOnlyPodsOfThePluginsDaemonSets) {
  FakeCluster api("helm-unshared");
  kube::Client client(api);
  auto snapshot = look(client, {});
  ASSERT_TRUE(snapshot);
  ShareRequest request;
  request.replicas = 4;
  request.nodes = {"gpu-a"};
  const auto planned = plan_share(*snapshot, judge(*snapshot), std::nullopt, request);
  ASSERT_TRUE(planned);
  ASSERT_TRUE(execute(client, *planned, {}));
  const std::string pods = "DELETE /api/v1/namespaces/nvidia-device-plugin/pods/";
  EXPECT_THAT(api.writes, Contains(pods + "plugin-a"));
  EXPECT_THAT(api.writes, Contains(pods + "discovery-a"));
  EXPECT_THAT(api.writes, Not(Contains(pods + "bystander")));
  EXPECT_THAT(api.writes, Not(Contains(pods + "plugin-b")));
  EXPECT_EQ(api.allocatable("gpu-b", "nvidia.com/gpu"), "2");
}

}  // namespace
}  // namespace kts::cluster::execute_test
