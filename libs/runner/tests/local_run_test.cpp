// SPDX-License-Identifier: Apache-2.0
#include "kts/runner/local_run.hpp"

#include <gmock/gmock.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "environment.hpp"
#include "fixture.hpp"
#include "kts/workload/cost.hpp"

namespace kts::runner::local_run_test {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;
using namespace std::chrono_literals;
using Json = nlohmann::json;

std::vector<std::string> names_in(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

bool no_child_left() { return waitpid(-1, nullptr, WNOHANG) == -1 && errno == ECHILD; }

TEST_F(FakeRun, KernelTracesStandBesideTheLogs) {
  run_.scenario.device = "cuda";
  run_.trace_buffer_bytes = 2 << 20;
  const Status status = execute();
  ASSERT_TRUE(status) << to_line(status.error());
  EXPECT_THAT(names_in(run_.folder / "blocks/03-shared"),
              ElementsAre("block.json", "heavy.kernels.csv", "heavy.log", "light.kernels.csv",
                          "light.log"));
}

TEST_F(FakeRun, KernelsOfACpuOrOfOneProcessAreRefusedBeforeAnythingStarts) {
  run_.trace_buffer_bytes = 2 << 20;
  EXPECT_THAT(failure(), HasSubstr("this run is on a CPU"));
  EXPECT_FALSE(exists("blocks"));
  run_.scenario.device = "cuda";
  run_.scenario.sharing = "streams";
  EXPECT_THAT(failure(), HasSubstr("the agents are one process"));
  EXPECT_FALSE(exists("blocks"));
}

TEST_F(FakeRun, FolderHoldsEveryBlockWithItsLogsAndWindow) {
  const Status status = execute();
  ASSERT_TRUE(status) << to_line(status.error());
  EXPECT_THAT(names_in(run_.folder),
              ElementsAre("blocks", "environment.json", "scenario.yaml", "workers"));
  EXPECT_THAT(names_in(run_.folder / "blocks"),
              ElementsAre("01-solo-light", "02-solo-heavy", "03-shared", "04-shared",
                          "05-solo-heavy", "06-solo-light"));
  EXPECT_THAT(names_in(run_.folder / "blocks/03-shared"),
              ElementsAre("block.json", "heavy.log", "light.log"));
  EXPECT_THAT(names_in(run_.folder / "blocks/01-solo-light"),
              ElementsAre("block.json", "light.log"));

  const Json solo = Json::parse(text("blocks/01-solo-light/block.json"));
  EXPECT_EQ(solo["phase"], "solo");
  EXPECT_EQ(solo["neighbours"], "parked");
  EXPECT_EQ(solo["active"], Json({"light"}));
  EXPECT_EQ(solo["parked"], Json({"heavy"}));
  const Json shared = Json::parse(text("blocks/03-shared/block.json"));
  EXPECT_EQ(shared["active"], Json({"light", "heavy"}));
  EXPECT_EQ(
      shared["window_stop_ns"].get<std::int64_t>() - shared["window_start_ns"].get<std::int64_t>(),
      20'000'000);
  EXPECT_TRUE(no_child_left());
}

TEST_F(FakeRun, BlockLogsHoldTheBlocksRecordsAndNothingOfTheChannel) {
  ASSERT_TRUE(execute());
  const std::string log = text("blocks/03-shared/light.log");
  EXPECT_THAT(log, StartsWith("KTS_META,v2,"));
  EXPECT_THAT(log, HasSubstr("\nKTS_APP,v2,light,0,"));
  EXPECT_THAT(log, HasSubstr("\nKTS_END,v2,"));
  EXPECT_THAT(log, Not(HasSubstr("KTS_ACK")));
  EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), 22);  // META, 20 records, END
  const std::string aside = text("workers/light.log");
  EXPECT_THAT(aside, StartsWith("KTS_READY,v1,"));
  EXPECT_THAT(aside, Not(HasSubstr("KTS_APP")));
}

TEST_F(FakeRun, SaturatingNeighboursKeepRunningUntilOpenAgentsHaveDrained) {
  ASSERT_TRUE(execute());
  const auto records = [this](const char* path) {
    const std::string log = text(path);
    return std::count(log.begin(), log.end(), '\n') - 2;
  };
  EXPECT_GE(records("blocks/03-shared/heavy.log"), records("blocks/03-shared/light.log"));
  EXPECT_EQ(records("blocks/02-solo-heavy/heavy.log"), 20);
}

