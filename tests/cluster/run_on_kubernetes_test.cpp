// SPDX-License-Identifier: Apache-2.0
// kts run --on kubernetes with real pods that request a slot of a shared GPU.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include "kts/base/files.hpp"
#include "kts/base/units.hpp"
#include "kts/kube/value.hpp"
#include "program.hpp"

namespace kts {
namespace {

using testing::AnyOf;
using testing::HasSubstr;
using Words = std::vector<std::string>;

constexpr const char* kImage = "localhost/kts-worker:test";

Outcome shell(const std::string& line) { return Program::run({"/bin/sh", "-c", line}); }

class RunOnKubernetes : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    const auto image =
        shell(std::string(KTS_LAB_SCRIPT) + " image " + kImage + " " KTS_BIN_DIR "/kts-worker");
    ASSERT_EQ(image.exit, 0) << image.err;
    ASSERT_EQ(
        shell("kubectl label --overwrite node node1 nvidia.com/device-plugin.config=any").exit, 0);
    const auto shared = shell(
        "for i in $(seq 120); do [ \"$(kubectl get node node1 -o "
        "'jsonpath={.status.allocatable.nvidia\\.com/gpu}')\" = 4 ] && exit 0; sleep 0.5; done; "
        "exit 1");
    ASSERT_EQ(shared.exit, 0) << "the card isn't shared among four";
  }

  Outcome run(Words more, Program::OnLine on_line = {}, const std::string& image = kImage) {
    Words words{kKts,      "run", "--on",    "kubernetes", "--device", "cpu",
                "--image", image, "--quick", "--out",      folder()};
    words.insert(words.end(), more.begin(), more.end());
    return Program::run(words, std::move(on_line));
  }
  [[nodiscard]] std::string folder() const { return folder_.path() / "run"; }
  static std::string left() { return shell("kubectl get jobs,pods -o name").out; }

  TemporaryDirectory folder_ = TemporaryDirectory::create("kts-run").value();
};

TEST_F(RunOnKubernetes, LeavesAFolderThatReportReadsAndNothingElse) {
  const Outcome outcome = run({"study"});
  ASSERT_THAT(outcome.exit, AnyOf(0, 5)) << outcome.err;
  EXPECT_TRUE(std::filesystem::exists(folder() + "/summary.json")) << outcome.err;
  EXPECT_EQ(left(), "");

  const auto summary = kube::Value::parse(read_file(folder() + "/summary.json").value()).value();
  std::size_t results = 0;
  for (const auto& result : summary["results"].items()) {
    EXPECT_EQ(result["lost"].integer(), 0);
    ++results;
  }
  EXPECT_GT(results, 0U);
  const auto environment =
      kube::Value::parse(read_file(folder() + "/environment.json").value()).value();
  const auto pods = environment["kubernetes"]["pods"].items();
  ASSERT_EQ(pods.size(), 2U);
  EXPECT_EQ(pods[0]["gpu_uuid"].text(), pods[1]["gpu_uuid"].text());
  EXPECT_THAT(pods[0]["gpu_uuid"].text(), testing::StartsWith("GPU-"));

  const Outcome again = Program::run({kKts, "report", folder()});
  EXPECT_EQ(again.exit, outcome.exit);
}

TEST_F(RunOnKubernetes, AnUnknownImageEndsItAtOnceWithKubernetesReason) {
  const Outcome outcome = run({"study"}, {}, "localhost/none:1");
  EXPECT_EQ(outcome.exit, 4);
  EXPECT_THAT(outcome.err, HasSubstr("ErrImageNeverPull"));
  EXPECT_EQ(left(), "");
}

TEST_F(RunOnKubernetes, AFifthAgentFindsNoSlot) {
  std::string yaml = "schema: kts.scenario/1\nname: five\nsharing: time-slicing\nagents:\n";
  for (const char* name : {"a", "b", "c", "d", "e"}) {
    yaml += std::string("  - {name: ") + name +
            ", workload: {kind: fft, size: 64}, arrival: {process: poisson, rate: 50}}\n";
  }
  const std::string file = folder_.path() / "five.yaml";
  ASSERT_TRUE(write_file(file, yaml));
  const Outcome outcome = run({file, "--start-timeout", "15s"});
  EXPECT_EQ(outcome.exit, 4) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("Insufficient nvidia.com/gpu"));
  EXPECT_EQ(left(), "");
}

TEST_F(RunOnKubernetes, AnotherSharingModeIsNotSwitchedOn) {
  const Outcome outcome = run({"study", "--sharing", "mps"});
  EXPECT_EQ(outcome.exit, 4);
  EXPECT_THAT(outcome.err, HasSubstr("kts cluster share --mode mps"));
}

TEST_F(RunOnKubernetes, CtrlCLeavesNothingBehind) {
  bool told = false;
  const Outcome outcome = run({"study"}, [&told](std::string_view line, pid_t pid) {
    if (line.find("block 2/") == std::string_view::npos || std::exchange(told, true)) return;
    kill(pid, SIGINT);
  });
  EXPECT_TRUE(told) << outcome.err;
  EXPECT_EQ(outcome.exit, 130) << outcome.err;
  EXPECT_EQ(left(), "");
  EXPECT_THAT(Program::run({kKts, "report", folder()}).exit, AnyOf(0, 5));
}

TEST_F(RunOnKubernetes, AKilledWorkerEndsTheRun) {
  bool told = false;
  const Outcome outcome = run({"study"}, [&told](std::string_view line, pid_t) {
    if (line.find("block 2/") == std::string_view::npos || std::exchange(told, true)) return;
    // The worker, not the pod's process 1.
    shell("kill -KILL $(pgrep -f 'kts-worker gemm')");
  });
  EXPECT_TRUE(told) << outcome.err;
  EXPECT_EQ(outcome.exit, 5) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("SIGKILL"));
  EXPECT_EQ(left(), "");
}

TEST_F(RunOnKubernetes, ADeletedPodEndsTheRun) {
  bool told = false;
  const Outcome outcome = run({"study"}, [&told](std::string_view line, pid_t) {
    if (line.find("block 2/") == std::string_view::npos || std::exchange(told, true)) return;
    shell("kubectl delete pod -l kts.dev/agent=fft --wait=false");
  });
  EXPECT_TRUE(told) << outcome.err;
  EXPECT_EQ(outcome.exit, 5) << outcome.err;
  EXPECT_EQ(left(), "");
}

}  // namespace
}  // namespace kts
