// SPDX-License-Identifier: Apache-2.0
// What a real cluster does to a run, and what the run says of it.
#include "places.hpp"
#include "run_on_kubernetes.hpp"

namespace kts::run_faults_test {
namespace {

using testing::AnyOf;
using testing::HasSubstr;

class RunFaults : public RunOnKubernetes {
 protected:
  static void make_namespace(const std::string& name) {
    ASSERT_EQ(shell("kubectl create namespace " + name).exit, 0);
    // Pods come when the namespace's service account is there.
    ASSERT_EQ(shell("for i in $(seq 60); do kubectl -n " + name +
                    " get serviceaccount default && exit 0; sleep 0.5; done; exit 1")
                  .exit,
              0);
  }
  static void apply(const std::string& json) {
    const Outcome outcome = shell("echo '" + json + "' | kubectl apply -f -");
    ASSERT_EQ(outcome.exit, 0) << outcome.err;
  }
  // A shell's line that runs `line` in the control group of gemm's container.
  static std::string in_the_group_of_gemm(const std::string& name_space, const std::string& line) {
    // By the pod's own UID: workers of earlier pods may still be leaving.
    return "uid=$(kubectl -n " + name_space + R"( get pod -l kts.dev/agent=gemm \
      -o 'jsonpath={.items[0].metadata.uid}')
    for worker in $(pgrep -f '[k]ts-worker gemm'); do
      group=$(sed -n 's/^[0-9]*:memory://p; s/^0:://p' /proc/$worker/cgroup | head -n 1)
      case $group in *pod$uid*) break ;; esac
      group=
    done
    [ -n "$group" ] || { echo "no worker in a group of pod $uid" >&2; exit 1; }
    for root in /sys/fs/cgroup/memory /sys/fs/cgroup; do
      [ ! -e "$root$group/cgroup.procs" ] || break
    done
    echo 1000 >/proc/$worker/oom_score_adj
    sh -c 'echo $$ >"$1"; )" +
           line + R"(' sh "$root$group/cgroup.procs")";
  }
};

TEST_F(RunFaults, AnApiServerThatComesBackCostsNothing) {
  const std::string lab = in_source("tests/cluster/lab");
  const Outcome outcome =
      run_struck_by("exec >/dev/null 2>&1; (" + lab + " stop kube-apiserver; sleep 6; " + lab +
                        " start kube-apiserver) &",
                    {}, 5);
  ASSERT_THAT(outcome.exit, AnyOf(0, 5)) << outcome.err;
  const auto results = json("summary.json")["results"].items();
  ASSERT_FALSE(results.empty()) << outcome.err;
  for (const auto& result : results) EXPECT_EQ(result["lost"].integer(), 0);
  EXPECT_EQ(left(), "");
}

TEST_F(RunFaults, AStrangersPodIsRefused) {
  apply(R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"notebook","namespace":"kube-public"},
    "spec":{"terminationGracePeriodSeconds":0,"nodeName":"","containers":[{"name":"c",
    "image":"localhost/none:1","imagePullPolicy":"Never",
    "resources":{"limits":{"nvidia.com/gpu":"1"}}}]}})");
  ASSERT_EQ(shell("kubectl -n kube-public wait --for=condition=PodScheduled pod/notebook").exit, 0);
  const Outcome refused = run({"study"});
  EXPECT_EQ(refused.exit, 4) << refused.err;
  EXPECT_THAT(refused.err, HasSubstr("kube-public/notebook"));
  EXPECT_THAT(refused.err, HasSubstr("--allow-neighbours"));
  ASSERT_EQ(shell("kubectl -n kube-public delete pod notebook").exit, 0);
}

TEST_F(RunFaults, AStrangerWhoComesAndGoesCostsBlocks) {
  const Outcome outcome = run_struck_by(
      "kubectl -n kube-public run guest --image=localhost/busybox:1 --image-pull-policy=Never "
      "--restart=Never --overrides='{\"spec\":{\"terminationGracePeriodSeconds\":0,"
      "\"containers\":[{\"name\":\"guest\",\"image\":\"localhost/busybox:1\","
      "\"imagePullPolicy\":\"Never\",\"command\":[\"sleep\",\"1\"],"
      "\"resources\":{\"limits\":{\"nvidia.com/gpu\":\"1\"}}}]}}' >/dev/null",
      {}, 2);
  ASSERT_THAT(outcome.exit, AnyOf(0, 5)) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("kube-public/guest came to the node's GPUs"));
  EXPECT_FALSE(json("environment.json")["kubernetes"]["repeated"].items().empty());
  EXPECT_TRUE(std::filesystem::exists(folder() + "/summary.json")) << outcome.err;
  shell("kubectl -n kube-public delete pod guest");
}

TEST_F(RunFaults, ATaintThatEvictsIsNamed) {
  const Outcome outcome = run_struck_by("kubectl taint node node1 maintenance=now:NoExecute");
  EXPECT_EQ(shell("kubectl taint node node1 maintenance-").exit, 0);
  EXPECT_EQ(outcome.exit, 5) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("TaintManagerEviction"));
  EXPECT_EQ(left(), "");
}

TEST_F(RunFaults, ANamespaceThatIsDeletedEndsIt) {
  make_namespace("doomed");
  const Outcome outcome =
      run_struck_by("kubectl delete namespace doomed --wait=false", {"--namespace", "doomed"});
  EXPECT_EQ(outcome.exit, 5) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("namespace doomed is being deleted"));
}

