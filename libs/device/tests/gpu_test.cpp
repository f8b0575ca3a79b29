// SPDX-License-Identifier: Apache-2.0
#include "kts/device/gpu.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kts/base/files.hpp"
#include "places.hpp"

namespace kts::device::gpu_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::string kRecording = in_source("libs/device/tests/data/two_gpus.json");

TEST(Recording, AnswersWhatWasRecorded) {
  const auto source = open_recording(kRecording);
  ASSERT_TRUE(source) << to_line(source.error());
  EXPECT_EQ((*source)->driver().value().cuda, "13.0");
  const std::vector<Gpu> gpus = (*source)->gpus().value();
  ASSERT_EQ(gpus.size(), 2U);
  EXPECT_EQ(gpus[0].mig_enabled, false);
  EXPECT_EQ(gpus[1].mig_enabled, std::nullopt);
  EXPECT_EQ((*source)->compute_processes(1).value().at(0).name, "trainer");
}

// What an H200 answered while two agents shared it.
TEST(Recording, OfASharedH200) {
  const std::string path = in_source("libs/device/tests/data/h200_shared.json");
  const auto source = open_recording(path);
  ASSERT_TRUE(source) << to_line(source.error());
  EXPECT_EQ((*source)->driver().value().driver, "580.159.04");
  const Gpu gpu = (*source)->gpus().value().at(0);
  EXPECT_EQ(gpu.name, "NVIDIA H200");
  EXPECT_EQ(gpu.memory_bytes, 150754820096U);
  EXPECT_EQ(gpu.compute_mode, "default");
  EXPECT_EQ(gpu.mig_enabled, false);
  const GpuSample sample = (*source)->sample(0).value();
  EXPECT_EQ(sample.sm_clock_mhz, gpu.max_sm_clock_mhz);
  EXPECT_THAT(throttle_names(sample.clock_event_reasons.value()), IsEmpty());
  EXPECT_GT(sample.power_watts.value(), 500);
  const std::vector<GpuProcess> processes = (*source)->compute_processes(0).value();
  ASSERT_EQ(processes.size(), 2U);
  for (const GpuProcess& process : processes) {
    EXPECT_EQ(process.name, "kts-worker");
    EXPECT_GT(process.memory_bytes.value(), 800'000'000U);
  }
}

// All sources of an H200, of which an FFT and a GEMM held a part.
TEST(Recording, OfAllSourcesOfASharedH200) {
  const std::string path = in_source("libs/device/tests/data/h200_sources.json");
  const auto source = open_recording(path).value();
  EXPECT_EQ(source->gpus().value().at(0).name, "NVIDIA H200");
  EXPECT_EQ(source->gpm(0).value(), std::nullopt);  // of a first look
  const GpmSample busy = source->gpm(0).value().value();
  EXPECT_GT(busy.interval, std::chrono::milliseconds(100));
  EXPECT_NEAR(busy.sm_percent.value(), 91.09, 0.01);
  const auto counters = source->counters(0).value();
  EXPECT_EQ(counters.pcie_replays, 0U);
  EXPECT_EQ(counters.ecc_uncorrected, 0U);
  EXPECT_EQ(counters.pcie_received_kb_per_s, 10822U);
  const auto use = source->process_use(0, 0).value();
  ASSERT_EQ(use.size(), 2U);
  EXPECT_EQ(use[1].sm_percent, 19U);
  EXPECT_EQ(source->compute_processes(0).value().size(), 2U);
  EXPECT_THAT(source->xid_errors(0).value(), IsEmpty());
  EXPECT_TRUE(source->refusals(0).empty());
}

TEST(Recording, SamplesComeInTurnAndTheLastOneStays) {
  const auto source = open_recording(kRecording).value();
  EXPECT_EQ(source->sample(0).value().sm_clock_mhz, 1980U);
  EXPECT_EQ(source->sample(0).value().sm_clock_mhz, 1755U);
  EXPECT_EQ(source->sample(0).value().sm_clock_mhz, 1755U);
  EXPECT_EQ(source->sample(1).value().power_watts, std::nullopt);
}