TEST_F(FakeRun, ScenarioAndEnvironmentSayHowTheRunWasMade) {
  ASSERT_TRUE(execute());
  EXPECT_EQ(scenario::parse(text("scenario.yaml"), "written").value(), run_.scenario);
  const Json environment = Json::parse(text("environment.json"));
  EXPECT_EQ(environment["device"]["kind"], "cpu");
  EXPECT_EQ(environment["device"]["name"], "Fake CPU");
  EXPECT_EQ(environment["sharing"], "time-slicing");
  EXPECT_EQ(environment["shared_core"], 1);
  EXPECT_EQ(environment["awake_cores"], nlohmann::json({0, 1}));
  EXPECT_EQ(environment["kernel"], "Linux test");
  EXPECT_THAT(environment["warnings"], IsEmpty());
  EXPECT_THAT(environment["inconclusive"], IsEmpty());
}

TEST_F(FakeRun, EachAgentsMemoryIsForetoldAskedForAndLookedAt) {
  ASSERT_TRUE(execute());
  const Json environment = Json::parse(text("environment.json"));
  ASSERT_EQ(environment["memory"].size(), 2U);
  std::uint64_t least = 0;
  for (const Json& agent : environment["memory"]) {
    EXPECT_GT(agent["predicted_bytes"], 0);
    EXPECT_EQ(agent["predicted"]["context"], workload::kCpuProcessBytes);
    EXPECT_EQ(agent["allocated_bytes"], 1024);  // as the fake worker says
    EXPECT_EQ(agent["measured_by"], "resident set");
    EXPECT_GT(agent["measured_bytes"], 100'000);
    EXPECT_FALSE(agent.contains("missing"));
    least = std::max(least, agent["measured_bytes"].get<std::uint64_t>());
  }
  EXPECT_GT(environment["memory_in_use_bytes"], least);
}

TEST(EnvironmentFile, SaysWhatASourceCostsAndWhyItIsAskedLess) {
  telemetry::SourceFacts slowed;
  slowed.name = "gpm";
  slowed.file = "gpm.csv";
  slowed.asked_every = 5s;
  slowed.stretched = "after 3 of 4 looks";
  slowed.opening_cpu = 20ms;
  slowed.look_cpu = 8ms;
  telemetry::SourceFacts seen_once = slowed;
  seen_once.stretched.clear();
  seen_once.look_cpu.reset();
  Environment told;
  told.telemetry = {slowed, seen_once};
  const Json sources = Json::parse(to_json(told))["telemetry"];
  EXPECT_EQ(sources[0]["asked_every_s"], 5.0);
  EXPECT_EQ(sources[0]["stretched"], "after 3 of 4 looks");
  EXPECT_EQ(sources[0]["opening_cpu_s"], 0.02);
  EXPECT_EQ(sources[0]["look_cpu_s"], 0.008);
  EXPECT_FALSE(sources[1].contains("stretched"));
  EXPECT_FALSE(sources[1].contains("look_cpu_s"));
}

TEST_F(FakeRun, AnExporterThatCantBeReadIsSaidAndTheRunGoesOn) {
  run_.dcgm_url = "http://127.0.0.1:1/metrics";
  ASSERT_TRUE(execute());
  const Json environment = Json::parse(text("environment.json"));
  ASSERT_EQ(environment["telemetry"].size(), 1U);
  EXPECT_EQ(environment["telemetry"][0]["source"], "dcgm");
  EXPECT_THAT(environment["telemetry"][0]["missing"].get<std::string>(), HasSubstr(run_.dcgm_url));
  EXPECT_FALSE(environment["telemetry"][0].contains("file"));
  EXPECT_THAT(progress_.notes, Contains(HasSubstr("no telemetry from dcgm: " + run_.dcgm_url)));
}

TEST_F(FakeRun, ProgressEndsWithEveryBlockDoneAndNothingLeft) {
  ASSERT_TRUE(execute());
  ASSERT_EQ(progress_.done.size(), 6U);
  EXPECT_EQ(progress_.done.back().remaining, 0ns);
  EXPECT_EQ(progress_.done[2].what, "shared");
  EXPECT_EQ(progress_.done[2].rates.size(), 2U);
  EXPECT_GT(progress_.done[0].rates.at(0).per_second, 0);
}

TEST_F(FakeRun, BlocksTooShortForThirtyIterationsAreLengthenedWithANotice) {
  misbehave("slow", "heavy");
  ASSERT_TRUE(execute());
  EXPECT_THAT(
      progress_.notes,
      Contains("blocks with heavy last 30ms, not 20ms: 30 of its iterations take that long"));
  const Json light = Json::parse(text("blocks/01-solo-light/block.json"));
  const Json shared = Json::parse(text("blocks/03-shared/block.json"));
  const auto length = [](const Json& block) {
    return block["window_stop_ns"].get<std::int64_t>() -
           block["window_start_ns"].get<std::int64_t>();
  };
  EXPECT_EQ(length(light), 20'000'000);
  EXPECT_EQ(length(shared), 30'000'000);
}

TEST_F(FakeRun, OfSeveralAgentsThatNeedLongerBlocksOneIsNamedAndTheOthersAreCounted) {
  misbehave("slow");
  ASSERT_TRUE(execute());
  EXPECT_EQ(std::ranges::count_if(
                progress_.notes, [](const auto& note) { return note.starts_with("blocks with "); }),
            1);
  EXPECT_THAT(progress_.notes, Contains(HasSubstr("of its iterations take that long; 1 more")));
}

TEST_F(FakeRun, OutputOfLibrariesIsKeptAndPassedOver) {
  misbehave("chatty");
  ASSERT_TRUE(execute());
  EXPECT_THAT(text("blocks/01-solo-light/light.log"), HasSubstr("\na library says hello\n"));
}

TEST_F(FakeRun, OneCoreIsAWarningInTheEnvironment) {
  run_.cpu.allowed_cores = {0};
  ASSERT_TRUE(execute());
  EXPECT_THAT(Json::parse(text("environment.json"))["warnings"].at(0).get<std::string>(),
              HasSubstr("only core 0 may be used"));
}

TEST_F(FakeRun, ADamagedEnvironmentOfARunThatGoesOnIsKeptBeside) {
  ASSERT_TRUE(execute());
  const std::filesystem::path environment = run_.folder / "environment.json";
  ASSERT_TRUE(write_file(environment, R"({"inconclusive": ["the first)"));
  run_.first_block = 10;
  ASSERT_TRUE(run_locally(run_, progress_));
  EXPECT_EQ(text("environment.json.damaged"), R"({"inconclusive": ["the first)");
  EXPECT_THAT(Json::parse(text("environment.json"))["warnings"].at(0).get<std::string>(),
              HasSubstr("kept as environment.json.damaged"));
}

TEST_F(FakeRun, SixtyFourAgentsOnOneCoreRunWithAWarning) {
  const scenario::AgentSpec light = run_.scenario.agents[0];
  run_.scenario.agents.clear();
  for (int i = 0; i < 64; ++i) {
    run_.scenario.agents.push_back(light);
    run_.scenario.agents.back().name = "a" + std::to_string(i);
  }
  run_.scenario.plan.cycles = 1;
  const Status status = execute();
  ASSERT_TRUE(status) << to_line(status.error());
  EXPECT_THAT(progress_.notes, Contains(HasSubstr("64 agents share 1 core")));
  EXPECT_THAT(names_in(run_.folder / "blocks"), ElementsAre("01-solo-a0", "02-shared"));
  EXPECT_EQ(names_in(run_.folder / "blocks/02-shared").size(), 65U);
}

TEST_F(FakeRun, ACrashInABlockNamesTheAgentItsEndAndItsLastWords) {
  misbehave("crash-block", "heavy");
  const Status status = execute();
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kInternal);
  EXPECT_EQ(to_line(status.error()),
            "agent heavy: killed by signal 9 (SIGKILL) in block 2 (solo heavy); last words: out of "
            "fake memory");
  // What was measured until then is kept, the broken block without its block.json.
  EXPECT_TRUE(exists("blocks/01-solo-light/block.json"));
  EXPECT_THAT(text("blocks/02-solo-heavy/heavy.log"), HasSubstr("KTS_APP,v2,heavy,0,"));
  EXPECT_FALSE(exists("blocks/02-solo-heavy/block.json"));
  EXPECT_TRUE(exists("environment.json"));
  EXPECT_TRUE(no_child_left());
}

TEST_F(FakeRun, ACrashBeforeTheFirstBlockIsToldAsSuch) {
  misbehave("crash-start", "light");
  EXPECT_EQ(failure(),
            "agent light: killed by signal 6 (SIGABRT) in its start-up; last words: the sky fell / "
            "on my head");
}

TEST_F(FakeRun, WhatTheWorkerJudgesKeepsItsExitCode) {
  misbehave("refuse", "light");
  const Status status = execute();
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kEnvironment);
  EXPECT_EQ(to_line(status.error()),
            "agent light in its start-up: no CUDA device; use --device cpu");
}

