// SPDX-License-Identifier: Apache-2.0
#include "kts/kubernetes/fleet_run.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "kts/base/files.hpp"

namespace kts::kubernetes::fleet_run_test {
namespace {

using analysis::FleetNode;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class Lines final : public runner::Progress {
 public:
  void note(std::string_view line) override {
    notes.emplace_back(line);
    if (on_note) on_note(line);
  }
  void passing(std::string_view line) override { passed.emplace_back(line); }
  void update(const runner::ProgressState& /*state*/) override {}
  void block_done(const runner::ProgressState& /*state*/) override {}
  std::vector<std::string> notes, passed;
  std::function<void(std::string_view)> on_note;
};

NodeRun node(const std::string& name, const std::string& script) {
  return {name, {{"/bin/sh", "-c", script}, {}}};
}

TEST(RunNodes, WhatHappensToOneChangesNothingForTheOthers) {
  Lines lines;
  FleetRunOptions options;
  std::vector<FleetNode> ended;
  options.ended = [&ended](const FleetNode& one) {
    ended.push_back(one);
    return Status{};
  };
  const auto result =
      run_nodes({node("a", "echo 'cycle 1/2, block 1/6' >&2; echo 'table'"),
                 node("b", "echo 'kts run: agent fft: OOMKilled; more memory' >&2; exit 4"),
                 node("c", "echo 'exit 5: too few samples' >&2; echo 'warning: late' >&2; exit 5")},
                options, lines);
  ASSERT_TRUE(result) << to_line(result.error());
  EXPECT_THAT(*result, ElementsAre(FleetNode{"a", 0, ""},
                                   FleetNode{"b", 4, "agent fft: OOMKilled; more memory"},
                                   FleetNode{"c", 5, "too few samples"}));
  EXPECT_EQ(ended.size(), 3U);
  EXPECT_THAT(lines.passed, ElementsAre("a: cycle 1/2, block 1/6"));
  EXPECT_THAT(lines.notes, Contains("b: kts run: agent fft: OOMKilled; more memory"));
}

TEST(RunNodes, RunsSoManySideBySideAndNoMore) {
  const auto folder = TemporaryDirectory::create("kts-fleet").value();
  // a and b are over only once both have begun.
  const auto meet = [&](const std::string& mine, const std::string& other) {
    const std::string there = folder.path().string() + "/";
    return node(mine, "touch " + there + mine + "; until [ -e " + there + other +
                          " ]; do sleep 0.01; done");
  };
  FleetRunOptions options;
  options.at_once = 2;
  Lines lines;
  const auto result =
      run_nodes({meet("a", "b"), meet("b", "a"), node("c", "true")}, options, lines);
  ASSERT_TRUE(result);
  for (const FleetNode& one : *result) EXPECT_EQ(one.exit_code, 0);
  const auto place = [&](std::string_view words) {
    return std::ranges::find_if(lines.notes, [&](const std::string& line) {
      return line.find(words) != std::string::npos;
    });
  };
  EXPECT_LT(place("b: begins"), place("ended with"));
  EXPECT_LT(place("ended with"), place("c: begins"));
}

TEST(RunNodes, ASignalReachesThoseThatRunAndNoMoreBegin) {
  auto signals = process::SignalWatch::create({SIGUSR1}).value();
  Lines lines;
  lines.on_note = [](std::string_view line) {
    if (line == "a: ready") kill(getpid(), SIGUSR1);
  };
  FleetRunOptions options;
  options.at_once = 1;
  options.signals = &signals;
  const auto result =
      run_nodes({node("a",
                      "trap 'echo \"kts run: interrupted\" >&2; exit 130' USR1; echo ready >&2; "
                      "while :; do sleep 0.05; done"),
                 node("b", "exit 0")},
                options, lines);
  ASSERT_TRUE(result) << to_line(result.error());
  EXPECT_THAT(*result, ElementsAre(FleetNode{"a", 130, "interrupted"},
                                   FleetNode{"b", 130, "not begun: interrupted"}));
  EXPECT_THAT(lines.notes, Not(Contains(HasSubstr("b: begins"))));
}

TEST(RunNodes, ACrashAndAProgramThatIsntThereAreReasonsToo) {
  Lines lines;
  const auto result = run_nodes({node("a", "echo 'last words' >&2; kill -SEGV $$"),
                                 {"b", {{"/nowhere/kts"}, {}}},
                                 node("c", "exit 0")},
                                {}, lines);
  ASSERT_TRUE(result);
  EXPECT_EQ((*result)[0].exit_code, 1);
  EXPECT_THAT((*result)[0].reason, HasSubstr("SIGSEGV"));
  EXPECT_THAT((*result)[0].reason, HasSubstr("last words"));
  EXPECT_NE((*result)[1].exit_code, 0);
  EXPECT_FALSE((*result)[1].reason.empty());
  EXPECT_EQ((*result)[2].exit_code, 0);
}

}  // namespace
}  // namespace kts::kubernetes::fleet_run_test
