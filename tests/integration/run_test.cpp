// SPDX-License-Identifier: Apache-2.0
// kts run as a user types it, with the real worker on the CPU. What a live run measures is never
// asserted, only that it is whole and sane.
#include <gmock/gmock.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "kts/base/files.hpp"
#include "kts/record/block_log.hpp"
#include "kts/record/codec.hpp"
#include "program.hpp"

namespace kts::run_test {
namespace {

using testing::AllOf;
using testing::AnyOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::StartsWith;
using Json = nlohmann::json;

class RunCli : public testing::Test {
 protected:
  std::string path(const std::string& name) const { return (folder_.path() / name).string(); }
  std::string text(const std::string& name) const {
    return read_file(folder_.path() / name).value_or("no such file");
  }
  bool exists(const std::string& name) const {
    return std::filesystem::exists(folder_.path() / name);
  }
  // A small scenario; returns its file.
  std::string scenario(int cycles, const std::string& rate = "200",
                       const std::string& block = "40ms") {
    const std::string file = path("pair.yaml");
    EXPECT_TRUE(write_file(file, "schema: kts.scenario/1\nname: pair\nplan: {cycles: " +
                                     std::to_string(cycles) + ", block: " + block +
                                     "}\nagents:\n"
                                     "  - name: light\n"
                                     "    workload: {kind: fft, size: 64}\n"
                                     "    arrival: {process: poisson, rate: " +
                                     rate +
                                     "}\n"
                                     "  - name: heavy\n"
                                     "    workload: {kind: gemm, size: 64}\n"
                                     "    arrival: {process: saturate}\n"));
    return file;
  }
  Outcome run(std::vector<std::string> arguments, Program::OnLine on_stderr = {}) {
    arguments.insert(arguments.begin(), {kKts, "run", "--device", "cpu", "--out", path("run")});
    return Program::run(std::move(arguments), std::move(on_stderr));
  }
  // From the READY line in workers/<agent>.log.
  pid_t worker_pid(const std::string& agent) const {
    const std::string log = text("run/workers/" + agent + ".log");
    const auto at = log.find("\"pid\":");
    if (at == std::string::npos) return -1;
    return static_cast<pid_t>(std::strtol(log.c_str() + at + 6, nullptr, 10));
  }
  void expect_no_worker_left() const {
    for (const char* agent : {"light", "heavy"}) {
      const pid_t pid = worker_pid(agent);
      ASSERT_GT(pid, 0) << agent;
      EXPECT_TRUE(kill(-pid, 0) != 0 && errno == ESRCH) << agent;
    }
  }

  TemporaryDirectory folder_ = TemporaryDirectory::create().value();
};

TEST_F(RunCli, MakesAWholeFolderAndEndsWithItsPath) {
  const Outcome outcome = run({scenario(5)});
  ASSERT_THAT(outcome.exit, AnyOf(0, 5)) << outcome.err;
  EXPECT_EQ(last_line(outcome.out), path("run"));
  EXPECT_THAT(outcome.err, HasSubstr("report: " + path("run/report.html") + "\n"));
  EXPECT_THAT(outcome.err, HasSubstr("device: CPU"));
  for (const char* file : {"run/scenario.yaml", "run/environment.json", "run/summary.json",
                           "run/summary.csv", "run/results.md", "run/report.html", "run/trace.json",
                           "run/blocks/15-shared/light.log", "run/blocks/15-shared/heavy.log"}) {
    EXPECT_TRUE(exists(file)) << file;
  }
  const Json block = Json::parse(text("run/blocks/15-shared/block.json"));
  EXPECT_LT(block["window_start_ns"], block["window_stop_ns"]);
  const Json summary = Json::parse(text("run/summary.json"));
  EXPECT_EQ(summary["schema"], "kts.summary/1");
  EXPECT_EQ(summary["agents"].size(), 2U);
  EXPECT_FALSE(summary["results"].empty());
  expect_no_worker_left();
}

TEST_F(RunCli, ReportGivesTheSameBytesAgain) {
  ASSERT_THAT(run({scenario(2)}).exit, AnyOf(0, 5));
  const std::string first = text("run/summary.json");
  ASSERT_THAT(Program::run({kKts, "report", path("run")}).exit, AnyOf(0, 5));
  EXPECT_EQ(text("run/summary.json"), first);
}

TEST_F(RunCli, TraceTravelsIntoTheFolderAndBothPhasesOfACycleSeeTheSameStretch) {
  ASSERT_TRUE(write_file(path("t.csv"),
                         "timestamp_s,input_tokens,output_tokens\n"
                         "0,8,1\n0.011,8,2\n0.013,8,0\n0.05,8,3\n0.081,8,3\n0.1,8,1\n"));
  ASSERT_TRUE(write_file(path("trace.yaml"),
                         "schema: kts.scenario/1\nname: trace\nplan: {cycles: 2, block: 60ms}\n"
                         "agents:\n"
                         "  - name: light\n    workload: {kind: fft, size: 64}\n"
                         "    arrival: {process: trace, file: t.csv, scale: 4}\n"
                         "  - name: heavy\n    workload: {kind: gemm, size: 64}\n"
                         "    arrival: {process: saturate}\n"));
  const Outcome outcome = run({path("trace.yaml")});
  ASSERT_THAT(outcome.exit, AnyOf(0, 5)) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("light: 5 requests in 120ms"));
  EXPECT_EQ(text("run/traces/t.csv"), text("t.csv"));
  const Outcome check = Program::run({kKts, "scenario", "check", path("run/scenario.yaml")});
  EXPECT_EQ(check.exit, 0) << check.err;
  EXPECT_THAT(check.out, HasSubstr("light: 5 requests in 120ms"));
  EXPECT_THAT(text("run/results.md"), HasSubstr("trace t.csv, 4x"));
  EXPECT_THAT(text("run/summary.json"), HasSubstr("1 of 6 requests of its trace failed"));

