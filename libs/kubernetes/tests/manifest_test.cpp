// SPDX-License-Identifier: Apache-2.0
#include "kts/kubernetes/manifest.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "kts/base/files.hpp"
#include "kts/kube/value.hpp"
#include "places.hpp"

namespace kts::kubernetes::manifest_test {
namespace {

JobSpec router() {
  JobSpec job;
  job.name = job_name("20261121t013000z-4f2a", 0, "router");
  job.name_space = "agents";
  job.run = "20261121t013000z-4f2a";
  job.agent = "router";
  job.image = "localhost/kts-worker:v1";
  job.pull_policy = "Never";
  job.worker = {"fft", "--agent", "router", "--size", "4096"};
  job.resource = "nvidia.com/gpu";
  job.node_selector = {{"kubernetes.io/hostname", "node1"}};
  job.tolerations = {{"nvidia.com/gpu", {}, {}}, {"team", "rag", "NoSchedule"}};
  job.runtime_class = "nvidia";
  job.gpu_memory_bytes = 268'435'456;
  return job;
}

TEST(Manifest, IsTheGoldenOne) {
  JobSpec thinker = router();
  thinker.name = job_name(thinker.run, 1, "thinker");
  thinker.agent = "thinker";
  thinker.node_selector.clear();
  thinker.together = true;
  thinker.runtime_class.clear();
  thinker.gpu_memory_bytes.reset();  // on a CPU
  const std::string yaml = to_yaml({router(), thinker});
  const std::string path = in_source("libs/kubernetes/tests/data/manifest.yaml");
  if (std::getenv("KTS_UPDATE_GOLDEN") != nullptr) {
    ASSERT_TRUE(write_file(path, yaml));
  }
  EXPECT_EQ(read_file(path).value_or("missing"), yaml);
}

TEST(Manifest, LimitIsRequestOfOneAndThereIsNoCpuLimit) {
  const auto job = kube::Value::parse(to_json(router())).value();
  const auto container = job["spec"]["template"]["spec"]["containers"].items().at(0);
  EXPECT_EQ(container["resources"]["limits"].dump(), R"({"nvidia.com/gpu":"1"})");
  EXPECT_EQ(container["resources"]["requests"]["nvidia.com/gpu"].text(), "1");
}

TEST(Manifest, AClaimStandsInTheResourcesPlace) {
  JobSpec job = router();
  job.resource.clear();
  job.claim = "shared-gpu";
  const auto pod = kube::Value::parse(to_json(job)).value()["spec"]["template"]["spec"];
  EXPECT_EQ(pod["resourceClaims"].dump(), R"([{"name":"gpu","resourceClaimName":"shared-gpu"}])");
  const auto resources = pod["containers"].items().at(0)["resources"];
  EXPECT_EQ(resources["claims"].dump(), R"([{"name":"gpu"}])");
  EXPECT_FALSE(resources["limits"].exists());
}

TEST(Manifest, ATraceIsAFileBesideThePlan) {
  JobSpec job = router();
  job.trace = "timestamp_s,input_tokens,output_tokens\n0,1,1\n";
  const auto pod = kube::Value::parse(to_json(job)).value()["spec"]["template"];
  EXPECT_EQ(pod["metadata"]["annotations"][kTraceAnnotation].text(), job.trace);
  EXPECT_THAT(pod["spec"]["volumes"].dump(),
              testing::HasSubstr(R"(annotations['kts.dev/trace']"},"path":"trace")"));
}

TEST(Manifest, NeverSetsVisibleDevices) {
  EXPECT_THAT(to_json(router()), testing::Not(testing::HasSubstr("NVIDIA_VISIBLE_DEVICES")));
}

TEST(Manifest, NamesFitKubernetes) {
  const std::string name = job_name("20261121t013000z-4f2a", 63, std::string(23, 'a') + "-b");
  EXPECT_LE(name.size(), 57U);  // the Job controller adds six
  EXPECT_FALSE(name.ends_with('-'));
}

TEST(Toleration, IsReadAsKubectlTaintWritesIt) {
  EXPECT_EQ(parse_toleration("a=b:NoSchedule").value(), (Toleration{"a", "b", "NoSchedule"}));
  EXPECT_EQ(parse_toleration("a").value(), (Toleration{"a", {}, {}}));
  EXPECT_EQ(parse_toleration("a:NoExecute").value(), (Toleration{"a", {}, "NoExecute"}));
  EXPECT_FALSE(parse_toleration("a:Never"));
  EXPECT_FALSE(parse_toleration("=b"));
}

}  // namespace
}  // namespace kts::kubernetes::manifest_test
