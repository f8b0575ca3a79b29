// SPDX-License-Identifier: Apache-2.0
#include "kts/runner/memory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "kts/base/files.hpp"

namespace kts::runner {
namespace {

using testing::HasSubstr;

constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;

std::vector<AgentMemory> agents() {
  return {{"router", kGiB, {}, {}}, {"thinker", 15 * kGiB, {}, {}}};
}

// Cards of the given sizes.
class Cards final : public device::GpuSource {
 public:
  explicit Cards(const std::vector<std::uint64_t>& sizes, bool mig = false) {
    for (const std::uint64_t size : sizes) {
      device::Gpu gpu;
      gpu.index = static_cast<int>(gpus_.size());
      gpu.name = "NVIDIA X";
      gpu.memory_bytes = size;
      gpu.mig_enabled = mig;
      gpus_.push_back(gpu);
    }
  }
  Result<device::DriverInfo> driver() override { return device::DriverInfo{}; }
  Result<std::vector<device::Gpu>> gpus() override { return gpus_; }
  Result<device::GpuSample> sample(int /*index*/) override {
    device::GpuSample sample;
    sample.memory_used_bytes = 2 * kGiB;
    return sample;
  }
  Result<std::vector<device::GpuProcess>> compute_processes(int /*index*/) override {
    return std::vector<device::GpuProcess>{};
  }

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
      "has 17.0 GiB, 2.0 GiB of it in use; take smaller shapes or fewer agents; what libraries "
      "and the driver need comes on top");
  EXPECT_FALSE(check_memory(agents(), {"X", 1, 2 * kGiB}));
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
  EXPECT_EQ(predict_memory(scenario)[0].predicted_bytes, 3 * kGiB);
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
}  // namespace kts::runner
