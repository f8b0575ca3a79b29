// SPDX-License-Identifier: Apache-2.0
// kts image build and load with a real engine and a real node's containerd.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "kts/base/files.hpp"
#include "places.hpp"
#include "program.hpp"

namespace kts::image_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

Outcome shell(const std::string& line) { return Program::run({"/bin/sh", "-c", line}); }

void must(const std::string& line) {
  const Outcome outcome = shell(line);
  ASSERT_EQ(outcome.exit, 0) << line << '\n' << outcome.err;
}

// A small image of the same kind by a real engine; the whole deploy/Containerfile needs bases.
TEST(Image, IsBuiltLoadedAndRun) {
  if (shell("command -v podman").exit != 0) GTEST_SKIP() << "podman is not installed";
  must("kubectl label --overwrite node node1 nvidia.com/device-plugin.config=any");
  must(
      "for i in $(seq 120); do [ \"$(kubectl get node node1 -o "
      "'jsonpath={.status.allocatable.nvidia\\.com/gpu}')\" = 4 ] && exit 0; sleep 0.5; done; "
      "exit 1");
  const TemporaryDirectory folder = TemporaryDirectory::create("kts-image").value();
  const std::string here = folder.path();
  must("mkdir -p " + here + "/source/deploy " + here + "/source/root/usr/local/bin && cd " + here +
       "/source && cp " + in_build("bin/kts-worker") + " root/usr/local/bin/ && ldd " +
       in_build("bin/kts-worker") +
       " | grep -o '/[^ ]*' | xargs -I '{}' cp -L --parents '{}' root");
  ASSERT_TRUE(write_file(here + "/source/deploy/Containerfile",
                         "FROM scratch\nARG COMMIT\nLABEL revision=$COMMIT\nCOPY root /\n"
                         "ENV PATH=/usr/local/bin\nUSER 65532:65532\n"));
  // Its images are nobody else's; where control groups are mixed, crun gives up.
  ASSERT_TRUE(write_file(here + "/containers.conf",
                         "[engine]\nruntime = \"runc\"\ncgroup_manager = \"cgroupfs\"\n"
                         "events_logger = \"file\"\n"));
  ASSERT_TRUE(write_file(here + "/storage.conf", "[storage]\ndriver = \"vfs\"\ngraphroot = \"" +
                                                     here + "/images\"\nrunroot = \"" + here +
                                                     "/run\"\n"));
  const std::string engine = "export CONTAINERS_CONF=" + here +
                             "/containers.conf CONTAINERS_STORAGE_CONF=" + here +
                             "/storage.conf CONTAINERD_ADDRESS=/run/kts-lab/containerd.sock "
                             "PATH=$KTS_LAB/debs/root/usr/bin:$PATH; ";
  const std::string image = "localhost/kts-worker:built";
  const std::string build = kKts + " image build --engine podman --context " + here + "/source";
  const Outcome unnamed = shell(engine + build);
  EXPECT_EQ(unnamed.exit, 2) << unnamed.err;
  EXPECT_THAT(unnamed.err, HasSubstr("the sources are of commit unknown"));
  const Outcome built = shell(engine + build + " --tag " + image);
  ASSERT_EQ(built.exit, 0) << built.err;
  EXPECT_EQ(built.out, image + "\n");
  const Outcome loaded = shell(engine + kKts + " image load --to containerd --image " + image);
  ASSERT_EQ(loaded.exit, 0) << loaded.err;
  EXPECT_EQ(loaded.out, image + ": loaded into containerd\n");
  const Outcome absent =
      shell(engine + kKts + " image load --to containerd --image localhost/no:1");
  EXPECT_EQ(absent.exit, 4) << absent.err;
  EXPECT_THAT(last_line(absent.err),
              AllOf(HasSubstr("podman save failed"), HasSubstr("kts image build makes the image")));

  const Outcome run = Program::run({kKts, "run", "study", "--on", "kubernetes", "--device", "cpu",
                                    "--quick", "--image", image, "--out", here + "/measured"});
  EXPECT_THAT(run.exit, testing::AnyOf(0, 5)) << run.err;
  EXPECT_TRUE(std::filesystem::exists(here + "/measured/summary.json"));
}

}  // namespace
}  // namespace kts::image_test
