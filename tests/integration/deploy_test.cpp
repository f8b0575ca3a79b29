// SPDX-License-Identifier: Apache-2.0
// What deploy/ must be, as far as files alone tell: offline and structural. No Prometheus, no
// registry and no newer Kubernetes has seen them; tests/cluster applies what Kubernetes 1.20 knows.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <iterator>
#include <set>
#include <sstream>
#include <string>

#include "kts/base/files.hpp"
#include "kts/process/run.hpp"
#include "places.hpp"
#include "program.hpp"
#include "yaml.hpp"

namespace kts::deploy_test {
namespace {

using testing::AllOf;

using testing::HasSubstr;
using testing::Not;

std::string text(const std::string& file) {
  return read_file(in_source(file)).value_or("missing " + file);
}
kube::Value yaml(const std::string& file) {
  auto value = cluster::parse_yaml(text("deploy/" + file));
  EXPECT_TRUE(value) << file << ": " << (value ? "" : to_line(value.error()));
  return value.value_or(kube::Value());
}

std::set<std::string> keys(const kube::Value& object) {
  std::set<std::string> out;
  for (const auto& [key, value] : object.members()) out.insert(key);
  return out;
}

constexpr const char* kMetric = "DCGM_FI_DEV_GPU_UTIL";

TEST(Deploy, TheServiceMonitorSelectsTheOperatorsExporterAndKeepsThePodsName) {
  const kube::Value monitor = yaml("monitoring/servicemonitor.yaml");
  EXPECT_EQ(monitor["apiVersion"].text(), "monitoring.coreos.com/v1");
  EXPECT_EQ(monitor["kind"].text(), "ServiceMonitor");
  EXPECT_EQ(keys(monitor["spec"]),
            (std::set<std::string>{"namespaceSelector", "selector", "endpoints"}));
  EXPECT_EQ(monitor["spec"]["selector"]["matchLabels"]["app"].text(), "nvidia-dcgm-exporter");
  const kube::Value endpoint = monitor["spec"]["endpoints"].items().at(0);
  EXPECT_EQ(endpoint["port"].text(), "gpu-metrics");
  EXPECT_EQ(endpoint["honorLabels"].boolean(), true);
}

TEST(Deploy, TheAutoscalerTakesWhatTheAdapterOffersAndScalesAnAgent) {
  const kube::Value scaler = yaml("monitoring/autoscaler.yaml");
  EXPECT_EQ(scaler["apiVersion"].text(), "autoscaling/v2");
  const kube::Value metric = scaler["spec"]["metrics"].items().at(0);
  EXPECT_EQ(metric["type"].text(), "Pods");
  EXPECT_EQ(metric["pods"]["metric"]["name"].text(), kMetric);
  EXPECT_EQ(scaler["spec"]["scaleTargetRef"]["name"].text(),
            yaml("agents/thinker.yaml")["metadata"]["name"].text());
  const kube::Value rule = yaml("monitoring/adapter-values.yaml")["rules"]["custom"].items().at(0);
  EXPECT_THAT(rule["seriesQuery"].text(), testing::StartsWith(kMetric));
  EXPECT_EQ(keys(rule["resources"]["overrides"]), (std::set<std::string>{"namespace", "pod"}));
  EXPECT_THAT(rule["metricsQuery"].text(),
              AllOf(HasSubstr("<<.Series>>"), HasSubstr("<<.LabelMatchers>>"),
                    HasSubstr("by (<<.GroupBy>>)")));
}

TEST(Deploy, TheAgentsTakeOneSlotEachAndNoRights) {
  for (const std::string agent : {"router", "thinker"}) {
    const kube::Value pod = yaml("agents/" + agent + ".yaml")["spec"]["template"];
    const kube::Value container = pod["spec"]["containers"].items().at(0);
    EXPECT_EQ(container["resources"]["limits"]["nvidia.com/gpu"].integer(), 1);
    EXPECT_FALSE(container["resources"]["limits"]["cpu"].exists());
    EXPECT_EQ(container["securityContext"]["readOnlyRootFilesystem"].boolean(), true);
    EXPECT_EQ(pod["spec"]["automountServiceAccountToken"].boolean(), false);
    EXPECT_EQ(pod["spec"]["securityContext"]["runAsNonRoot"].boolean(), true);
    EXPECT_TRUE(pod["metadata"]["annotations"]["kts.dev/gpu-memory-bytes"].exists());
  }
}

TEST(Deploy, KustomizeRendersTheAgentsWithoutACluster) {
  const auto kubectl = process::find_program("kubectl");
  if (!kubectl) GTEST_SKIP() << "kubectl is not installed";
  const Outcome rendered =
      Program::run({kubectl->string(), "kustomize", in_source("deploy/agents")});
  ASSERT_EQ(rendered.exit, 0) << rendered.err;
  EXPECT_THAT(rendered.out, AllOf(HasSubstr("name: router"), HasSubstr("name: thinker"),
                                  HasSubstr("image: localhost/kts-worker:v1")));
}

TEST(Containerfile, TakesWhatKtsGivesItAndNamesNoRegistry) {
  const std::string file = text("deploy/Containerfile");
  for (const char* argument : {"BUILD_BASE", "RUN_BASE", "CUDA", "COMMIT", "VERSION"}) {
    EXPECT_THAT(file, HasSubstr("\nARG " + std::string(argument) + "="));
  }
  EXPECT_THAT(file, AllOf(HasSubstr("\nUSER 65532:65532\n"),
                          HasSubstr("NVIDIA_DRIVER_CAPABILITIES=compute,utility"),
                          Not(HasSubstr("NVIDIA_VISIBLE_DEVICES="))));
  // A registry's host has a dot before the name's first slash.
  EXPECT_THAT(file, Not(testing::ContainsRegex("_BASE=[a-z0-9-]+\\.[a-z.]+/")));
}

TEST(Image, ADryRunPrintsTheCommandsAndBadInputIsRefused) {
  const TemporaryDirectory folder = TemporaryDirectory::create("kts-image").value();
  const std::string here = folder.path();
  for (const char* name : {"/podman", "/k3s"}) {
    ASSERT_TRUE(write_file(here + name, "#!/bin/sh\necho ran >&2; exit 1\n"));
    std::filesystem::permissions(here + name, std::filesystem::perms::owner_all);
  }
  const auto image = [&](const std::string& words) {
    return Program::run(
        {"/bin/sh", "-c", "PATH=" + here + ":/usr/bin:/bin; exec " + kKts + " image " + words});
  };
  const std::string source = " --context " + in_source("libs");
  const Outcome build = image("build --engine podman --tag a:1 --dry-run" + source);
  EXPECT_EQ(build.exit, 0) << build.err;
  EXPECT_THAT(build.out, AllOf(HasSubstr("/podman build --file " + in_source("deploy/")),
                               HasSubstr("--tag a:1")));
  const Outcome load = image("load --image a:1 --engine podman --to k3s --dry-run");
  EXPECT_EQ(load.out, here + "/podman save --format=docker-archive --output kts-worker.tar a:1\n" +
                          here + "/k3s ctr images import kts-worker.tar\n");
  EXPECT_EQ(image("load --engine podman --push r.example/a:1 --dry-run --image a:1").out,
            here + "/podman push a:1 docker://r.example/a:1\n");
  struct Case {
    std::string words;
    int exit;
    std::string said;
  };
  for (const Case& c :
       {Case{"build --context /usr/bin", 2, "/usr/bin: there is no deploy/Containerfile in it"},
        Case{"build --tag a:1 --engine kaniko" + source, 2, "no engine that kts knows"},
        Case{"build --tag a:1 --build-arg CUDA" + source, 2, "'CUDA' is not NAME=VALUE"},
        Case{"load --push b --to k3s", 2, "--push sends it to a registry"},
        Case{"load --to nowhere --engine podman", 2, "kts can't load into 'nowhere'"},
        Case{"load --to minikube --engine podman", 4, "minikube is not on the PATH"},
        Case{"build --tag a:1 --engine podman" + source, 4, "podman build failed (exit status 1)"},
        Case{"load --image a:1 --engine podman --push b", 4, "podman push failed"}}) {
    const Outcome outcome = image(c.words);
    EXPECT_EQ(outcome.exit, c.exit) << c.words << '\n' << outcome.err;
    EXPECT_THAT(last_line(outcome.err),
                AllOf(testing::StartsWith("kts image: "), HasSubstr(c.said)));
  }
}

TEST(Containerfile, InstallsWhatDevDoes) {
  const auto list = [](const std::string& from, const std::string& begin, char end) {
    const auto at = from.find(begin) + begin.size();
    std::string words = from.substr(at, from.find(end, at) - at);
    std::erase(words, '\\');
    std::istringstream in(words);
    return std::set<std::string>(std::istream_iterator<std::string>(in), {});
  };
  std::set<std::string> dev = list(text("dev"), "\nbuild_packages=(", ')');
  dev.erase("git");  // the commit is an argument
  EXPECT_EQ(list(text("deploy/Containerfile"), "\nARG PACKAGES=\"", '"'), dev);
}

}  // namespace
}  // namespace kts::deploy_test
