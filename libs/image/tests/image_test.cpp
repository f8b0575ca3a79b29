// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "kts/base/files.hpp"
#include "kts/image/build.hpp"
#include "kts/image/load.hpp"
#include "places.hpp"

namespace kts::image::image_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// A PATH on which only these programs are.
class OnPath : public testing::Test {
 protected:
  OnPath() { setenv("PATH", folder_.path().c_str(), 1); }
  ~OnPath() override { setenv("PATH", old_.c_str(), 1); }
  std::string add(const std::string& name, const std::string& script = "exit 0") {
    const auto path = folder_.path() / name;
    std::ofstream(path) << "#!/bin/sh\n" << script << '\n';
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
    return path.string();
  }
  template <typename T>
  static std::string name_of(const Result<T>& found) {
    return found ? found->name : kts::to_line(found.error());
  }
  std::string old_ = std::getenv("PATH");
  TemporaryDirectory folder_ = TemporaryDirectory::create("kts-test").value();
};

Tool tool(const std::string& name) { return {name, "/bin/" + name}; }
std::vector<std::string> lines(const std::vector<Step>& steps) {
  std::vector<std::string> out;
  std::ranges::transform(steps, std::back_inserter(out), [](const Step& s) { return to_line(s); });
  return out;
}

TEST_F(OnPath, TheFirstEngineThatIsThereIsTaken) {
  EXPECT_EQ(find_engine().error().code, ErrorCode::kEnvironment);
  add("docker");
  EXPECT_EQ(name_of(find_engine()), "docker");
  add("buildah");
  EXPECT_EQ(name_of(find_engine()), "buildah");
  EXPECT_EQ(name_of(find_engine("docker")), "docker");
  EXPECT_EQ(find_engine("podman").error().code, ErrorCode::kEnvironment);
  EXPECT_EQ(find_engine("kaniko").error().code, ErrorCode::kBadInput);
}

TEST_F(OnPath, TheClusterThatIsHereIsTaken) {
  const auto none = find_cluster();
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::kEnvironment);
  EXPECT_THAT(none.error().hint, HasSubstr("--push"));
  add("ctr");
  EXPECT_EQ(name_of(find_cluster()), "containerd");
  add("kind");  // with Docker, whose containerd is not the cluster's
  EXPECT_EQ(name_of(find_cluster()), "kind");
  add("k3s");
  EXPECT_EQ(name_of(find_cluster()), "several are here: k3s, kind; choose with --to k3s");
  EXPECT_EQ(find_cluster().error().code, ErrorCode::kBadInput);
  EXPECT_EQ(name_of(find_cluster("k3s")), "k3s");
  EXPECT_EQ(find_cluster("minikube").error().code, ErrorCode::kEnvironment);
  EXPECT_EQ(find_cluster("k8s").error().code, ErrorCode::kBadInput);
}

TEST_F(OnPath, AStepThatFailsIsSaidInItsOwnWordsAndEndsTheRest) {
  const std::string engine = add("podman", "echo building; echo 'no space left' >&2; exit 125");
  const auto mark = folder_.path() / "ran";
  const std::string next = add("ctr", ": >" + mark.string());
  std::string said;
  const Status status = run_steps({{{engine, "build", "."}, "do this"}, {{next, "images"}, ""}},
                                  [&](std::string_view line) { said += line; });
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kEnvironment);
  EXPECT_THAT(kts::to_line(status.error()),
              HasSubstr("podman build failed (exit status 125): no space left; do this"));
  EXPECT_THAT(said, HasSubstr("building\n"));
  EXPECT_FALSE(std::filesystem::exists(mark));
}

TEST(Source, IsFoundFromWithin) {
  const std::filesystem::path root(in_source(""));
  EXPECT_EQ(find_source(root / "libs/image").value(), std::filesystem::canonical(root));
  const auto elsewhere = find_source("/usr/bin");
  ASSERT_FALSE(elsewhere);
  EXPECT_EQ(elsewhere.error().code, ErrorCode::kBadInput);
}

TEST(Build, NamesFileTagAndCommit) {
  BuildOptions options;
  options.source = "/src/kts";
  options.image = "localhost/kts-worker:v1";
  options.commit = "abc";
  options.arguments = {"RUN_BASE=my base"};
  EXPECT_THAT(to_line(build_step(tool("podman"), options)),
              testing::MatchesRegex(
                  "/bin/podman build --file /src/kts/deploy/Containerfile --tag "
                  "localhost/kts-worker:v1 --build-arg COMMIT=abc --build-arg VERSION=[0-9.]+ "
                  "--build-arg 'RUN_BASE=my base' /src/kts"));
}

TEST(Build, WithoutCudaBothBasesAreSmallAndOnesOwnGoBefore) {
  BuildOptions options;
  options.cpu_only = true;
  options.arguments = {"RUN_BASE=mine"};
  const std::string line = to_line(build_step(tool("docker"), options));
  EXPECT_THAT(line, HasSubstr("--build-arg CUDA=OFF --build-arg BUILD_BASE=debian:12-slim"));
  EXPECT_LT(line.find("RUN_BASE=debian"), line.find("RUN_BASE=mine"));
}

TEST(Load, SavesInAFormatThatAllReadAndImports) {
  LoadOptions options;
  options.image = "localhost/kts-worker:v1";
  options.archive = "/tmp/a.tar";
  EXPECT_THAT(lines(load_steps(tool("podman"), tool("k3s"), options)),
              ElementsAre("/bin/podman save --format=docker-archive --output /tmp/a.tar "
                          "localhost/kts-worker:v1",
                          "/bin/k3s ctr images import /tmp/a.tar"));
  EXPECT_THAT(lines(load_steps(tool("buildah"), tool("containerd"), options)),
              ElementsAre("/bin/buildah push localhost/kts-worker:v1 "
                          "docker-archive:/tmp/a.tar:localhost/kts-worker:v1",
                          "/bin/containerd --namespace k8s.io images import /tmp/a.tar"));
  options.cluster = "lab";
  EXPECT_THAT(lines(load_steps(tool("docker"), tool("kind"), options)),
              ElementsAre("/bin/docker save --output /tmp/a.tar localhost/kts-worker:v1",
                          "/bin/kind load image-archive /tmp/a.tar --name lab"));
  EXPECT_EQ(lines(load_steps(tool("docker"), tool("minikube"), options))[1],
            "/bin/minikube image load /tmp/a.tar --profile lab");
}

TEST(Load, OnlyRootReachesTheNodesOwnContainerd) {
  EXPECT_TRUE(check_root(tool("kind"), false));
  EXPECT_TRUE(check_root(tool("k3s"), true));
  EXPECT_EQ(check_root(tool("k3s"), false).error().code, ErrorCode::kEnvironment);
}

TEST(Push, GoesUnderTheNameThere) {
  EXPECT_THAT(lines(push_steps(tool("podman"), "localhost/a:1", "registry.example/a:1")),
              ElementsAre("/bin/podman push localhost/a:1 docker://registry.example/a:1"));
  EXPECT_THAT(lines(push_steps(tool("docker"), "localhost/a:1", "registry.example/a:1")),
              ElementsAre("/bin/docker tag localhost/a:1 registry.example/a:1",
                          "/bin/docker push registry.example/a:1"));
}

}  // namespace
}  // namespace kts::image::image_test