  // Due times since the block's start, both blocks of the first cycle and those of the second.
  const auto dues = [this](const std::string& block) {
    std::vector<std::int64_t> all;
    std::int64_t start = 0;
    std::istringstream log(text("run/blocks/" + block + "/light.log"));
    for (std::string line; std::getline(log, line);) {
      const auto parsed = record::parse_line(line);
      if (const auto* r = std::get_if<record::V2Record>(&parsed))
        all.push_back(r->iteration.due_ns);
      if (const auto* end = std::get_if<record::EndLine>(&parsed)) {
        start = record::parse_end(end->json)->generation_start_ns;
      }
    }
    // A block that begins late says so; gaps are what the schedule is about.
    for (std::size_t i = all.size(); i-- > 1;) all[i] -= all[i - 1];
    if (!all.empty()) all.front() = 0;
    EXPECT_GT(start, 0);
    return all;
  };
  // On a busy machine a block may end late, and then goes on in its schedule.
  const auto expect_same = [&dues](const std::string& solo, const std::string& shared) {
    auto one = dues(solo), other = dues(shared);
    const std::size_t n = std::min(one.size(), other.size());
    EXPECT_GE(n, 5U);
    one.resize(n), other.resize(n);
    EXPECT_EQ(one, other);
  };
  expect_same("01-solo-light", "03-shared");
  expect_same("06-solo-light", "04-shared");
}

TEST_F(RunCli, AnInterruptExits130AndReportWorksOnWhatIsThere) {
  const Outcome outcome = run({scenario(200)}, [](std::string_view line, pid_t pid) {
    if (line.find("block 4/") != std::string_view::npos) kill(pid, SIGINT);
  });
  EXPECT_EQ(outcome.exit, 130) << outcome.err;
  EXPECT_THAT(last_line(outcome.err), AllOf(StartsWith("kts run: interrupted by SIGINT"),
                                            HasSubstr("kts report " + path("run") + " reads it")));
  expect_no_worker_left();
  EXPECT_THAT(Program::run({kKts, "report", path("run")}).exit, AnyOf(0, 5));
  EXPECT_TRUE(exists("run/summary.json"));
}

TEST_F(RunCli, AKilledWorkerEndsTheRunInOneLineThatNamesIt) {
  const Outcome outcome = run({scenario(200)}, [this](std::string_view line, pid_t /*pid*/) {
    if (line.find("block 2/") != std::string_view::npos) kill(worker_pid("heavy"), SIGKILL);
  });
  EXPECT_EQ(outcome.exit, 1);
  EXPECT_THAT(last_line(outcome.err),
              StartsWith("kts run: agent heavy: killed by signal 9 (SIGKILL) in"));
  EXPECT_TRUE(exists("run/blocks/001-solo-light/block.json"));
  expect_no_worker_left();
}

TEST_F(RunCli, ARateAboveCapacityIsToldAsOverload) {
  const Outcome outcome = run({scenario(2, "300000", "20ms")});
  EXPECT_EQ(outcome.exit, 5) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("overloaded"));
}

