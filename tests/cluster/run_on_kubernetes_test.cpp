// SPDX-License-Identifier: Apache-2.0
// kts run --on kubernetes with real pods that request a slot of a shared GPU.
#include "run_on_kubernetes.hpp"

#include <csignal>

namespace kts::run_on_kubernetes_test {
namespace {

using testing::AnyOf;
using testing::HasSubstr;

TEST_F(RunOnKubernetes, LeavesAFolderThatReportReadsAndNothingElse) {
  const Outcome outcome = run({"study", "--quick"});
  ASSERT_THAT(outcome.exit, AnyOf(0, 5)) << outcome.err;
  EXPECT_TRUE(std::filesystem::exists(folder() + "/summary.json")) << outcome.err;
  EXPECT_EQ(left(), "");

  const auto summary = json("summary.json");
  std::size_t results = 0;
  for (const auto& result : summary["results"].items()) {
    EXPECT_EQ(result["lost"].integer(), 0);
    ++results;
  }
  EXPECT_GT(results, 0U);
  const auto pods = json("environment.json")["kubernetes"]["pods"].items();
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
  const Outcome outcome = run({file, "--start-timeout", "5s"});
  EXPECT_EQ(outcome.exit, 4) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("Insufficient nvidia.com/gpu"));
  EXPECT_EQ(left(), "");
}

TEST_F(RunOnKubernetes, AnotherSharingModeIsNotSwitchedOn) {
  const Outcome outcome = run({"study", "--sharing", "mps"});
  EXPECT_EQ(outcome.exit, 4);
  EXPECT_THAT(outcome.err, HasSubstr("kts cluster share --mode mps"));
}

TEST_F(RunOnKubernetes, AClaimNeedsAClusterThatKnowsClaims) {
  const Outcome outcome = run({"study", "--claim", "shared-gpu"});
  EXPECT_EQ(outcome.exit, 4) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("no ResourceClaims"));
  EXPECT_EQ(left(), "");
}

TEST_F(RunOnKubernetes, CtrlCLeavesNothingBehind) {
  bool told = false;
  const Outcome outcome = run({brief(20)}, [&told](std::string_view line, pid_t pid) {
    if (line.find(", block ") == std::string_view::npos || std::exchange(told, true)) return;
    kill(pid, SIGINT);
  });
  EXPECT_TRUE(told) << outcome.err;
  EXPECT_EQ(outcome.exit, 130) << outcome.err;
  EXPECT_EQ(left(), "");
  EXPECT_THAT(Program::run({kKts, "report", folder()}).exit, AnyOf(0, 5));
}

TEST_F(RunOnKubernetes, AKilledWorkerEndsTheRun) {
  // The worker, not the pod's process 1, and no worker of another test's: of a PID namespace of its
  // own.
  const Outcome outcome = run_struck_by(R"(
    own=$(readlink /proc/self/ns/pid)
    for worker in $(pgrep -f '[k]ts-worker gemm'); do
      space=$(readlink /proc/$worker/ns/pid) || continue
      [ "$space" = "$own" ] || kill -KILL $worker
    done)");
  EXPECT_EQ(outcome.exit, 5) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("SIGKILL"));
  EXPECT_EQ(left(), "");
}

TEST_F(RunOnKubernetes, ADeletedPodEndsTheRun) {
  const Outcome outcome = run_struck_by("kubectl delete pod -l kts.dev/agent=fft --wait=false");
  EXPECT_EQ(outcome.exit, 5) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("somebody deleted pod"));
  EXPECT_EQ(left(), "");
}

// busybox serves a page in the exporter's place.
TEST_F(RunOnKubernetes, ReadsTheDcgmExporterThroughItsPod) {
  const Outcome made = shell(R"(kubectl apply -f - <<'YAML'
apiVersion: v1
kind: Pod
metadata: {name: dcgm, namespace: kube-public, labels: {app: nvidia-dcgm-exporter}}
spec:
  terminationGracePeriodSeconds: 0
  containers:
    - name: exporter
      image: localhost/busybox:1
      imagePullPolicy: Never
      ports: [{name: metrics, containerPort: 9400}]
      command:
        - sh
        - -c
        - |
          mkdir /tmp/www
          echo 'DCGM_FI_DEV_GPU_UTIL{gpu="0",UUID="GPU-5115b65d-7b5d-68f5-6c0a-5cded33fa6e4"} 97' >/tmp/www/metrics
          exec httpd -f -p 9400 -h /tmp/www
YAML
kubectl -n kube-public wait --for=condition=Ready --timeout=60s pod/dcgm)");
  ASSERT_EQ(made.exit, 0) << made.err;
  const Outcome outcome = run({brief()});
  EXPECT_THAT(outcome.exit, AnyOf(0, 5)) << outcome.err;
  EXPECT_THAT(read_file(folder() + "/telemetry/dcgm.csv").value_or(""),
              HasSubstr(",GPU-5115b65d-7b5d-68f5-6c0a-5cded33fa6e4,97,,,,,,,\n"));
  EXPECT_THAT(outcome.err, HasSubstr("DCGM_EXPORTER_INTERVAL"));
  // A page that never changes says nothing of single blocks, and so does the report.
  EXPECT_THAT(json("summary.json")["covariates_missing"].text(), HasSubstr("less than twice"));
  EXPECT_THAT(read_file(folder() + "/results.md").value_or(""),
              HasSubstr("What the card did meanwhile"));
  shell("kubectl -n kube-public delete pod dcgm");
}

TEST_F(RunOnKubernetes, PrintsWhatItWouldMakeAndMakesNothing) {
  const Outcome outcome = run({"study", "--print-manifests"});
  EXPECT_EQ(outcome.exit, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("kind: \"Job\""));
  EXPECT_EQ(left(), "");
}

TEST_F(RunOnKubernetes, ReplaysATraceAndKeepsJobsAndPodsIfAsked) {
  std::string csv = "timestamp_s,input_tokens,output_tokens\n";
  for (int i = 0; i < 200; ++i) {
    csv += std::to_string(i / 50) + "." + std::to_string(100 + i % 50 * 18) + ",10,1\n";
  }
  const std::string file = folder_.path() / "replay.yaml";
  ASSERT_TRUE(write_file(folder_.path() / "code.csv", csv));
  ASSERT_TRUE(write_file(file,
                         "schema: kts.scenario/1\nname: replay\nsharing: time-slicing\n"
                         "plan: {cycles: 2, block: 400ms}\nagents:\n"
                         "  - {name: router, workload: {kind: fft, size: 64}, arrival: "
                         "{process: trace, file: code.csv, scale: 2.0, length: 3s}}\n"
                         "  - {name: other, workload: {kind: gemm, size: 64}, arrival: "
                         "{process: poisson, rate: 100}}\n"));
  const Outcome outcome = run({file, "--keep"});
  EXPECT_THAT(outcome.exit, AnyOf(0, 5)) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("router: 150 requests in 3s"));
  EXPECT_EQ(read_file(folder() + "/traces/code.csv").value_or(""), csv);
  const auto results = json("summary.json")["results"].items();
  ASSERT_FALSE(results.empty());
  EXPECT_EQ(results.front()["agent"].text(), "router");
  EXPECT_GT(results.front()["n"].integer().value_or(0), 0);
  EXPECT_THAT(left(), HasSubstr("job.batch/kts-"));
  EXPECT_THAT(left(), HasSubstr("pod/kts-"));
  EXPECT_EQ(shell("kubectl delete jobs --all").exit, 0);
}

}  // namespace
}  // namespace kts::run_on_kubernetes_test
