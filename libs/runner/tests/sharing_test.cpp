// SPDX-License-Identifier: Apache-2.0
// A local run in the modes that need more than workers, with fakes of both NVIDIA's program and the
// worker.
#include <gmock/gmock.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <tuple>

#include "fixture.hpp"
#include "kts/process/run.hpp"
#include "places.hpp"

namespace kts::runner::sharing_test {
namespace {

using testing::HasSubstr;
using testing::Not;

class SharedRun : public FakeRun {
 protected:
  SharedRun() {
    run_.scenario.device = "cuda";
    run_.mps_program = in_build("tests/fake-mps/nvidia-cuda-mps-control");
    setenv("CUDA_MPS_PIPE_DIRECTORY", nobody().c_str(), 1);
  }
  ~SharedRun() override {
    unsetenv("KTS_FAKE_MPS");
    unsetenv("KTS_FAKE_CLIENT_OF");
    unsetenv("CUDA_MPS_PIPE_DIRECTORY");
  }
  std::filesystem::path nobody() const { return folder_.path() / "nobody"; }
  // What the worker was given, from its first words.
  std::string given(const std::string& agent, const std::string& name) const {
    const std::string log = read_file(run_.folder / "workers" / (agent + ".log")).value_or("");
    const auto at = log.find(name + "=");
    if (at == std::string::npos) return "nothing";
    const auto begin = at + name.size() + 1;
    return log.substr(begin, log.find_first_of(" \n", begin) - begin);
  }
};

// Cards as a test says they are. The fake workers' is the first, and they all use it.
class Cards final : public device::GpuSource {
 public:
  explicit Cards(std::vector<device::Gpu> gpus) : gpus_(std::move(gpus)) {}
  Result<device::DriverInfo> driver() override { return environment_lacks("none"); }
  Result<std::vector<device::Gpu>> gpus() override { return gpus_; }
  Result<device::GpuSample> sample(int /*index*/) override { return device::GpuSample{}; }
  Result<std::vector<device::GpuProcess>> compute_processes(int /*index*/) override {
    return std::vector<device::GpuProcess>{{4711, 5'000'000'000, "trainer"}};
  }

 private:
  std::vector<device::Gpu> gpus_;
};
device::Gpu card(int index, std::string uuid, std::vector<std::string> instances = {}) {
  device::Gpu gpu;
  gpu.index = index;
  gpu.uuid = std::move(uuid);
  gpu.mig_enabled = !instances.empty();
  gpu.mig_instances = std::move(instances);
  return gpu;
}

TEST_F(SharedRun, TheDriversFiguresOfOneProcessAreRecordedButUnderMps) {
  Cards cards({card(0, "cpu:1")});
  run_.gpus = &cards;
  ASSERT_TRUE(execute());
  EXPECT_THAT(text("telemetry/processes.csv"), HasSubstr(",4711,,trainer,5000000000,,,"));
  run_.folder = folder_.path() / "mps";
  run_.scenario.sharing = "mps";
  const Status status = execute();
  ASSERT_TRUE(status) << to_line(status.error());
  EXPECT_THAT(text("telemetry/processes.csv"), HasSubstr(",4711,,trainer,,,,"));
  EXPECT_THAT(text("environment.json"),
              HasSubstr("\"memory_bytes\": \"under MPS the driver's figures are the server's\""));
}

class MpsRun : public SharedRun {
 protected:
  MpsRun() { run_.scenario.sharing = "mps"; }
};

TEST_F(MpsRun, HasADaemonOfItsOwnThatIsGoneAfterwards) {
  const Status status = execute();
  ASSERT_TRUE(status) << to_line(status.error());
  EXPECT_THAT(text("mps/control.log"), HasSubstr("Starting control daemon"));
  const std::string pipes = given("light", "pipes");
  EXPECT_THAT(pipes, HasSubstr("/tmp/kts-mps-"));
  EXPECT_FALSE(std::filesystem::exists(pipes));
}

TEST_F(MpsRun, AgentsDemandsReachTheirProcessesAlone) {
  run_.scenario.agents[1].mps = scenario::MpsSpec{75, true, std::int64_t{8} << 30};
  run_.scenario.device = "cuda:1";
  const Status status = execute();
  ASSERT_TRUE(status) << to_line(status.error());
  EXPECT_EQ(given("heavy", "threads"), "75");
  EXPECT_EQ(given("heavy", "priority"), "1");
  EXPECT_EQ(given("heavy", "memory"), "1=8192M");
  EXPECT_EQ(given("light", "threads"), "");
  EXPECT_EQ(given("light", "priority"), "0");
  EXPECT_EQ(given("light", "memory"), "");
}

TEST_F(MpsRun, AWorkerThatIsNoClientEndsTheRunBeforeItsFirstBlock) {
  setenv("KTS_FAKE_MPS", "deaf", 1);
  const Status status = execute();
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kEnvironment);
  EXPECT_THAT(to_line(status.error()), HasSubstr("not on MPS: light ("));
  EXPECT_THAT(to_line(status.error()), HasSubstr("the daemon has no client"));
  EXPECT_FALSE(exists("blocks/01-solo-light"));
  EXPECT_FALSE(std::filesystem::exists(given("light", "pipes")));
}

TEST_F(MpsRun, ADaemonThatDoesNotStartIsSaid) {
  setenv("KTS_FAKE_MPS", "refuse", 1);
  EXPECT_THAT(failure(), HasSubstr("the MPS daemon doesn't start (exit status 1)"));
}

TEST_F(MpsRun, MoreAgentsThanAServerTakesAreRefusedBeforeTheStart) {
  while (run_.scenario.agents.size() <= 48) {
    run_.scenario.agents.push_back(run_.scenario.agents.back());
    run_.scenario.agents.back().name = "heavy-" + std::to_string(run_.scenario.agents.size());
  }
  const Status status = execute();
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kEnvironment);
  EXPECT_THAT(to_line(status.error()), HasSubstr("49 agents, but an MPS server takes 48 clients"));
  EXPECT_FALSE(exists("mps"));
}

TEST_F(MpsRun, OnlyThoseThatAreThereAtOnceCountAgainstWhatAServerTakes) {
  while (run_.scenario.agents.size() <= 48) {
    run_.scenario.agents.push_back(run_.scenario.agents.back());
    run_.scenario.agents.back().name = "heavy-" + std::to_string(run_.scenario.agents.size());
  }
  run_.scenario.plan.order = scenario::Order::kMatrix;
  run_.scenario.plan.sets = {{"light", "heavy"}};
  run_.scenario.plan.others_absent = true;
  PlannedBlocks none({}, 1);
  run_.blocks = &none;
  const Status status = execute();
  EXPECT_TRUE(status) << to_line(status.error());
}

TEST_F(MpsRun, AClientsCrashIsToldWithWhatItMeansForTheOthers) {
  misbehave("crash-block", "heavy");
  const std::string line = failure();
  EXPECT_THAT(line, HasSubstr("agent heavy: killed by signal 9"));
  EXPECT_THAT(line, HasSubstr("one client's fault ends the others' work as well"));
  EXPECT_FALSE(std::filesystem::exists(given("heavy", "pipes")));
}

class PartitionRun : public MpsRun {
 protected:
  PartitionRun() { run_.scenario = in_partitions(run_.scenario); }
};

TEST_F(PartitionRun, EachAgentHasSmsOfItsOwnAndTheFolderSaysHowMany) {
  run_.scenario.agents[0].mps->partition_percent = 25;
  const Status status = execute();
  ASSERT_TRUE(status) << to_line(status.error());
  EXPECT_EQ(given("light", "partition"), "cpu:1/Dx/0");
  EXPECT_EQ(given("heavy", "partition"), "cpu:1/Dx/1");
  EXPECT_EQ(given("heavy", "threads"), "");
  EXPECT_THAT(text("mps/partitions.txt"), HasSubstr("Dx/0  -  4  -  32  Yes"));
  EXPECT_THAT(text("mps/partitions.txt"), HasSubstr("Dx/1  -  8  -  64  Yes"));
  EXPECT_THAT(text("scenario.yaml"), HasSubstr("partition: 25"));
}

TEST_F(PartitionRun, WhatIsNotAsAskedForEndsTheRunBeforeItsFirstBlock) {
  for (const auto& [mode, words] :
       {std::pair("whole", "makes no static partition of 8 chunks on cpu:1: Failed to fulfill"),
        std::pair("vacant", "not as asked for: light doesn't use its own"),
        std::pair("deaf", "not on MPS: light (")}) {
    setenv("KTS_FAKE_MPS", mode, 1);
    run_.folder = folder_.path() / mode;
    const Status status = execute();
    ASSERT_FALSE(status) << mode;
    EXPECT_EQ(status.error().code, ErrorCode::kEnvironment);
    EXPECT_THAT(to_line(status.error()), HasSubstr(words));
    EXPECT_THAT(to_line(status.error()), Not(HasSubstr("\n")));
    EXPECT_FALSE(exists("blocks/01-solo-light"));
  }
}

TEST_F(PartitionRun, MoreAgentsThanTheCardHasChunksAreRefused) {
  while (run_.scenario.agents.size() <= 16) {
    run_.scenario.agents.push_back(run_.scenario.agents.back());
    run_.scenario.agents.back().name = "heavy-" + std::to_string(run_.scenario.agents.size());
  }
  for (auto& agent : run_.scenario.agents) agent.mps->partition_percent = 5;
  EXPECT_THAT(failure(), HasSubstr("17 static partitions don't fit on the card, which has 16"));
}

// A daemon of ours that kts didn't start.
class ForeignDaemon {
 public:
  explicit ForeignDaemon(const std::filesystem::path& pipes)
      : command_{{"/bin/sh", "-c", "\"$0\" -d >/dev/null 2>&1 </dev/null",
                  in_build("tests/fake-mps/nvidia-cuda-mps-control")},
                 {"CUDA_MPS_PIPE_DIRECTORY=" + pipes.string(),
                  "CUDA_MPS_LOG_DIRECTORY=" + pipes.string()}} {
    EXPECT_TRUE(make_directories(pipes));
    EXPECT_TRUE(process::run(command_));
    command_.argv = {in_build("tests/fake-mps/nvidia-cuda-mps-control")};
    tell("get_server_list");  // it answers once it is up
  }
  ~ForeignDaemon() { tell("quit"); }
  ForeignDaemon(const ForeignDaemon&) = delete;
  ForeignDaemon& operator=(const ForeignDaemon&) = delete;

