// SPDX-License-Identifier: Apache-2.0
// Sharing modes as a user types them: threads of one process and kts modes with the real worker on
// the CPU, MPS with fakes of NVIDIA's program and of the worker.
#include <gmock/gmock.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "kts/base/files.hpp"
#include "places.hpp"
#include "program.hpp"

namespace kts::modes_test {
namespace {

using testing::AnyOf;
using testing::HasSubstr;
using testing::Not;
using Json = nlohmann::json;

// A variable of programs that are run meanwhile.
class Environment {
 public:
  Environment(const char* name, const std::string& value) : name_(name) {
    if (const char* earlier = std::getenv(name)) earlier_ = earlier;
    setenv(name, value.c_str(), 1);
  }
  ~Environment() {
    if (earlier_) {
      setenv(name_, earlier_->c_str(), 1);
    } else {
      unsetenv(name_);
    }
  }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  const char* name_;
  std::optional<std::string> earlier_;
};

class ModesCli : public testing::Test {
 protected:
  std::string path(const std::string& name) const { return (folder_.path() / name).string(); }
  std::string text(const std::string& name) const {
    return read_file(folder_.path() / name).value_or("no such file");
  }
  bool exists(const std::string& name) const {
    return std::filesystem::exists(folder_.path() / name);
  }
  std::string scenario(const std::string& more = {}, int cycles = 5,
                       const std::string& block = "40ms") {
    const std::string file = path("pair.yaml");
    EXPECT_TRUE(write_file(file, "schema: kts.scenario/1\nname: pair\nplan: {cycles: " +
                                     std::to_string(cycles) + ", block: " + block +
                                     "}\nagents:\n"
                                     "  - name: light\n"
                                     "    workload: {kind: fft, size: 64}\n"
                                     "    arrival: {process: poisson, rate: 200}\n"
                                     "  - name: heavy\n"
                                     "    workload: {kind: gemm, size: 64}\n"
                                     "    arrival: {process: saturate}\n" +
                                     more));
    return file;
  }
  static Json end_of(const std::string& log) {
    const auto at = log.rfind("KTS_END,v2,");
    return at == std::string::npos ? Json() : Json::parse(log.substr(at + 11));
  }

