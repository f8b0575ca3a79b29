// SPDX-License-Identifier: Apache-2.0
#include "kts/telemetry/sampler.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <semaphore>

#include "kts/base/files.hpp"

namespace kts::telemetry {
namespace {

using testing::HasSubstr;
using namespace std::chrono_literals;

// Tells of each look; refuses every second one.
class FakeSource final : public device::GpuSource {
 public:
  Result<device::DriverInfo> driver() override { return device::DriverInfo{}; }
  Result<std::vector<device::Gpu>> gpus() override { return std::vector<device::Gpu>(1); }
  Result<device::GpuSample> sample(int /*index*/) override {
    looks.release();
    if (++count_ % 2 == 0) return environment_lacks("busy");
    device::GpuSample sample;
    sample.sm_clock_mhz = 1980;
    sample.power_watts = 250.5;
    sample.clock_event_reasons = 0x44;
    return sample;
  }
  Result<std::vector<device::GpuProcess>> compute_processes(int /*index*/) override {
    return std::vector<device::GpuProcess>{};
  }
  std::counting_semaphore<> looks{0};

 private:
  int count_ = 0;
};

TEST(Sampler, EveryAnswerIsARowAndARefusedLookIsAGap) {
  const auto folder = TemporaryDirectory::create().value();
  const auto path = folder.path() / "nvml.csv";
  FakeSource source;
  auto sampler = Sampler::start(source, {3}, EpochOffset{}, path, 1ms);
  ASSERT_TRUE(sampler);
  for (int i = 0; i < 4; ++i) source.looks.acquire();
  const auto readings = (*sampler)->stop();
  ASSERT_TRUE(readings);
  EXPECT_GE(readings->size(), 2U);
  std::string expected(kCsvHeader);
  for (const Reading& reading : *readings) {
    EXPECT_EQ(reading.gpu, 3);
    expected += csv_row(reading);
  }
  EXPECT_EQ(read_file(path).value(), expected);
}

TEST(Sampler, StoppingDoesNotWaitForThePeriod) {
  const auto folder = TemporaryDirectory::create().value();
  FakeSource source;
  auto sampler = Sampler::start(source, {0}, EpochOffset{}, folder.path() / "nvml.csv", 10h);
  ASSERT_TRUE(sampler);
  source.looks.acquire();
  EXPECT_TRUE((*sampler)->stop());
}

TEST(Sampler, AFullDiskIsToldWithTheFile) {
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "no /dev/full here";
  FakeSource source;
  const auto sampler = Sampler::start(source, {0}, EpochOffset{}, "/dev/full", 1ms);
  ASSERT_FALSE(sampler);
  EXPECT_THAT(to_line(sampler.error()), HasSubstr("/dev/full"));
}

TEST(CsvRow, WhatIsNotReportedIsAnEmptyField) {
  Reading reading;
  reading.epoch_ns = 12;
  EXPECT_EQ(csv_row(reading), "12,0,,,,,,\n");
  reading.sample.clock_event_reasons = 0x24;
  reading.sample.utilisation_percent = 0;
  EXPECT_EQ(csv_row(reading), "12,0,,,,,0x24,0\n");
}

}  // namespace
}  // namespace kts::telemetry
