// SPDX-License-Identifier: Apache-2.0
// Many of what a run is made of: nodes, agents, records.
#include <fmt/format.h>

#include <csignal>
#include <set>

#include "places.hpp"
#include "run_on_kubernetes.hpp"

namespace kts::scale_test {
namespace {

using testing::AnyOf;
using testing::HasSubstr;
using testing::Not;

const std::string kLab = in_source("tests/cluster/lab");

// Two nodes, each with a card that is shared among four. Containers' logs rotate at 256 KiB.
class Scale : public RunOnKubernetes {
 protected:
  Outcome run_fleet(Words more, Program::OnLine on_line = {}, const std::string& image = kImage,
                    int cycles = 2) {
    Words words{brief(cycles), "--nodes", "nvidia.com/gpu.product"};
    words.insert(words.end(), more.begin(), more.end());
    return run(words, std::move(on_line), image);
  }
  // The one card that all pods of the node's run were on.
  [[nodiscard]] std::string card_on(const std::string& node) const {
    std::set<std::string> cards;
    for (const auto& pod :
         json("nodes/" + node + "/environment.json")["kubernetes"]["pods"].items()) {
      cards.insert(pod["gpu_uuid"].text());
    }
    EXPECT_EQ(cards.size(), 1U) << node;
    return cards.empty() ? std::string() : *cards.begin();
  }
  static void set_cards(const std::string& number, const std::string& slots) {
    ASSERT_EQ(shell(kLab + " gpus " + number).exit, 0);
    ASSERT_EQ(shell("for i in $(seq 120); do [ \"$(kubectl get node node1 -o "
                    "'jsonpath={.status.allocatable.nvidia\\.com/gpu}')\" = " +
                    slots + " ] && exit 0; sleep 0.5; done; exit 1")
                  .exit,
              0);
  }
};

// On node1, which has two cards meanwhile, the device plugin keeps pods apart.
TEST_F(Scale, AFleetIsARunOnOneCardOfEachNode) {
  set_cards("2", "8");
  const Outcome outcome = run_fleet({});
  set_cards("1", "4");
  ASSERT_THAT(outcome.exit, AnyOf(0, 5)) << outcome.err;
  EXPECT_EQ(left(), "");
  const auto fleet = json("fleet.json");
  EXPECT_EQ(fleet["schema"].text(), "kts.fleet/1");
  ASSERT_EQ(fleet["nodes"].items().size(), 2U);
  for (const char* node : {"node1", "node2"}) {
    EXPECT_TRUE(std::filesystem::exists(folder() + "/nodes/" + node + "/summary.json"))
        << outcome.err;
    EXPECT_THAT(outcome.out, HasSubstr(node));
    EXPECT_EQ(json(std::string("nodes/") + node + "/environment.json")["kubernetes"]["node"]["name"]
                  .text(),
              node);
  }
  EXPECT_THAT(card_on("node1"), testing::StartsWith("GPU-"));
  EXPECT_NE(card_on("node1"), card_on("node2"));
  EXPECT_THAT(outcome.out, HasSubstr("2 of 2 nodes measured"));

  const Outcome again = Program::run({kKts, "report", folder()});
  EXPECT_EQ(again.exit, outcome.exit);
  EXPECT_EQ(again.out, outcome.out);
  EXPECT_EQ(Program::run({kKts, "report", folder() + "/nodes/node2"}).exit,
            static_cast<int>(*fleet["nodes"].items()[1]["exit_code"].integer()));
}

TEST_F(Scale, ANodeWithoutTheImageIsNamedAndTheOtherIsMeasured) {
  const std::string image = "localhost/kts-worker:only-on-node1";
  ASSERT_EQ(shell(kLab + " image " + image + " " + in_build("bin/kts-worker")).exit, 0);
  const Outcome removed = shell(
      "$KTS_LAB/debs/root/usr/bin/ctr -a /run/kts-lab/node2/containerd.sock -n k8s.io images rm " +
      image);
  ASSERT_EQ(removed.exit, 0) << removed.err;
  const Outcome outcome = run_fleet({}, {}, image);
  EXPECT_EQ(outcome.exit, 5) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("1 of 2 nodes measured"));
  EXPECT_THAT(outcome.out, HasSubstr("node2 not measured, exit code 4"));
  EXPECT_THAT(outcome.out, HasSubstr("ErrImageNeverPull"));
  EXPECT_TRUE(std::filesystem::exists(folder() + "/nodes/node1/summary.json")) << outcome.err;
  EXPECT_FALSE(std::filesystem::exists(folder() + "/nodes/node2"));
  EXPECT_EQ(left(), "");
}

TEST_F(Scale, CtrlCEndsAFleetAndLeavesNothing) {
  bool told = false;
  const Outcome outcome = run_fleet(
      {},
      [&told](std::string_view line, pid_t pid) {
        if (line.find(", block ") == std::string_view::npos || std::exchange(told, true)) return;
        kill(pid, SIGINT);
      },
      kImage, 20);
  EXPECT_TRUE(told) << outcome.err;
  EXPECT_EQ(outcome.exit, 130) << outcome.err;
  EXPECT_EQ(left(), "");
  EXPECT_EQ(Program::run({kKts, "report", folder()}).exit, 130);
}

TEST_F(Scale, ASelectorThatSelectsNothingIsAnError) {
  const Outcome none = run({"study", "--nodes", "pool=nowhere"});
  EXPECT_EQ(none.exit, 4);
  EXPECT_THAT(none.err, HasSubstr("no node has the labels 'pool=nowhere'"));
  const Outcome wrong = run({"study", "--nodes", "pool in"});
  EXPECT_EQ(wrong.exit, 2) << wrong.err;
  EXPECT_THAT(wrong.err, HasSubstr("--nodes"));
}

// Each pod's log is rotated many times while it is read.
TEST_F(Scale, ThreeHundredThousandRecordsArriveWhole) {
  const std::string file = folder_.path() / "many.yaml";
  ASSERT_TRUE(write_file(file,
                         "schema: kts.scenario/1\nname: many\nsharing: time-slicing\n"
                         "plan: {cycles: 5, block: 400ms}\nagents:\n"
                         "  - {name: small, workload: {kind: fft, size: 16}, "
                         "arrival: {process: saturate}, in_flight: 32}\n"
                         "  - {name: other, workload: {kind: gemm, size: 16}, "
                         "arrival: {process: saturate}, in_flight: 32}\n"));
  const Outcome outcome = Program::run({kKts, "run", file, "--on", "kubernetes", "--device", "cpu",
                                        "--image", kImage, "--node", "node1", "--out", folder()});
  ASSERT_THAT(outcome.exit, AnyOf(0, 5)) << outcome.err;
  std::int64_t records = 0;
  for (const auto& result : json("summary.json")["results"].items()) {
    if (result["measure"].text() != "latency") continue;
    records += *result["n"].integer() + *result["trimmed"].integer();
  }
  // Every record that a worker wrote is there; what a starved writer's ring had no room for is
  // counted by END, and no loss on the way.
  const auto sum = [this](const std::string& filter) {
    return shell("cat " + folder() + "/blocks/*/*.log | " + filter).out;
  };
  EXPECT_EQ(sum("grep -c '^KTS_APP,'"),
            sum("sed -n 's/^KTS_END.*\"emitted\":\\([0-9]*\\).*/\\1/p' | "
                "awk '{n += $1} END {printf \"%d\\n\", n}'"));
  EXPECT_GE(records, 300'000) << outcome.err;
  EXPECT_EQ(left(), "");
}

// Last: it leaves the card shared among 64.
TEST_F(Scale, SixtyFourAgentsShareOneNode) {
  const Outcome shared = Program::run({kKts, "cluster", "share", "--replicas", "64",
                                       "--node-selector", "kubernetes.io/hostname=node1", "--yes"});
  ASSERT_EQ(shared.exit, 0) << shared.err;
  std::string yaml =
      "schema: kts.scenario/1\nname: crowd\nsharing: time-slicing\n"
      "plan: {cycles: 2, block: 1s}\nagents:\n";
  for (int i = 0; i < 64; ++i) {
    yaml += fmt::format(
        "  - {{name: agent-{}, workload: {{kind: fft, size: 32}}, "
        "arrival: {{process: poisson, rate: 5}}}}\n",
        i);
  }
  const std::string file = folder_.path() / "crowd.yaml";
  ASSERT_TRUE(write_file(file, yaml));
  const Outcome outcome =
      Program::run({kKts, "run", file, "--on", "kubernetes", "--device", "cpu", "--image", kImage,
                    "--node", "node1", "--start-timeout", "4min", "--out", folder()},
                   {}, std::chrono::minutes(8));
  // Nobody can conclude anything from 5 requests a second; that all were there is the point.
  EXPECT_EQ(outcome.exit, 5) << outcome.err;
  EXPECT_EQ(json("environment.json")["kubernetes"]["pods"].items().size(), 64U) << outcome.err;
  std::int64_t lost = 0;
  std::size_t results = 0;
  for (const auto& result : json("summary.json")["results"].items()) {
    lost += result["lost"].integer().value_or(0);
    ++results;
  }
  EXPECT_EQ(lost, 0);
  EXPECT_GE(results, 64U);
  EXPECT_EQ(left(), "");
}

}  // namespace
}  // namespace kts::scale_test
