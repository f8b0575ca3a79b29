// SPDX-License-Identifier: Apache-2.0
#include "kts/runner/memory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "kts/base/files.hpp"

namespace kts::runner::memory_test {
namespace {

using testing::HasSubstr;

constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;

std::vector<AgentMemory> agents() {
  std::vector<AgentMemory> agents(2);
  agents[0].agent = "router";
  agents[0].plan.operands = kGiB;
  agents[1].agent = "thinker";
  agents[1].plan.weights = 14 * kGiB;
  agents[1].plan.kv_cache = kGiB;
  return agents;
}

// Cards of the given sizes.
class Cards final : public device::GpuSource {
 public:
  explicit Cards(const std::vector<std::uint64_t>& sizes, bool mig = false) {
    for (const std::uint64_t size : sizes) {
      device::Gpu gpu;
      gpu.index = static_cast<int>(gpus_.size());
      gpu.name = "NVIDIA X";
      gpu.uuid = "GPU-" + std::to_string(gpu.index);
      gpu.memory_bytes = size;
      gpu.mig_enabled = mig;
      gpus_.push_back(gpu);
    }
  }
  Result<device::DriverInfo> driver() override { return device::DriverInfo{}; }
  Result<std::vector<device::Gpu>> gpus() override { return gpus_; }
  Result<device::GpuSample> sample(int /*index*/) override {
    device::GpuSample sample;
    sample.memory_used_bytes = used;
    return sample;
  }
  Result<std::vector<device::GpuProcess>> compute_processes(int /*index*/) override {
    return processes;
  }

  std::optional<std::uint64_t> used = 2 * kGiB;
  std::vector<device::GpuProcess> processes;

