// SPDX-License-Identifier: Apache-2.0
// kts cluster share, status and unshare against real Kubernetes, on each kind of installation.
#include <gmock/gmock.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

#include "places.hpp"

namespace kts::share_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

struct Ran {
  int code = -1;
  std::string output;  // both streams
};

Ran sh(const std::string& command) {
  Ran ran;
  std::FILE* pipe = popen(("{ " + command + "; } 2>&1").c_str(), "r");
  if (pipe == nullptr) return ran;
  char buffer[4096];
  while (const std::size_t n = std::fread(buffer, 1, sizeof buffer, pipe)) {
    ran.output.append(buffer, n);
  }
  const int status = pclose(pipe);
  ran.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  std::printf("$ %s\n%s[%d]\n", command.c_str(), ran.output.c_str(), ran.code);
  std::fflush(stdout);
  return ran;
}

const std::string kKts = in_build("bin/kts");
Ran kts(const std::string& arguments) { return sh(kKts + " cluster " + arguments); }

std::string node(const std::string& path) {
  return sh("kubectl get nodes -o jsonpath='{.items[0]." + path + "}'").output;
}
std::string offered(const std::string& field = "allocatable",
                    const std::string& resource = "nvidia\\.com/gpu") {
  return node("status." + field + "." + resource);
}

// All that share may write, without what Kubernetes itself keeps changing.
std::string intent() {
  return sh("kubectl get nodes -o jsonpath='{.items[0].metadata.labels.nvidia\\.com/"
            "device-plugin\\.config}'; "
            "for n in nvidia-device-plugin gpu-operator kube-system; do "
            "kubectl -n $n get configmaps -o jsonpath='{range .items[*]}{.metadata.name}="
            "{.data}{\"\\n\"}{end}'; "
            "kubectl -n $n get daemonsets -o jsonpath='{range .items[*]}{.metadata.name}="
            "{.spec.template.spec}{\"\\n\"}{end}'; done; "
            "kubectl get clusterpolicies -o jsonpath='{.items[*].spec}' 2>/dev/null || true")
      .output;
}

class Share : public testing::Test {
 protected:
  void install(const std::string& kind) {
    ASSERT_EQ(sh(in_source("tests/cluster/lab") + " install " + kind).code, 0);
    for (int i = 0; i < 60 && offered() != "1"; ++i) sh("sleep 1");
    ASSERT_EQ(offered(), "1");
  }
  void TearDown() override {
    sh("kubectl delete pods --all --wait=true");
    sh(in_source("tests/cluster/lab") + " uninstall");
  }

  void there_and_back() {
    const std::string before = intent();
    const Ran dry = kts("share --replicas 4 --dry-run");
    EXPECT_EQ(dry.code, 0);
    EXPECT_THAT(dry.output, AllOf(HasSubstr("replicas: 4"), HasSubstr("kts-share-backup")));
    EXPECT_EQ(intent(), before);

    const Ran shared = kts("share --mode time-slicing --replicas 4");
    ASSERT_EQ(shared.code, 0);
    EXPECT_EQ(offered(), "4");
    EXPECT_EQ(offered("capacity"), "4");
    EXPECT_THAT(kts("status").output, AllOf(HasSubstr("time-slicing ×4"), HasSubstr("plugin log")));
    EXPECT_THAT(kts("share --replicas 4").output, HasSubstr("already"));

    const Ran put_back = kts("unshare");
    ASSERT_EQ(put_back.code, 0);
    EXPECT_EQ(offered(), "1");
    EXPECT_EQ(intent(), before);
    EXPECT_THAT(kts("unshare").output, HasSubstr("nothing to undo"));
    EXPECT_THAT(kts("clean").output, HasSubstr("nothing to remove"));
  }
};

TEST_F(Share, HelmWithAConfiguration) {
  install("helm");
  there_and_back();
}