TEST_F(RunCli, AQueueThatNeverDrainsIsGivenUpAndTheReportStatesTheRates) {
  const std::string file = path("flood.yaml");
  ASSERT_TRUE(write_file(file,
                         "schema: kts.scenario/1\nname: flood\nplan: {cycles: 2, block: 100ms}\n"
                         "agents:\n"
                         "  - name: light\n"
                         "    workload: {kind: fft, size: 256}\n"
                         "    arrival: {process: poisson, rate: 1000000}\n"
                         "  - name: heavy\n"
                         "    workload: {kind: gemm, size: 64}\n"
                         "    arrival: {process: saturate}\n"));
  const Outcome outcome = run({file});
  EXPECT_EQ(outcome.exit, 5) << outcome.err;
  EXPECT_THAT(
      outcome.err,
      AllOf(ContainsRegex("warning: light can't keep up: [0-9]+ms after block 1 [(]solo light[)]"),
            HasSubstr(" requests never begun; offered ")));
  EXPECT_THAT(outcome.out, AllOf(HasSubstr("light is overloaded in its solo blocks"),
                                 HasSubstr("offered "), HasSubstr("completed ")));
  const std::string first = text("run/summary.json");
  const Json summary = Json::parse(first);
  for (const Json& load : summary["loads"]) {
    EXPECT_TRUE(load["overloaded"]);
    EXPECT_GT(load["abandoned"], 0);
    EXPECT_NEAR(load["offered_per_s"].get<double>(), 1e6, 1e5);
    EXPECT_LT(load["completed_per_s"].get<double>(), 5e5);
  }
  for (const Json& df : summary["degradation"]) EXPECT_NE(df["agent"], "light");
  EXPECT_EQ(Program::run({kKts, "report", path("run")}).exit, 5);
  EXPECT_EQ(text("run/summary.json"), first);
  expect_no_worker_left();
}

TEST_F(RunCli, JsonIsWhatTheFolderHolds) {
  const Outcome outcome = run({scenario(2), "--json"});
  EXPECT_THAT(outcome.exit, AnyOf(0, 5)) << outcome.err;
  EXPECT_EQ(outcome.out, text("run/summary.json"));
}

TEST_F(RunCli, BadInputExitsTwoInOneLineBeforeAnythingRuns) {
  ASSERT_TRUE(write_file(path("file"), ""));
  ASSERT_TRUE(write_file(path("typo.yaml"), "schema: kts.scenario/1\nname: a\nplann: {}\n"));
  const std::string pair = scenario(1);
  struct Case {
    std::vector<std::string> arguments;
    std::string expected;
  };
  for (const Case& c :
       {Case{{pair, "--out", path("file")}, path("file")},
        Case{{pair, "--out", folder_.path().string()}, "holds something already"},
        Case{{"stduy", "--out", path("x")}, "did you mean 'study'?"},
        Case{{path("typo.yaml"), "--out", path("x")},
             path("typo.yaml") + ":3: plann: unknown key; did you mean 'plan'?"},
        Case{{pair, "--sharing", "exclusive", "--out", path("x")}, "exclusive means one agent"}}) {
    std::vector<std::string> argv{kKts, "run", "--device", "cpu"};
    argv.insert(argv.end(), c.arguments.begin(), c.arguments.end());
    const Outcome outcome = Program::run(argv);
    EXPECT_EQ(outcome.exit, 2) << outcome.err;
    EXPECT_THAT(last_line(outcome.err), AllOf(StartsWith("kts run: "), HasSubstr(c.expected)));
    EXPECT_FALSE(exists("x"));
  }
}

TEST(Cli, AMisspeltCommandIsToldTheNearest) {
  struct Case {
    std::vector<std::string> words;
    std::string said;
  };
  for (const Case& c :
       {Case{{"reprt"}, "kts: no command is called 'reprt'; did you mean 'report'?\n"},
        Case{{"cluster", "stauts"},
             "kts cluster: no command is called 'stauts'; did you mean 'status'?\n"},
        Case{{"scenario", "xyzzy"},
             "kts scenario: no command is called 'xyzzy'; there are: list, show, check\n"}}) {
    std::vector<std::string> argv{kKts};
    argv.insert(argv.end(), c.words.begin(), c.words.end());
    const Outcome outcome = Program::run(argv);
    EXPECT_EQ(outcome.exit, 2);
    EXPECT_EQ(outcome.err, c.said);
  }
}

