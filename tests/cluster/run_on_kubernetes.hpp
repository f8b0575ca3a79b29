// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kts/base/files.hpp"
#include "kts/kube/value.hpp"
#include "places.hpp"
#include "program.hpp"

namespace kts {

using Words = std::vector<std::string>;

inline constexpr const char* kImage = "localhost/kts-worker:test";

inline Outcome shell(const std::string& line) { return Program::run({"/bin/sh", "-c", line}); }

// A cluster whose one card (or each of several) is shared among four.
class RunOnKubernetes : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    const auto image = shell(in_source("tests/cluster/lab") + " image " + kImage + " " +
                             in_build("bin/kts-worker"));
    ASSERT_EQ(image.exit, 0) << image.err;
    ASSERT_EQ(
        shell("kubectl label --overwrite nodes --all nvidia.com/device-plugin.config=any").exit, 0);
    const auto shared = shell(
        "for node in $(kubectl get nodes -o name); do "
        "for i in $(seq 120); do slots=$(kubectl get $node -o "
        "'jsonpath={.status.allocatable.nvidia\\.com/gpu}'); [ \"$slots\" -ge 4 ] && continue 2; "
        "sleep 0.5; done; exit 1; done");
    ASSERT_EQ(shared.exit, 0) << "the card isn't shared among four";
  }

  Outcome run(Words more, Program::OnLine on_line = {}, const std::string& image = kImage) {
    Words words{kKts,  "run",     "--on", "kubernetes", "--device",
                "cpu", "--image", image,  "--out",      folder()};
    words.insert(words.end(), more.begin(), more.end());
    return Program::run(words, std::move(on_line));
  }
  // The agents of `study` in blocks as short as can be; a cycle takes some 2 s.
  [[nodiscard]] std::string brief(int cycles = 2) const {
    const std::string file = folder_.path() / "brief.yaml";
    EXPECT_TRUE(write_file(
        file, "schema: kts.scenario/1\nname: brief\nsharing: time-slicing\nplan: {cycles: " +
                  std::to_string(cycles) +
                  ", block: 300ms}\nagents:\n"
                  "  - {name: fft, workload: {kind: fft, size: 128}, "
                  "arrival: {process: poisson, rate: 150}}\n"
                  "  - {name: gemm, workload: {kind: gemm, size: 384}, "
                  "arrival: {process: saturate}}\n"));
    return file;
  }
  // Runs what is long enough to be struck; when the first block is told of (one that is repeated
  // isn't), `line` is run in a shell.
  Outcome run_struck_by(const std::string& line, Words more = {}, int cycles = 20) {
    bool struck = false;
    more.insert(more.begin(), brief(cycles));
    const Outcome outcome = run(std::move(more), [&](std::string_view said, pid_t) {
      if (said.find(", block ") == std::string_view::npos || std::exchange(struck, true)) return;
      const Outcome blow = shell(line);
      EXPECT_EQ(blow.exit, 0) << blow.err;
    });
    EXPECT_TRUE(struck) << outcome.err;
    return outcome;
  }
  [[nodiscard]] std::string folder() const { return folder_.path() / "run"; }
  [[nodiscard]] kube::Value json(const std::string& file) const {
    return kube::Value::parse(read_file(folder() + "/" + file).value_or("{}")).value();
  }
  static std::string left() { return shell("kubectl get jobs,pods -o name").out; }

  TemporaryDirectory folder_ = TemporaryDirectory::create("kts-run").value();
};

}  // namespace kts