TEST(Recording, IsWrittenAsItIsRead) {
  const auto folder = TemporaryDirectory::create().value();
  const std::string text = to_recording(*open_recording(kRecording).value(), 2).value();
  ASSERT_TRUE(write_file(folder.path() / "again.json", text));
  EXPECT_EQ(to_recording(*open_recording(folder.path() / "again.json").value(), 2).value(), text);
}

// A card that loses its power reading, is lost for one look, and comes back throttled; a PID that
// another process gets; a counter that wraps.
TEST(Recording, ReplaysARunInWhichThingsHappen) {
  const auto source = open_recording(in_source("libs/device/tests/data/eventful.json")).value();
  EXPECT_EQ(source->sample(0).value().power_watts, 412.5);
  EXPECT_EQ(source->sample(0).value().power_watts, std::nullopt);
  EXPECT_THAT(source->sample(0).error().message, HasSubstr("lost"));
  EXPECT_THAT(throttle_names(source->sample(0).value().clock_event_reasons.value()),
              ElementsAre("power cap"));
  EXPECT_EQ(source->compute_processes(0).value().at(0).name, "kts-worker");
  EXPECT_EQ(source->compute_processes(0).value().at(0).name, "trainer");
  EXPECT_EQ(source->counters(0).value().pcie_replays, 4294967290U);
  EXPECT_EQ(source->counters(0).value().pcie_replays, 4U);
  EXPECT_EQ(source->gpm(0).value(), std::nullopt);
  EXPECT_EQ(source->gpm(0).value().value().sm_percent, 91.5);
  EXPECT_EQ(source->process_use(0, 0).value().size(), 2U);
  EXPECT_THAT(source->process_use(0, 0).value(), IsEmpty());
  EXPECT_THAT(source->xid_errors(0).value(), IsEmpty());
  EXPECT_THAT(source->xid_errors(0).value(), ElementsAre(31U));
  EXPECT_THAT(source->xid_errors(0).value(), IsEmpty());
  EXPECT_EQ(source->refusals(0).at("ecc_corrected"), "Not Supported");
}

TEST(Recording, WhatASourceLackedItLacksForGood) {
  const auto source = open_recording(kRecording).value();
  EXPECT_EQ(source->gpm(0).error().code, ErrorCode::kEnvironment);
  const std::string text = to_recording(*source, 2).value();
  const auto folder = TemporaryDirectory::create().value();
  ASSERT_TRUE(write_file(folder.path() / "again.json", text));
  const auto again = open_recording(folder.path() / "again.json").value();
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(again->xid_errors(0).error().message, source->xid_errors(0).error().message);
  }
}

TEST(Recording, UnknownGpuIsAnEnvironmentError) {
  const auto source = open_recording(kRecording).value();
  EXPECT_EQ(source->sample(2).error().code, ErrorCode::kEnvironment);
}

TEST(Recording, WhatIsNoRecordingIsRefused) {
  const auto folder = TemporaryDirectory::create().value();
  const auto path = folder.path() / "r.json";
  for (const char* text : {"", "[]", "{}", R"({"schema": "x"})", R"({"schema": "kts.gpus/1"})",
                           R"({"schema": "kts.gpus/1", "driver": 3, "cuda": "", "gpus": []})"}) {
    ASSERT_TRUE(write_file(path, text));
    const auto source = open_recording(path);
    ASSERT_FALSE(source) << text;
    EXPECT_EQ(source.error().code, ErrorCode::kBadInput);
    EXPECT_THAT(to_line(source.error()), HasSubstr("not a recording of GPUs"));
  }
}

TEST(ThrottleNames, IdleAndSetClocksAreNoThrottling) {
  EXPECT_THAT(throttle_names(0x1 | 0x2 | 0x10 | 0x100), IsEmpty());
  EXPECT_THAT(throttle_names(0x4 | 0x40), ElementsAre("power cap", "hardware thermal"));
}

}  // namespace
}  // namespace kts::device::gpu_test
