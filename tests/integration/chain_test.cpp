// SPDX-License-Identifier: Apache-2.0
// Agents that hand requests on to each other, with the real worker on the CPU. What a live run
// measures is never asserted, only that it is whole and sane.
#include <gmock/gmock.h>
#include <signal.h>

#include <array>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "kts/base/files.hpp"
#include "places.hpp"
#include "program.hpp"

namespace kts::chain_test {
namespace {

using testing::AnyOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;
using Json = nlohmann::json;

constexpr std::array kAgents{"router", "guard", "thinker", "tool", "batch"};

class ChainCli : public testing::Test {
 protected:
  std::string path(const std::string& name) const { return (folder_.path() / name).string(); }
  std::string text(const std::string& name) const {
    return read_file(folder_.path() / name).value_or("no such file");
  }
  Outcome run(std::vector<std::string> arguments, Program::OnLine on_stderr = {}) {
    arguments.insert(arguments.begin(), kKts);
    return Program::run(std::move(arguments), std::move(on_stderr));
  }
  Outcome run_chain(Program::OnLine on_stderr = {}) {
    return run({"run", "chain", "--quick", "--device", "cpu", "--out", path("run")},
               std::move(on_stderr));
  }
  pid_t worker_pid(const std::string& agent) const {
    const std::string log = text("run/workers/" + agent + ".log");
    const auto at = log.find("\"pid\":");
    if (at == std::string::npos) return -1;
    return static_cast<pid_t>(std::strtol(log.c_str() + at + 6, nullptr, 10));
  }