 private:
  std::vector<device::Gpu> gpus_;
};

TEST(Memory, SetThatFitsPasses) {
  EXPECT_TRUE(check_memory(agents(), {"X", 16 * kGiB, {}}));
  EXPECT_TRUE(check_memory(agents(), {"X", 18 * kGiB, 2 * kGiB}));
  EXPECT_TRUE(check_memory(agents(), {"X", {}, {}}));
}

TEST(Memory, SetThatCanNotFitIsRefusedWithTheSumAndTheSize) {
  const auto status = check_memory(agents(), {"NVIDIA X", 17 * kGiB, 2 * kGiB});
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kEnvironment);
  EXPECT_EQ(
      to_line(status.error()),
      "memory: the agents need 16.0 GiB together (router 1.0 GiB, thinker 15.0 GiB), NVIDIA X "
      "has 17.0 GiB, 2.0 GiB of it in use; take smaller shapes or fewer agents; what the driver "
      "needs "
      "comes on top");
  EXPECT_FALSE(check_memory(agents(), {"X", 1, 2 * kGiB}));
}

TEST(Memory, ASetThatFitsOnlyWithoutItsContextsIsTight) {
  std::vector<AgentMemory> all = agents();
  for (AgentMemory& agent : all) agent.context_bytes = kGiB / 2;
  const DeviceMemory card{"NVIDIA X", 16 * kGiB + kGiB / 2, {}};
  EXPECT_TRUE(check_memory(all, card));
  const MemoryOutlook tight = memory_outlook(all, card);
  EXPECT_TRUE(tight.tight);
  EXPECT_EQ(tight.text,
            "memory: the agents will hold about 17.0 GiB (router 1.5 GiB, thinker 15.5 GiB); "
            "NVIDIA X has 16.5 GiB, so that one of them may be refused");
  EXPECT_FALSE(memory_outlook(all, {"NVIDIA X", 17 * kGiB, {}}).tight);
  EXPECT_FALSE(memory_outlook(all, {"NVIDIA X", {}, {}}).tight);
}

TEST(Memory, OfManyAgentsTheLargestAreTold) {
  std::vector<AgentMemory> all(20, agents()[0]);
  all[17].agent = "large";
  all[17].plan.operands = 9 * kGiB;
  const std::string text = memory_outlook(all, {}).text;
  EXPECT_THAT(text, HasSubstr("28.0 GiB (large 9.0 GiB, router 1.0 GiB,"));
  EXPECT_THAT(text, HasSubstr(" and 12 more)"));
}

TEST(Memory, OfAMachineWhatIsFreeIsTold) {
  DeviceMemory machine = device_memory("cpu", nullptr);
  EXPECT_TRUE(machine.is_what_is_free);
  machine.total_bytes = 21 * kGiB;
  EXPECT_THAT(memory_outlook(agents(), machine).text,
              HasSubstr("; this machine has 21.0 GiB free"));
}

TEST(Memory, OnlyCardIsTheOneThatIsMeant) {
  Cards cards({80 * kGiB});
  const DeviceMemory memory = device_memory("cuda", &cards);
  EXPECT_EQ(memory.name, "NVIDIA X");
  EXPECT_EQ(memory.total_bytes, 80 * kGiB);
  EXPECT_EQ(memory.used_bytes, 2 * kGiB);
}

TEST(Memory, UseOfOneOfSeveralCardsIsNotGuessed) {
  Cards alike({80 * kGiB, 80 * kGiB});
  EXPECT_EQ(device_memory("cuda:1", &alike).total_bytes, 80 * kGiB);
  EXPECT_EQ(device_memory("cuda:1", &alike).used_bytes, std::nullopt);
  Cards different({80 * kGiB, 24 * kGiB});
  EXPECT_EQ(device_memory("cuda:1", &different).total_bytes, std::nullopt);
  Cards parted({80 * kGiB}, true);
  EXPECT_EQ(device_memory("cuda", &parted).total_bytes, std::nullopt);
  EXPECT_EQ(device_memory("cuda", nullptr).total_bytes, std::nullopt);
}

TEST(Memory, PredictionIsTheWorkloadsOnTheScenariosDevice) {
  scenario::Scenario scenario;
  scenario.device = "cuda:1";
  scenario.agents.resize(1);
  scenario.agents[0].name = "a";
  scenario.agents[0].workload = workload::complete("membw", {{"bytes", "3GiB"}}).value();
  ASSERT_EQ(predict_memory(scenario).size(), 1U);
  EXPECT_EQ(predict_memory(scenario)[0].plan.total(), 3 * kGiB);
  EXPECT_EQ(predict_memory(scenario)[0].predicted_bytes(), 3 * kGiB + workload::kCudaContextBytes);
  scenario.sharing = "mps";
  EXPECT_EQ(predict_memory(scenario)[0].context_bytes, workload::kCudaContextBytes);
  scenario.sharing = "streams";
  scenario.agents.push_back(scenario.agents[0]);
  EXPECT_EQ(predict_memory(scenario)[1].context_bytes, workload::kCudaContextBytes / 2);
  scenario.device = "cpu";
  EXPECT_EQ(predict_memory(scenario)[0].context_bytes,
            workload::kCpuAgentBytes + workload::kCpuProgramBytes / 2);
  scenario.sharing = "time-slicing";
  EXPECT_EQ(predict_memory(scenario)[0].context_bytes, workload::kCpuProcessBytes);
}

TEST(Memory, WhatGrowsIsSaidToGoBeyondItsPrediction) {
  scenario::Scenario scenario;
  scenario.device = "cuda";
  scenario.agents.resize(1);
  scenario.agents[0].name = "grower";
  scenario.agents[0].workload =
      workload::complete("grow", {{"step", "1GiB"}, {"limit", "64GiB"}}).value();
  std::vector<AgentMemory> all = predict_memory(scenario);
  EXPECT_THAT(memory_outlook(all, {"NVIDIA X", 80 * kGiB, {}}).text,
              HasSubstr("GiB, and grower takes more as it runs; NVIDIA X has 80.0 GiB"));
  EXPECT_THAT(to_json(all), HasSubstr(R"("grows":true)"));
}

TEST(Memory, WhatIsNotKnownIsNotInTheFile) {
  std::vector<AgentMemory> all = agents();
  all[0].missing = "nobody says";
  all[1].context_bytes = 5;
  all[1].allocated_bytes = 6;
  all[1].measured_bytes = 7;
  all[1].measured_by = "nvml";
  EXPECT_EQ(to_json(all),
            R"([{"agent":"router","predicted_bytes":1073741824,"predicted":{"weights":0,)"
            R"("kv_cache":0,"activations":0,"operands":1073741824,"workspace":0},)"
            R"("missing":"nobody says"},)"
            R"({"agent":"thinker","predicted_bytes":16106127365,"predicted":{)"
            R"("weights":15032385536,"kv_cache":1073741824,"activations":0,"operands":0,)"
            R"("workspace":0,"context":5},"allocated_bytes":6,"measured_bytes":7,)"
            R"("measured_by":"nvml"}])");
}

TEST(Memory, WhatARunTookOfACardIsWhatTheCardHoldsMore) {
  Cards cards({80 * kGiB});
  const device::Gpu card = cards.gpus().value().front();
  const CardsUse before = use_of_cards(cards);
  const std::vector<std::int64_t> ours{7, 8};
  EXPECT_EQ(taken_of_card(cards, card, before, ours), std::nullopt);  // nothing yet
  cards.used = 18 * kGiB;
  cards.processes = {
      {7, {}, "kts-worker"}, {8, {}, "kts-worker"}, {9, {}, "nvidia-cuda-mps-server"}};
  EXPECT_EQ(taken_of_card(cards, card, before, ours), 16 * kGiB);
  EXPECT_EQ(taken_of_card(cards, card, {}, ours), std::nullopt);
  cards.processes.push_back({10, {}, "python3"});
  EXPECT_EQ(taken_of_card(cards, card, before, ours), std::nullopt);
  EXPECT_TRUE(use_of_cards(cards).empty());  // nor does it count before
  cards.processes.clear();
  cards.used.reset();
  EXPECT_EQ(taken_of_card(cards, card, before, ours), std::nullopt);
  EXPECT_TRUE(use_of_cards(cards).empty());
}

TEST(Memory, ResidentSetIsReadFromTheProcess) {
  EXPECT_GT(resident_bytes(getpid()).value_or(0), 100'000U);
  const auto root = TemporaryDirectory::create().value();
  ASSERT_TRUE(make_directories(root.path() / "proc/7"));
  ASSERT_TRUE(write_file(root.path() / "proc/7/statm", "100 3 1 1 0 1 0\n"));
  EXPECT_EQ(resident_bytes(7, root.path()), 3U * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE)));
  EXPECT_EQ(resident_bytes(8, root.path()), std::nullopt);
}

}  // namespace
}  // namespace kts::runner::memory_test