TEST_F(RunFaults, ALimitRangeBelowWhatAWorkerNeedsIsNamed) {
  make_namespace("tiny");
  apply(R"({"apiVersion":"v1","kind":"LimitRange","metadata":{"name":"tiny","namespace":"tiny"},
    "spec":{"limits":[{"type":"Container","default":{"memory":"24Mi"}}]}})");
  const Outcome outcome = run({"study", "--namespace", "tiny"});
  EXPECT_EQ(outcome.exit, 4) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("must be less than or equal to memory limit"));
  EXPECT_THAT(outcome.err, HasSubstr("LimitRange"));
}

TEST_F(RunFaults, AWorkerThatExceedsItsPodsMemoryLimitSaysSo) {
  make_namespace("tight");
  apply(R"({"apiVersion":"v1","kind":"LimitRange","metadata":{"name":"tight","namespace":"tight"},
    "spec":{"limits":[{"type":"Container","default":{"memory":"300Mi"}}]}})");
  const std::string yaml =
      "schema: kts.scenario/1\nname: large\nsharing: time-slicing\nagents:\n"
      "  - {name: large, workload: {kind: fft, size: 8192}, arrival: {process: saturate}}\n";
  const std::string file = folder_.path() / "large.yaml";
  ASSERT_TRUE(write_file(file, yaml));
  const Outcome outcome = run({file, "--namespace", "tight"});
  EXPECT_EQ(outcome.exit, 4) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("the operands need 1.0 GiB"));
}

// The kernel's: something else in the worker's container takes what the limit leaves.
TEST_F(RunFaults, MemoryThatTheKernelLacksEndsIt) {
  make_namespace("narrow");
  apply(R"({"apiVersion":"v1","kind":"LimitRange","metadata":{"name":"narrow","namespace":"narrow"},
    "spec":{"limits":[{"type":"Container","default":{"memory":"512Mi"}}]}})");
  const Outcome outcome = run_struck_by(
      in_the_group_of_gemm("narrow", "head -c 2G /dev/zero | tail -c 2G >/dev/null || true"),
      {"--namespace", "narrow"});
  EXPECT_EQ(outcome.exit, 5) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("OOMKilled"));
  EXPECT_EQ(shell("kubectl -n narrow get jobs,pods -o name").out, "");
}

// By the kubelet: its log takes more of the node's disk than the namespace grants a pod.
TEST_F(RunFaults, AnEvictionByTheKubeletEndsIt) {
  make_namespace("thin");
  apply(R"({"apiVersion":"v1","kind":"LimitRange","metadata":{"name":"thin","namespace":"thin"},
    "spec":{"limits":[{"type":"Container","default":{"ephemeral-storage":"64Mi"}}]}})");
  const Outcome outcome = run_struck_by(R"(
    uid=$(kubectl -n thin get pod -l kts.dev/agent=gemm -o 'jsonpath={.items[0].metadata.uid}')
    dd if=/dev/zero bs=1M count=200 2>/dev/null \
      of="$(echo $(cat /run/kts-lab/state)/pod-logs/thin_*_$uid/agent)/large")",
                                        {"--namespace", "thin"});
  EXPECT_EQ(outcome.exit, 5) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("Evicted"));
  EXPECT_THAT(outcome.err, HasSubstr("ephemeral"));
  EXPECT_EQ(shell("kubectl -n thin get jobs,pods -o name").out, "");
}

// By the API, as kubectl drain does.
TEST_F(RunFaults, ANodeThatIsDrainedEndsIt) {
  const Outcome outcome = run_struck_by(
      "kubectl drain node1 --pod-selector=kts.dev/agent=fft --force --ignore-daemonsets "
      "--delete-emptydir-data --timeout=30s >/dev/null");
  EXPECT_EQ(shell("kubectl uncordon node1").exit, 0);
  EXPECT_EQ(outcome.exit, 5) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("being drained"));
  EXPECT_EQ(left(), "");
}

TEST_F(RunFaults, AQuotaIsNamed) {
  make_namespace("poor");
  apply(R"({"apiVersion":"v1","kind":"ResourceQuota","metadata":{"name":"gpus","namespace":"poor"},
    "spec":{"hard":{"requests.nvidia.com/gpu":"1"}}})");
  const Outcome outcome = run({"study", "--namespace", "poor"});
  EXPECT_EQ(outcome.exit, 4) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("exceeded quota"));
}

TEST_F(RunFaults, ARuntimeClassWithoutARuntimeIsNamed) {
  apply(R"({"apiVersion":"node.k8s.io/v1","kind":"RuntimeClass","metadata":{"name":"absent"},
    "handler":"absent"})");
  const Outcome outcome = run({"study", "--runtime-class", "absent"});
  EXPECT_EQ(outcome.exit, 4) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("no runtime for"));
  EXPECT_EQ(left(), "");
}

// By the kubelet: pods take more of the node's memory than they may together
// (KTS_LAB_POD_MEMORY), and this one takes the most beyond what it asked for. Last, for the node is
// called short of memory for half a minute more.
TEST_F(RunFaults, AnEvictionForMemoryEndsIt) {
  // Each dd holds what nobody takes from it.
  const Outcome outcome = run_struck_by(in_the_group_of_gemm(
      "default",
      "exec >/dev/null 2>&1; for i in 1 2; do "
      "setsid sh -c \"dd if=/dev/zero bs=1100M count=1 iflag=fullblock | sleep 10\" & done"));
  EXPECT_EQ(outcome.exit, 5) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("Evicted"));
  EXPECT_THAT(outcome.err, HasSubstr("low on resource: memory"));
  EXPECT_THAT(outcome.err, HasSubstr("the node ran out of memory or disk"));
  EXPECT_EQ(left(), "");
}

}  // namespace
}  // namespace kts::run_faults_test
