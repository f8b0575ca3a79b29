// SPDX-License-Identifier: Apache-2.0
// What deploy/ offers, on a real cluster: the agents as they are, and whatever Kubernetes 1.20
// lacks as it was called then.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "kts/base/files.hpp"
#include "kts/kube/value.hpp"
#include "places.hpp"
#include "program.hpp"

namespace kts::deploy_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

const std::string kDeploy = in_source("deploy/");

Outcome shell(const std::string& line) { return Program::run({"/bin/sh", "-c", line}); }

void must(const std::string& line) {
  const Outcome outcome = shell(line);
  ASSERT_EQ(outcome.exit, 0) << line << '\n' << outcome.err;
}

class Deploy : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    must(in_source("tests/cluster/lab") + " image localhost/kts-worker:v1 " +
         in_build("bin/kts-worker"));
    must("kubectl label --overwrite node node1 nvidia.com/device-plugin.config=any");
    must(
        "for i in $(seq 120); do [ \"$(kubectl get node node1 -o "
        "'jsonpath={.status.allocatable.nvidia\\.com/gpu}')\" = 4 ] && exit 0; sleep 0.5; done; "
        "exit 1");
  }
  static kube::Value status() {
    return kube::Value::parse(Program::run({kKts, "cluster", "status", "--json"}).out).value();
  }
};

TEST_F(Deploy, BothAgentsRunOnOneCardAndAreBudgeted) {
  must("kubectl apply --dry-run=server -k " + kDeploy + "agents");
  // Their work is a GPU's; here it is done on one core.
  const TemporaryDirectory folder = TemporaryDirectory::create("kts-agents").value();
  const std::string agents = folder.path() / "agents";
  must("cp -r " + kDeploy + "agents " + agents + " && sed -i 's/--duration/--size, \"64\", &/' " +
       agents + "/router.yaml " + agents + "/thinker.yaml");
  must("kubectl apply -k " + agents);
  must("kubectl wait --for=condition=Available deployment/router deployment/thinker --timeout=60s");
  for (const std::string agent : {"router", "thinker"}) {
    must("for i in $(seq 100); do kubectl logs deployment/" + agent +
         " --tail=1 | grep -q ^KTS_APP,v2," + agent + " && exit 0; sleep 0.2; done; exit 1");
  }
  const auto node = status()["nodes"].items().at(0);
  EXPECT_EQ(node["budget_bytes"].integer(), 268'435'456 + 234'881'024);
  EXPECT_EQ(node["resources"].items().at(0)["requested"].integer(), 2);
  must("kubectl delete -k " + kDeploy + "agents --wait=true");
  must("kubectl wait --for=delete pod --all --timeout=60s || true");
}

// The image isn't there, so that pods hold their slots and never end.
TEST_F(Deploy, WhatARunWillTakeOfTheCardIsSeen) {
  must(kKts +
       " run study --on kubernetes --device cuda --allow-neighbours --image localhost/none:1 "
       "--print-manifests | kubectl apply -f -");
  must(
      "kubectl wait --for=condition=PodScheduled pod -l app.kubernetes.io/name=kts --timeout=30s "
      "|| { sleep 2; kubectl wait --for=condition=PodScheduled pod -l app.kubernetes.io/name=kts "
      "--timeout=30s; }");
  // fft and gemm of the study: 4096² complex64 in and out; three FP32 matrices and cuBLAS' 32 MiB.
  const std::int64_t area = 4096LL * 4096;
  EXPECT_EQ(status()["nodes"].items().at(0)["budget_bytes"].integer(),
            area * 16 + area * 12 + (32 << 20));
  must("kubectl delete jobs -l app.kubernetes.io/name=kts");
}

// autoscaling/v2 came with 1.23, field for field what v2beta2 was.
TEST_F(Deploy, TheAutoscalerIsValidUnderItsOldName) {
  must("sed s,autoscaling/v2,autoscaling/v2beta2, " + kDeploy +
       "monitoring/autoscaler.yaml | kubectl apply --dry-run=server --validate=true -f -");
}

}  // namespace
}  // namespace kts::deploy_test