TEST_F(FakeRun, AgentsThatHangAreEndedAndNamed) {
  struct Case {
    const char* mode;
    Nanoseconds Timeouts::*timeout;
    const char* place;
  };
  for (const Case& c : {Case{"hang-start", &Timeouts::ready, "its start-up"},
                        Case{"hang-drain", &Timeouts::drain, "block 1 (solo light)"},
                        Case{"hang-finish", &Timeouts::answer, "block 1 (solo light)"},
                        Case{"hang-exit", &Timeouts::leave, "the end of the run"}}) {
    run_.folder = folder_.path() / c.mode;
    misbehave(c.mode, "light");
    const Timeouts usual = run_.timeouts;
    run_.timeouts.*c.timeout = 1s;
    const Status status = execute();
    run_.timeouts = usual;
    ASSERT_FALSE(status) << c.mode;
    EXPECT_EQ(status.error().code, ErrorCode::kInternal);
    EXPECT_THAT(to_line(status.error()),
                AllOf(StartsWith("agent light: no answer for "), HasSubstr(c.place)));
    EXPECT_TRUE(no_child_left());
  }
}

TEST_F(FakeRun, AQueueThatNeverEndsIsGivenUpAndTheRunGoesOn) {
  misbehave("overload", "light");
  const Status status = execute();
  ASSERT_TRUE(status) << to_line(status.error());
  EXPECT_THAT(text("blocks/01-solo-light/light.log"), HasSubstr("\"abandoned\":1000,"));
  EXPECT_THAT(text("blocks/06-solo-light/light.log"), HasSubstr("\"abandoned\":1000,"));
  EXPECT_TRUE(exists("blocks/06-solo-light/block.json"));
  // Told once for each set of active agents, not for each block.
  const auto told = [this](std::string_view when) {
    return std::ranges::count_if(progress_.notes, [&](const auto& note) {
      return note.starts_with("warning: light can't keep up: " + std::string(when)) &&
             note.ends_with("requests were not begun; they were given up");
    });
  };
  EXPECT_EQ(told("400ms after block 1 (solo light), 1000 of "), 1);
  // An agent that can't keep up alone isn't waited for as long beside others.
  EXPECT_EQ(told("2ms after block 3 (shared), 1000 of "), 1);
  EXPECT_EQ(told(""), 2);
  EXPECT_TRUE(no_child_left());
}