  TemporaryDirectory folder_ = TemporaryDirectory::create().value();
};

TEST_F(ChainCli, TheWholeWayIsMeasuredAloneAndShared) {
  const Outcome outcome = run_chain();
  ASSERT_THAT(outcome.exit, AnyOf(0, 5)) << outcome.err;
  const Json solo = Json::parse(text("run/blocks/01-solo-answer/block.json"));
  EXPECT_THAT(solo["active"].get<std::vector<std::string>>(),
              ElementsAre("router", "guard", "thinker", "tool"));
  EXPECT_THAT(solo["parked"].get<std::vector<std::string>>(), ElementsAre("batch"));
  EXPECT_THAT(text("run/blocks/01-solo-answer/router.log"),
              HasSubstr("\nKTS_STEP,v2,router,0,answer,0,0\n"));
  // The guard and the tool are side by side; the thinker's first step says which was last.
  EXPECT_THAT(text("run/blocks/01-solo-answer/thinker.log"),
              testing::ContainsRegex("\nKTS_STEP,v2,thinker,0,answer,0,3,[12]\n"));

  const Json summary = Json::parse(text("run/summary.json"));
  EXPECT_EQ(summary["agents"].back()["name"], "answer");
  ASSERT_EQ(summary["chains"].size(), 2U);
  for (const Json& phase : summary["chains"]) {
    EXPECT_GT(phase["finished"], 0);
    const Json& mean = phase["divisions"][0];
    EXPECT_EQ(mean["steps"].size(), 6U);
    EXPECT_EQ(mean["steps"][3]["after"], Json({1, 2}));
    const Json& branches = mean["forks"][0]["branches"];
    ASSERT_EQ(branches.size(), 2U);
    EXPECT_EQ(branches[0]["branch"], "guard");
    EXPECT_EQ(branches[1]["branch"], "tool");
    EXPECT_EQ(branches[0]["critical"].get<int>() + branches[1]["critical"].get<int>(),
              mean["n"].get<int>());
    double sum = 0;
    for (const Json& step : mean["steps"]) sum += step["latency_ms"].get<double>();
    for (const Json& result : summary["results"]) {
      if (result["agent"] != "answer" || result["phase"] != phase["phase"] ||
          result["measure"] != "latency") {
        continue;
      }
      EXPECT_EQ(result["n"], mean["n"]);
      // The steps' latencies are the whole one's, without a gap.
      EXPECT_NEAR(result["mean"].get<double>(), sum, 1e-6);
    }
  }
  EXPECT_THAT(text("run/results.md"), HasSubstr("## Where a chain's time goes"));
  EXPECT_THAT(text("run/report.html"), HasSubstr("<h2>Where a chain's time goes</h2>"));
  EXPECT_THAT(text("run/summary.csv"), HasSubstr("\nanswer,shared,,latency,step5_mean,ms,"));
}

TEST_F(ChainCli, AKilledAgentInTheMiddleEndsTheRunAndLeavesNobody) {
  const Outcome outcome = run_chain([&](std::string_view line, pid_t) {
    if (line.find("block 3/") != std::string_view::npos) kill(worker_pid("thinker"), SIGKILL);
  });
  EXPECT_EQ(outcome.exit, 1) << outcome.err;
  EXPECT_THAT(last_line(outcome.err),
              StartsWith("kts run: agent thinker: killed by signal 9 (SIGKILL) in"));
  for (const char* agent : kAgents) {
    const pid_t pid = worker_pid(agent);
    ASSERT_GT(pid, 0) << agent;
    EXPECT_TRUE(kill(-pid, 0) != 0 && errno == ESRCH) << agent;
  }
  // What was measured before is kept.
  const Outcome report = run({"report", path("run")});
  EXPECT_EQ(report.exit, 5) << report.err;
  EXPECT_THAT(report.err, HasSubstr("it has no block.json, so it was not finished"));
}

constexpr const char* kShort =
    "schema: kts.scenario/1\nname: short\nplan: {cycles: 1, block: 100ms}\nagents:\n"
    "  - {name: router, workload: {kind: fft, size: 32}, arrival: {process: chain}}\n"
    "  - {name: guard, workload: {kind: fft, size: 32}, arrival: {process: chain}}\n"
    "  - {name: batch, workload: {kind: gemm, size: 64}, arrival: {process: saturate}}\n"
    "chains:\n  - name: answer\n    arrival: {process: uniform, rate: 200}\n"
    "    steps: [router, [guard, router], guard]\n";

TEST_F(ChainCli, ThreadsOfOneProcessHandRequestsOnToo) {
  ASSERT_TRUE(write_file(path("short.yaml"), kShort));
  const Outcome outcome = run({"modes", path("short.yaml"), "--device", "cpu", "--rounds", "1",
                               "--modes", "streams", "--out", path("modes")});
  ASSERT_THAT(outcome.exit, AnyOf(0, 5)) << outcome.err;
  const Json summary = Json::parse(text("modes/modes/streams/summary.json"));
  ASSERT_EQ(summary["chains"].size(), 2U);
  for (const Json& phase : summary["chains"]) {
    EXPECT_GT(phase["finished"], 0);
    EXPECT_EQ(phase["unfinished"], 0);
  }
  const std::string log = "modes/modes/streams/blocks/03-shared/router.log";
  EXPECT_THAT(text(log), HasSubstr("\nKTS_STEP,v2,router,0,answer,0,0\n"));

  const Json modes = Json::parse(text("modes/modes.json"));
  EXPECT_EQ(modes["agent"]["name"], "answer");
  EXPECT_EQ(modes["baseline"]["sharing"], "time-slicing");
  EXPECT_GT(modes["baseline"]["n"], 0);
  const Json& streams = modes["companies"][0]["modes"][0];
  EXPECT_EQ(modes["companies"][0]["company"], "batch");
  EXPECT_TRUE(streams["measured"]);
  ASSERT_EQ(streams["neighbours"].size(), 1U);
  EXPECT_EQ(streams["neighbours"][0]["agent"], "batch");
  EXPECT_TRUE(streams["kept_ratio"].is_number());
}

TEST_F(ChainCli, WhereThereAreNoChainsOneLineSaysSo) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> wrong{
      {{"run", "chain", "--device", "cpu", "--on", "kubernetes"},
       "pods can't hand requests on to each other yet"},
      {{"matrix", "chain", "--device", "cpu", "--out", path("y")}, "a matrix has no chains"}};
  for (const auto& [arguments, message] : wrong) {
    const Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.exit, 2) << outcome.err;
    EXPECT_THAT(last_line(outcome.err), HasSubstr(message));
  }
  const Outcome alone = Program::run({in_build("bin/kts-worker"), "fft", "--arrival", "chain"});
  EXPECT_EQ(alone.exit, 2);
  EXPECT_THAT(alone.err, HasSubstr("kts run alone can chain agents"));
}

}  // namespace
}  // namespace kts::chain_test