TEST_F(Share, HelmFailuresAreRestoredOrContinued) {
  install("helm");
  const std::string before = intent();

  const Ran impatient = kts("share --replicas 4 --timeout 10ms");
  EXPECT_EQ(impatient.code, 4);
  EXPECT_THAT(impatient.output, AllOf(HasSubstr("not loaded within 10ms"),
                                      HasSubstr("what was before has been put back")));
  EXPECT_EQ(intent(), before);
  EXPECT_EQ(offered(), "1");

  // Killed between two writes or in the wait, as it comes.
  sh("timeout -s KILL 2 " + kKts + " cluster share --replicas 4");
  const Ran again = kts("share --replicas 4");
  EXPECT_EQ(again.code, 0);
  EXPECT_EQ(offered(), "4");

  const Ran renamed = kts("share --replicas 3 --rename");
  EXPECT_EQ(renamed.code, 0);
  EXPECT_EQ(offered("allocatable", "nvidia\\.com/gpu\\.shared"), "3");
  EXPECT_EQ(offered(), "0");
  EXPECT_EQ(kts("unshare").code, 0);
  EXPECT_EQ(offered(), "1");
  EXPECT_EQ(intent(), before);
}

TEST_F(Share, RunningPodsAndMissingVerbsRefuse) {
  install("helm");
  const std::string before = intent();
  std::ofstream("/tmp/kts-share-test.yaml")
      << "apiVersion: v1\nkind: Pod\nmetadata: {name: tenant}\nspec:\n"
         "  terminationGracePeriodSeconds: 1\n  containers:\n"
         "    - {name: a, image: localhost/busybox:1, imagePullPolicy: Never,\n"
         "       command: [sleep, '1000'], resources: {limits: {nvidia.com/gpu: 1}}}\n";
  ASSERT_EQ(sh("for i in 1 2 3 4 5 6 7 8 9 10; do kubectl create -f /tmp/kts-share-test.yaml && "
               "break; sleep 1; done; rm /tmp/kts-share-test.yaml; "
               "kubectl wait --for=condition=Ready pod/tenant --timeout=60s")
                .code,
            0);
  const Ran refused = kts("share --replicas 4");
  EXPECT_EQ(refused.code, 4);
  EXPECT_THAT(refused.output, AllOf(HasSubstr("pod default/tenant"), HasSubstr("--yes")));
  EXPECT_EQ(intent(), before);
  sh("kubectl delete pod tenant");

  const std::string config = "/tmp/kts-share-test.kubeconfig";
  ASSERT_EQ(
      sh("kubectl config view --raw --flatten | sed 's/^  user:$/&\\n    as: viewer/' >" + config +
         " && kubectl create clusterrole viewer --verb=get,list "
         "--resource=nodes,pods,pods/log,configmaps,daemonsets.apps && "
         "kubectl create clusterrolebinding viewer --clusterrole=viewer --user=viewer")
          .code,
      0);
  const Ran forbidden = kts("share --replicas 4 --kubeconfig " + config);
  EXPECT_EQ(forbidden.code, 4);
  EXPECT_THAT(forbidden.output, HasSubstr("not permitted to create configmaps in namespace "
                                          "nvidia-device-plugin; nothing was changed"));
  EXPECT_EQ(std::count(forbidden.output.begin(), forbidden.output.end(), '\n'), 1);
  ASSERT_EQ(sh("kubectl create clusterrole most --verb=create,patch,delete "
               "--resource=configmaps,pods && kubectl create clusterrolebinding most "
               "--clusterrole=most --user=viewer")
                .code,
            0);
  EXPECT_THAT(kts("share --replicas 4 --kubeconfig " + config).output,
              HasSubstr("not permitted to patch nodes; nothing was changed"));
  EXPECT_EQ(intent(), before);
  sh("rm " + config + "; kubectl delete clusterrole,clusterrolebinding viewer most");
}

TEST_F(Share, StaticDaemonSet) {
  install("static");
  there_and_back();
}

TEST_F(Share, GpuOperator) {
  install("operator");
  there_and_back();
}

TEST_F(Share, HelmWithoutAConfigurationIsToldWhatToRun) {
  install("helm-plain");
  const std::string before = intent();
  const Ran refused = kts("share --replicas 4");
  EXPECT_EQ(refused.code, 4);
  EXPECT_THAT(refused.output, AllOf(HasSubstr("helm -n nvidia-device-plugin upgrade nvdp"),
                                    HasSubstr("--set config.name=")));
  EXPECT_EQ(intent(), before);
  EXPECT_EQ(kts("share --replicas 4 --force").code, 0);
  EXPECT_EQ(offered(), "4");
  EXPECT_EQ(kts("unshare").code, 0);
  EXPECT_EQ(intent(), before);
}

}  // namespace
}  // namespace kts::share_test