TEST_F(FakeRun, QueuesThatDoNotEndTakeNoMoreThanTheirPartOfThePlanInAll) {
  misbehave("overload-twice", "light");
  run_.scenario.plan.cycles = 3;
  const Status status = execute();
  ASSERT_TRUE(status) << to_line(status.error());
  const auto told = [this](const std::string& when) {
    return std::ranges::count_if(progress_.notes, [&](const auto& note) {
      return note.starts_with("warning: light can't keep up: " + when);
    });
  };
  EXPECT_EQ(told("400ms after block 1 (solo light)"), 1);
  // Nothing speaks for an overload by then, but the time is spent.
  EXPECT_EQ(told("2ms after block 9 (shared)"), 1);
}

TEST_F(FakeRun, AnAgentThatDoesNotGiveUpItsQueueIsEndedAndNamed) {
  misbehave("deaf", "light");
  run_.timeouts.drain = 1s;
  const Status status = execute();
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kInternal);
  EXPECT_THAT(to_line(status.error()), AllOf(StartsWith("agent light: no answer for 1s"),
                                             HasSubstr("block 1 (solo light)")));
  EXPECT_TRUE(no_child_left());
}

TEST_F(FakeRun, AnswersThatMakeNoSenseEndTheRunWithTheLine) {
  misbehave("garbage", "heavy");
  EXPECT_THAT(failure(), AllOf(StartsWith("agent heavy: malformed answer"),
                               HasSubstr("KTS_ACK,v1,{\"step\": 12")));
  run_.folder = folder_.path() / "second";
  misbehave("wrong-step", "heavy");
  EXPECT_THAT(failure(), StartsWith("agent heavy: unexpected answer in block 2 (solo heavy)"));
  run_.folder = folder_.path() / "third";
  misbehave("no-end", "heavy");
  EXPECT_THAT(failure(), StartsWith("agent heavy: no END line in block 2"));
}