 private:
  void tell(const std::string& command) {
    process::RunOptions options;
    options.input = command + "\n";
    EXPECT_TRUE(process::run(command_, options));
  }
  process::Command command_;
};

TEST_F(SharedRun, TimeSlicingKeepsClearOfADaemonThatIsInForce) {
  const ForeignDaemon daemon(nobody());
  const Status status = execute();
  ASSERT_TRUE(status) << to_line(status.error());
  EXPECT_NE(given("light", "pipes"), nobody().string());
  EXPECT_THAT(given("light", "pipes"), HasSubstr("/tmp/kts-no-mps-"));
}

TEST_F(SharedRun, AWorkerThatAnotherDaemonHasCaughtEndsTheRunBeforeItsFirstBlock) {
  const ForeignDaemon daemon(nobody());
  setenv("KTS_FAKE_CLIENT_OF", nobody().c_str(), 1);
  const Status status = execute();
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kEnvironment);
  EXPECT_THAT(to_line(status.error()),
              HasSubstr("on the MPS of a daemon that kts didn't start: light ("));
  EXPECT_THAT(to_line(status.error()), Not(HasSubstr("\n")));
  EXPECT_FALSE(exists("blocks/01-solo-light"));
}

TEST_F(SharedRun, AStaleDaemonOfAnEarlierRunIsNamed) {
  const auto root = TemporaryDirectory::create("kts-mps", "/tmp").value();
  const ForeignDaemon daemon(root.path() / "pipe");
  // Of a process that started when the machine did, as none of our number can have.
  ASSERT_TRUE(write_file(root.path() / "owner", std::to_string(getpid()) + " 0\n"));
  const Status status = execute();
  ASSERT_TRUE(status) << to_line(status.error());
  EXPECT_THAT(text("environment.json"),
              HasSubstr("CUDA_MPS_PIPE_DIRECTORY=" + (root.path() / "pipe").string()));
}

TEST_F(SharedRun, MpsIsMeasuredOnADaemonOfItsOwnBesideAnotherOne) {
  const ForeignDaemon daemon(nobody());
  run_.scenario.sharing = "mps";
  const Status status = execute();
  ASSERT_TRUE(status) << to_line(status.error());
  EXPECT_THAT(given("light", "pipes"), Not(HasSubstr("nobody")));
}

class MigRun : public SharedRun {
 protected:
  MigRun() {
    run_.scenario.sharing = "mig";
    run_.gpus = &cards_;
  }
  Cards cards_{{card(0, "GPU-0", {"MIG-0a", "MIG-0b"}), card(1, "GPU-1", {"MIG-1a", "MIG-1b"}),
                card(2, "GPU-2", {"MIG-2a"}), card(3, "GPU-3")}};
};

TEST_F(MigRun, EachAgentHasAnInstanceOfTheCardAloneBeforeIt) {
  for (const auto& [device, first, second] :
       {std::tuple("cuda", "MIG-0a", "MIG-0b"), std::tuple("cuda:1", "MIG-1a", "MIG-1b")}) {
    run_.scenario.device = device;
    run_.folder = folder_.path() / device;
    const Status status = execute();
    ASSERT_TRUE(status) << to_line(status.error());
    EXPECT_EQ(given("light", "visible"), first);
    EXPECT_EQ(given("heavy", "visible"), second);
    for (const char* agent : {"light", "heavy"}) {
      EXPECT_EQ(given(agent, "device"), "cuda");
      EXPECT_THAT(given(agent, "pipes"), HasSubstr("/tmp/kts-no-mps"));
    }
  }
}

TEST_F(MigRun, TooFewInstancesAreRefusedBeforeTheFirstWorker) {
  for (const auto& [device, there] :
       {std::pair("cuda:2", 1), std::pair("cuda:3", 0), std::pair("cuda:4", 0)}) {
    run_.scenario.device = device;
    run_.folder = folder_.path() / device;
    const Status status = execute();
    ASSERT_FALSE(status) << device;
    EXPECT_EQ(status.error().code, ErrorCode::kEnvironment);
    EXPECT_THAT(to_line(status.error()),
                HasSubstr("--device " + std::string(device) + ": 2 agents, but the card has " +
                          std::to_string(there) + " MIG instances, and kts never changes them"));
    EXPECT_THAT(to_line(status.error()), Not(HasSubstr("\n")));
    EXPECT_EQ(given("light", "device"), "nothing");
  }
}

TEST_F(SharedRun, RunsInPartsAreTheSameBlocksInTheSameOrder) {
  run_.scenario.device = "cpu";
  run_.scenario.plan.cycles = 4;
  ASSERT_TRUE(prepare_folder(run_.folder));
  RunInParts parts(run_, progress_);
  ASSERT_TRUE(parts.begin());
  ASSERT_TRUE(parts.measure(1, 1));
  EXPECT_TRUE(exists("blocks/03-shared/block.json"));
  EXPECT_FALSE(exists("blocks/04-shared"));
  ASSERT_TRUE(parts.measure(2, 4));
  ASSERT_TRUE(parts.end());
  EXPECT_TRUE(exists("blocks/12-solo-light/block.json"));
  EXPECT_EQ(progress_.done.size(), 12U);
}

}  // namespace
}  // namespace kts::runner::sharing_test
