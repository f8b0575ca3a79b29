// SPDX-License-Identifier: Apache-2.0
#include "kts/kubernetes/place.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kts::kubernetes::place_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

cluster::GpuNode node(const std::string& name, std::int64_t used) {
  cluster::GpuNode node;
  node.name = name;
  node.ready = true;
  node.cards = 1;
  node.resources = {{"nvidia.com/gpu", 4, 4, used}};
  node.sharing.mode = cluster::SharingMode::kTimeSlicing;
  node.sharing.resource = "nvidia.com/gpu";
  node.sharing.source = "plugin log";
  return node;
}

class PlaceTest : public testing::Test {
 protected:
  PlaceTest() {
    status.nodes = {node("a", 2), node("b", 0)};
    std::vector<kube::Value> objects;
    for (const char* name : {"a", "b"}) {
      objects.push_back(kube::Value::parse(std::string(R"({"metadata":{"name":")") + name +
                                           R"(","labels":{"kubernetes.io/hostname":"host-)" + name +
                                           R"("}},"status":{"capacity":{"cpu":"3"}}})")
                            .value());
    }
    snapshot.nodes = objects;
    wishes.agents = 2;
    wishes.sharing = "time-slicing";
  }
  [[nodiscard]] Result<Place> choose() const { return choose_place(status, snapshot, wishes); }

  cluster::ClusterStatus status;
  cluster::Snapshot snapshot;
  Wishes wishes;
};

TEST_F(PlaceTest, TakesTheEmptiestNode) {
  const auto place = choose();
  ASSERT_TRUE(place) << to_line(place.error());
  EXPECT_EQ(place->node, "b");
  EXPECT_EQ(place->node_selector.at("kubernetes.io/hostname"), "host-b");
  EXPECT_THAT(place->cores, ElementsAre(0, 1, 2));
  EXPECT_THAT(place->warnings, IsEmpty());
}

TEST_F(PlaceTest, AnotherSharingModeNamesTheCommand) {
  wishes.sharing = "mps";
  const auto place = choose();
  ASSERT_FALSE(place);
  EXPECT_EQ(place.error().code, ErrorCode::kEnvironment);
  EXPECT_THAT(place.error().message, HasSubstr("time-slicing in force (plugin log)"));
  EXPECT_THAT(place.error().hint, HasSubstr("kts cluster share --mode mps --replicas 2"));
}

TEST_F(PlaceTest, StrangersAreRefusedUnlessAllowed) {
  wishes.node = "a";
  status.pods = {{"team", "llm", "a", "Running", {}, {{"nvidia.com/gpu", 1}}, {}}};
  const auto refused = choose();
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("team/llm holds GPUs of node a"));
  EXPECT_THAT(refused.error().hint, HasSubstr("--allow-neighbours"));
  wishes.allow_neighbours = true;
  const auto place = choose();
  ASSERT_TRUE(place);
  EXPECT_THAT(place->neighbours, ElementsAre("team/llm"));
}

TEST_F(PlaceTest, NotPermittedToLookIsAWarning) {
  status.nodes_seen = status.pods_seen = false;
  status.nodes.clear();
  const auto place = choose();
  ASSERT_TRUE(place);
  EXPECT_EQ(place->node, "");
  EXPECT_EQ(place->resource, "nvidia.com/gpu");
  EXPECT_EQ(place->warnings.size(), 2U);
}

TEST_F(PlaceTest, ACordonedNodeIsPassedOver) {
  status.nodes[1].schedulable = false;
  EXPECT_EQ(choose()->node, "a");
}

TEST_F(PlaceTest, ARenamedResourceIsFound) {
  status.nodes[1].resources = {{"nvidia.com/gpu.shared", 9, 9, 0}};
  status.nodes[1].sharing.resource = "nvidia.com/gpu.shared";
  EXPECT_EQ(choose()->resource, "nvidia.com/gpu.shared");
}

runner::AgentMemory memory_of(const char* agent, std::uint64_t gibibytes) {
  runner::AgentMemory memory;
  memory.agent = agent;
  memory.plan.weights = gibibytes << 30;
  return memory;
}

TEST_F(PlaceTest, ACardThatIsTooSmallIsPassedOver) {
  wishes.memory = {memory_of("router", 1), memory_of("thinker", 40)};
  status.nodes[0].memory_bytes = 80LL << 30;
  status.nodes[1].memory_bytes = 24LL << 30;
  const auto place = choose();
  ASSERT_TRUE(place) << to_line(place.error());
  EXPECT_EQ(place->node, "a");
  EXPECT_EQ(place->card_bytes, std::uint64_t{80} << 30);
}

TEST_F(PlaceTest, ASetThatFitsNoCardIsRefusedWithTheSumAndTheLargestCard) {
  wishes.memory = {memory_of("router", 1), memory_of("thinker", 160)};
  status.nodes[0].memory_bytes = 80LL << 30;
  status.nodes[0].product = "NVIDIA-H100";
  status.nodes[1].memory_bytes = 24LL << 30;
  const auto place = choose();
  ASSERT_FALSE(place);
  EXPECT_EQ(place.error().code, ErrorCode::kEnvironment);
  EXPECT_EQ(to_line(place.error()),
            "memory: the agents need 161.0 GiB together (router 1.0 GiB, thinker 160.0 GiB), a "
            "card of node a (NVIDIA-H100) has 80.0 GiB; take smaller shapes or fewer agents; what "
            "the driver needs comes on top");
}

TEST_F(PlaceTest, MemoryThatIsNotKnownOrPartedIsLeftToTheWorkers) {
  wishes.memory = {memory_of("thinker", 160)};
  EXPECT_EQ(choose()->card_bytes, std::nullopt);
  for (cluster::GpuNode& one : status.nodes) {
    one.memory_bytes = 80LL << 30;
    one.sharing.mode = cluster::SharingMode::kMig;
  }
  wishes.sharing = "mig";
  const auto place = choose();
  ASSERT_TRUE(place) << to_line(place.error());
  EXPECT_EQ(place->card_bytes, std::nullopt);
}

TEST_F(PlaceTest, StreamsCannotBePods) {
  wishes.sharing = "streams";
  EXPECT_EQ(choose().error().code, ErrorCode::kBadInput);
}

TEST_F(PlaceTest, AClaimGoesWhereItsDevicesAre) {
  wishes.claim = "shared-gpu";
  const auto place = choose();
  ASSERT_TRUE(place) << to_line(place.error());
  EXPECT_EQ(place->claim, "shared-gpu");
  EXPECT_EQ(place->resource, "");
  EXPECT_EQ(place->node, "");
  EXPECT_THAT(place->warnings, ElementsAre(HasSubstr("rests on the scenario's word")));
  wishes.resource = "nvidia.com/gpu";
  EXPECT_EQ(choose().error().code, ErrorCode::kBadInput);
}

}  // namespace
}  // namespace kts::kubernetes::place_test