TEST_F(RunCli, WhatTheMachineLacksExitsFour) {
  const std::string pair = scenario(1);
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"--device", "cpu", "--sharing", "mps", "--out", path("x")},
        std::vector<std::string>{"--device", "cuda:1000", "--out", path("x")},
        std::vector<std::string>{"--device", "cpu", "--out", "/proc/kts"},
        std::vector<std::string>{"--device", "cpu", "--worker", "/nowhere", "--out", path("x")}}) {
    std::vector<std::string> argv{kKts, "run", pair};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    const Outcome outcome = Program::run(argv);
    EXPECT_EQ(outcome.exit, 4) << outcome.err;
    EXPECT_THAT(last_line(outcome.err), StartsWith("kts run: "));
  }
}

TEST_F(RunCli, SixtyFourAgentsOnOneCoreRun) {
  if (access("/usr/bin/taskset", X_OK) != 0) GTEST_SKIP() << "no taskset here";
  std::string yaml =
      "schema: kts.scenario/1\nname: crowd\nplan: {cycles: 1, block: 20ms}\nagents:\n";
  for (int i = 0; i < 64; ++i) {
    yaml += "  - {name: a" + std::to_string(i) +
            ", workload: {kind: fft, size: 16}, arrival: {process: closed, think: 5ms}}\n";
  }
  ASSERT_TRUE(write_file(path("crowd.yaml"), yaml));
  const Outcome outcome =
      Program::run({"/usr/bin/taskset", "-c", "0", kKts, "run", path("crowd.yaml"), "--device",
                    "cpu", "--out", path("run")});
  EXPECT_THAT(outcome.exit, AnyOf(0, 5)) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("warning: only core 0 may be used"));
  EXPECT_TRUE(exists("run/blocks/02-shared/a63.log"));
}

TEST_F(RunCli, DoctorNamesWhatIsThereAndAnswersInJsonToo) {
  const Outcome outcome = Program::run({kKts, "doctor", "--json"});
  EXPECT_EQ(outcome.exit, 0) << outcome.err;
  const Json answer = Json::parse(outcome.out, nullptr, false);
  ASSERT_TRUE(answer.is_object());
  EXPECT_EQ(answer["schema"], "kts.doctor/1");
  EXPECT_THAT(Program::run({kKts, "doctor"}).out, HasSubstr("cpu backend"));
}

TEST_F(RunCli, AnExporterThatIsNoneOfThisMachinesIsBadInput) {
  const auto refused = [&](std::vector<std::string> arguments, const std::string& why) {
    std::vector<std::string> command{kKts, "run", "study", "--out", path("run")};
    command.insert(command.end(), arguments.begin(), arguments.end());
    const Outcome outcome = Program::run(command);
    EXPECT_EQ(outcome.exit, 2) << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr(why));
    EXPECT_FALSE(exists("run"));
  };
  refused({"--dcgm", "localhost:9400"}, "'localhost:9400' is no URL of a DCGM exporter");
  refused({"--on", "kubernetes", "--dcgm", "http://x/metrics"}, "is for runs on this machine");
}

TEST_F(RunCli, ScenarioShowsWhatCheckAccepts) {
  const Outcome shown = Program::run({kKts, "scenario", "show", "study", "--device", "cpu"});
  ASSERT_EQ(shown.exit, 0);
  ASSERT_TRUE(write_file(path("study.yaml"), shown.out));
  EXPECT_EQ(Program::run({kKts, "scenario", "check", path("study.yaml")}).exit, 0);
  EXPECT_THAT(Program::run({kKts, "scenario", "list"}).out,
              AllOf(HasSubstr("study "), HasSubstr("study-closed")));
  const Outcome wrong = Program::run({kKts, "scenario", "check", path("nowhere.yaml")});
  EXPECT_EQ(wrong.exit, 2);
  EXPECT_TRUE(one_line(wrong.err));
}

}  // namespace
}  // namespace kts::run_test