  TemporaryDirectory folder_ = TemporaryDirectory::create().value();
};

TEST_F(ModesCli, StreamsRunsEveryAgentInOneProcess) {
  const Outcome outcome = Program::run(
      {kKts, "run", scenario(), "--device", "cpu", "--sharing", "streams", "--out", path("run")});
  ASSERT_THAT(outcome.exit, AnyOf(0, 5)) << outcome.err;
  std::vector<std::string> pids;
  for (const char* agent : {"light", "heavy"}) {
    const std::string log = text("run/workers/" + std::string(agent) + ".log");
    const auto at = log.find("\"pid\":");
    ASSERT_NE(at, std::string::npos) << log;
    pids.push_back(log.substr(at + 6, log.find_first_of(",}", at) - at - 6));
  }
  EXPECT_EQ(pids[0], pids[1]);
  EXPECT_TRUE(kill(std::atoi(pids[0].c_str()), 0) != 0 && errno == ESRCH);
  const std::string log = text("run/blocks/03-shared/light.log");
  EXPECT_THAT(log, HasSubstr("\"sharing\":\"streams\""));
  EXPECT_GT(end_of(log).at("iterations"), 0);
  EXPECT_EQ(Json::parse(text("run/blocks/01-solo-light/block.json")).at("neighbours"), "parked");
}

TEST_F(ModesCli, AnInterruptedRunInStreamsLeavesNoProcess) {
  pid_t host = -1;
  const Outcome outcome =
      Program::run({kKts, "run", scenario("", 200), "--device", "cpu", "--sharing", "streams",
                    "--out", path("run")},
                   [&](std::string_view line, pid_t pid) {
                     if (host > 0 || line.find("block 1/") == std::string_view::npos) return;
                     const std::string log = text("run/workers/light.log");
                     host = std::atoi(log.c_str() + log.find("\"pid\":") + 6);
                     kill(pid, SIGINT);
                   });
  EXPECT_EQ(outcome.exit, 130) << outcome.err;
  ASSERT_GT(host, 0);
  EXPECT_TRUE(kill(host, 0) != 0 && errno == ESRCH);
}

TEST_F(ModesCli, EveryModeIsARunAndTheComparisonComesAgainByteForByte) {
  const Outcome outcome =
      Program::run({kKts, "modes", scenario(), "--device", "cpu", "--json", "--out", path("all")});
  ASSERT_THAT(outcome.exit, AnyOf(0, 5)) << outcome.err;
  EXPECT_EQ(outcome.out, text("all/modes.json"));
  for (const char* file : {"modes.json", "modes.csv", "results.md", "report.html",
                           "modes/plan.json", "modes/exclusive-light/summary.json",
                           "modes/time-slicing/summary.json", "modes/streams/report.html"}) {
    EXPECT_TRUE(exists("all/" + std::string(file))) << file;
  }
  EXPECT_THAT(outcome.err, HasSubstr("mps beside heavy is left out: a CPU can't be shared"));
  const Json modes = Json::parse(text("all/modes.json"));
  EXPECT_EQ(modes.at("agent").at("name"), "light");
  EXPECT_EQ(modes.at("others"), Json::array());  // the other one saturates
  const Json& ways = modes.at("companies").at(0).at("modes");
  EXPECT_EQ(ways.size(), 5U);
  for (const Json& way : ways) {
    const bool here = way.at("way") == "time-slicing" || way.at("way") == "streams";
    EXPECT_EQ(way.at("measured"), here) << way;
    if (here) {
      EXPECT_GT(way.at("kept_ratio"), 0);
      EXPECT_TRUE(way.at("neighbours").at(0).contains("kept_ratio_ci_low"));
    }
    EXPECT_EQ(way.at("memory_in_use_bytes").is_null(), !here);
  }
  const Outcome again = Program::run({kKts, "report", path("all"), "--out", path("again")});
  EXPECT_EQ(again.exit, outcome.exit) << again.err;
  for (const char* file : {"modes.json", "modes.csv", "results.md", "report.html"}) {
    EXPECT_EQ(text("all/" + std::string(file)), text("again/" + std::string(file))) << file;
  }

  // What the ways are compared with is damaged.
  ASSERT_TRUE(write_file(path("all/modes/exclusive-light/environment.json"), "{"));
  const Outcome damaged = Program::run({kKts, "report", path("all")});
  EXPECT_EQ(damaged.exit, 5);
  EXPECT_THAT(damaged.err, HasSubstr("exit 5: light alone: environment.json is damaged"));
  EXPECT_THAT(text("all/modes.json"), HasSubstr("light alone: environment.json is damaged"));
}

TEST_F(ModesCli, AnInterruptionSaysWhereThingsAreAndHowToGoOn) {
  const auto interrupted_at = [&](std::string_view sign, const std::string& out,
                                  const std::string& block = "40ms") {
    const Outcome outcome = Program::run(
        {kKts, "modes", scenario("", 200, block), "--device", "cpu", "--out", path(out)},
        [&](std::string_view line, pid_t pid) {
          if (line.find(sign) != std::string_view::npos) kill(pid, SIGINT);
        });
    EXPECT_EQ(outcome.exit, 130) << outcome.err;
    return last_line(outcome.err);
  };
  const std::string line = interrupted_at("block 4/", "some");
  EXPECT_THAT(line, testing::StartsWith("kts modes: modes/exclusive-light: interrupted by SIGINT"));
  EXPECT_THAT(line, HasSubstr("what was measured is in " + path("some") + "; kts report " +
                              path("some") + " reads it; kts modes doesn't go on there"));
  EXPECT_THAT(Program::run({kKts, "report", path("some")}).exit, AnyOf(0, 5));
  EXPECT_THAT(interrupted_at("memory:", "none", "20s"),
              HasSubstr("no block was over yet; what the workers said is in " + path("none")));
}

TEST_F(ModesCli, WrongWishesAreOneLine) {
  const std::string variant = "variants:\n  - {name: v, sharing: mps, agents: [{name: nobody}]}\n";
  const Outcome unknown = Program::run({kKts, "modes", scenario(variant), "--device", "cpu"});
  EXPECT_EQ(unknown.exit, 2);
  EXPECT_TRUE(one_line(unknown.err)) << unknown.err;
  const Outcome mode =
      Program::run({kKts, "modes", scenario(), "--device", "cpu", "--modes", "mpss"});
  EXPECT_EQ(mode.exit, 2);
  EXPECT_THAT(mode.err, HasSubstr("no mode or variant is called 'mpss'; did you mean 'mps'?"));
  const Outcome nowhere = Program::run(
      {kKts, "modes", scenario(), "--device", "cpu", "--modes", "mps,mig", "--out", path("no")});
  EXPECT_EQ(nowhere.exit, 4);
  EXPECT_THAT(nowhere.err, HasSubstr("--modes: mps: a CPU can't be shared by 'mps'"));
  EXPECT_FALSE(exists("no"));
  const Outcome demands = Program::run(
      {kKts, "run", scenario("    mps: {threads: 75}\n"), "--device", "cpu", "--out", path("x")});
  EXPECT_EQ(demands.exit, 2);
  EXPECT_THAT(demands.err, HasSubstr("has no meaning in mode time-slicing"));
}

TEST_F(ModesCli, MpsIsProvenByItsClientListAndGoneAfterwards) {
  setenv("PATH", (in_build("tests/fake-mps") + ":" + std::getenv("PATH")).c_str(), 1);
  const std::vector<std::string> command{kKts,       "run",      scenario(),
                                         "--device", "cuda",     "--sharing",
                                         "mps",      "--worker", in_build("tests/kts_fake_worker")};
  auto argv = command;
  argv.insert(argv.end(), {"--out", path("run")});
  const Outcome outcome = Program::run(argv);
  EXPECT_THAT(outcome.exit, AnyOf(0, 5)) << outcome.err;
  EXPECT_THAT(text("run/mps/control.log"), HasSubstr("Starting control daemon"));
  const std::string log = text("run/workers/light.log");
  const auto at = log.find("pipes=") + 6;
  const std::string pipes = log.substr(at, log.find(' ', at) - at);
  EXPECT_THAT(pipes, HasSubstr("/tmp/kts-mps-"));
  EXPECT_FALSE(std::filesystem::exists(pipes));

  setenv("KTS_FAKE_MPS", "deaf", 1);
  argv = command;
  argv.insert(argv.end(), {"--out", path("deaf")});
  const Outcome deaf = Program::run(argv);
  unsetenv("KTS_FAKE_MPS");
  EXPECT_EQ(deaf.exit, 4);
  EXPECT_THAT(deaf.err, HasSubstr("not on MPS: light ("));
}

TEST_F(ModesCli, StaticPartitionsAreMeasuredOrTheReasonIsSaid) {
  const Environment path_with_fake("PATH", in_build("tests/fake-mps") + ":" + std::getenv("PATH"));
  const auto modes = [&](const std::string& out) {
    return Program::run({kKts, "modes", scenario("", 2), "--device", "cuda", "--modes",
                         "mps-partitions", "--rounds", "1", "--worker",
                         in_build("tests/kts_fake_worker"), "--out", path(out)});
  };
  const Outcome outcome = modes("parts");
  EXPECT_THAT(outcome.exit, AnyOf(0, 5)) << outcome.err;
  EXPECT_THAT(text("parts/modes/mps-partitions/mps/partitions.txt"), HasSubstr("Yes"));
  EXPECT_THAT(text("parts/results.md"), HasSubstr("mps-partitions: each agent has SMs of its own"));
  EXPECT_THAT(Program::run({kKts, "report", path("parts")}).exit, outcome.exit);

  const Environment whole("KTS_FAKE_MPS", "whole");
  EXPECT_THAT(modes("whole").err, HasSubstr("mps-partitions: left out: the MPS daemon makes no"));
}

TEST_F(ModesCli, DoctorNamesADaemonThatAnEarlierKtsLeftBehind) {
  // A driver with one card, and NVIDIA's program.
  const std::string driver = path("libnvidia-ml.so.1");
  std::filesystem::create_symlink(in_build("tests/libkts_fake_nvml.so"), driver);
  const Environment library("LD_LIBRARY_PATH", folder_.path().string());
  const Environment path_with_fake("PATH", in_build("tests/fake-mps") + ":" + std::getenv("PATH"));
  EXPECT_THAT(Program::run({kKts, "doctor"}).out,
              testing::AllOf(HasSubstr("GPU-fake"), HasSubstr("MPS static partitions"),
                             Not(HasSubstr("MPS daemon left over"))));

  const auto root = TemporaryDirectory::create("kts-mps", "/tmp").value();
  const std::string pipes = root.path() / "pipe";
  const Environment folder("CUDA_MPS_PIPE_DIRECTORY", pipes);
  const Environment logs("CUDA_MPS_LOG_DIRECTORY", root.path());
  ASSERT_TRUE(make_directories(pipes));
  // Of a process that started when the machine did, as none of our number can have.
  ASSERT_TRUE(write_file(root.path() / "owner", std::to_string(getpid()) + " 0\n"));
  const std::string start = "nvidia-cuda-mps-control -d >/dev/null 2>&1 </dev/null";
  ASSERT_EQ(Program::run({"/bin/sh", "-c", start}).exit, 0);
  const Outcome doctor = Program::run({kKts, "doctor"});
  EXPECT_EQ(Program::run({"/bin/sh", "-c", "echo quit | nvidia-cuda-mps-control"}).exit, 0);
  EXPECT_THAT(doctor.out, HasSubstr("MPS daemon left over an MPS daemon that an earlier kts"));
  EXPECT_THAT(doctor.out, HasSubstr("echo quit | CUDA_MPS_PIPE_DIRECTORY=" + pipes));
}

}  // namespace
}  // namespace kts::modes_test