TEST_F(FakeRun, AFloodIsStoppedBeforeItFillsTheDisk) {
  misbehave("flood", "heavy");
  EXPECT_THAT(failure(), StartsWith("agent heavy: more than 16.0 MiB of output that is no record"));
  EXPECT_LE(std::filesystem::file_size(run_.folder / "blocks/02-solo-heavy/heavy.log"), 17U << 20);
  EXPECT_TRUE(no_child_left());
}

TEST_F(FakeRun, AMissingWorkerIsAnEnvironmentError) {
  run_.worker = "/nowhere/kts-worker";
  const Status status = execute();
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kEnvironment);
}

TEST_F(FakeRun, AnInterruptEndsTheRunAndKeepsWhatItHas) {
  auto signals = process::SignalWatch::create({SIGINT});
  ASSERT_TRUE(signals);
  run_.signals = &*signals;
  run_.scenario.plan.cycles = 1000;
  // Comes when two blocks are done, whatever the machine's speed.
  class Interrupter final : public Progress {
   public:
    void note(std::string_view /*line*/) override {}
    void update(const ProgressState& /*state*/) override {}
    void block_done(const ProgressState& state) override {
      if (state.block == 2) raise(SIGINT);
    }
  } interrupter;
  ASSERT_TRUE(prepare_folder(run_.folder));
  const Status status = run_locally(run_, interrupter);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kInterrupted);
  EXPECT_THAT(to_line(status.error()), HasSubstr("interrupted by SIGINT"));
  EXPECT_TRUE(exists("blocks/0002-solo-heavy/block.json"));
  EXPECT_TRUE(exists("environment.json"));
  EXPECT_TRUE(no_child_left());
}

TEST_F(FakeRun, AFullDiskEndsTheRunWithTheFilesName) {
  const auto disk = folder_.path() / "disk";
  ASSERT_TRUE(make_directories(disk));
  if (mount("none", disk.c_str(), "tmpfs", 0, "size=256k") != 0) {
    GTEST_SKIP() << "cannot mount a small file system here: " << with_errno("mount", errno);
  }
  run_.folder = disk / "run";
  run_.scenario.plan.cycles = 1000;
  const Status status = execute();
  const bool kept = exists("blocks/0001-solo-light/block.json");
  umount2(disk.c_str(), MNT_DETACH);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kEnvironment);
  EXPECT_THAT(to_line(status.error()),
              AllOf(HasSubstr("No space left on device"), HasSubstr((disk / "run").string())));
  EXPECT_TRUE(kept);
  EXPECT_TRUE(no_child_left());
}

TEST_F(FakeRun, AFolderThatHoldsSomethingIsNotTouched) {
  ASSERT_TRUE(make_directories(run_.folder));
  ASSERT_TRUE(write_file(run_.folder / "precious", "x"));
  const Status status = prepare_folder(run_.folder);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kBadInput);
  EXPECT_EQ(prepare_folder(run_.folder / "precious").error().code, ErrorCode::kBadInput);
}

TEST_F(FakeRun, AFolderThatCannotBeMadeIsAnEnvironmentError) {
  if (geteuid() == 0) {
    const Status status = prepare_folder("/proc/kts-run");
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, ErrorCode::kEnvironment);
    return;
  }
  ASSERT_TRUE(make_directories(run_.folder));
  std::filesystem::permissions(
      run_.folder, std::filesystem::perms::owner_read | std::filesystem::perms::owner_exec);
  EXPECT_EQ(prepare_folder(run_.folder / "below").error().code, ErrorCode::kEnvironment);
}

}  // namespace
}  // namespace kts::runner::local_run_test
