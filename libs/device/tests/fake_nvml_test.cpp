// SPDX-License-Identifier: Apache-2.0
// How NVML is asked, against a library that stands in for it.
#include "fake_nvml.hpp"

#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kts/device/gpu.hpp"
#include "places.hpp"

namespace kts::device::fake_nvml_test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class FakeDriver : public ::testing::Test {
 protected:
  FakeDriver() {
    library_ = dlopen(in_build("tests/libkts_fake_nvml.so").c_str(), RTLD_NOW | RTLD_LOCAL);
    driver_ = static_cast<testing::FakeNvml*>(dlsym(library_, "kts_fake_nvml"));
    *driver_ = {};
    source_ = open_nvml(in_build("tests/libkts_fake_nvml.so"), &clock_).value();
  }
  ~FakeDriver() override {
    source_.reset();
    EXPECT_EQ(driver_->gpm_allocated, 0);
    dlclose(library_);
  }
  // Waits out what GPM demands between two looks.
  Result<std::optional<GpmSample>> next_gpm() {
    clock_.advance(GpuSource::kShortestGpmInterval);
    return source_->gpm(0);
  }
  testing::FakeNvml& driver() { return *driver_; }
  GpuSource& source() { return *source_; }

 private:
  FakeClock clock_;
  void* library_ = nullptr;
  testing::FakeNvml* driver_ = nullptr;
  std::unique_ptr<GpuSource> source_;
};

TEST_F(FakeDriver, AFieldThatItRefusesIsEmptyAndItsWordsAreKept) {
  driver().power_status = kNvmlNotSupported;
  const GpuSample sample = source().sample(0).value();
  EXPECT_EQ(sample.sm_clock_mhz, 1980U);
  EXPECT_EQ(sample.memory_used_bytes, 40U);
  EXPECT_EQ(sample.power_watts, std::nullopt);
  EXPECT_EQ(source().refusals(0).at("power_watts"), "Not Supported");
  EXPECT_EQ(source().refusals(0).at("clock_event_reasons"), "the driver is too old");
  driver().power_status = kNvmlSuccess;
  EXPECT_EQ(source().sample(0).value().power_watts, 250.5);
  EXPECT_FALSE(source().refusals(0).contains("power_watts"));
}

TEST_F(FakeDriver, ProcessesUseIsCopiedIntoABufferOfTheSizeItNames) {
  driver().uses = {{11, 1'000'001, 60, 5, 0, 0}, {12, 1'000'002, 30, 4, 0, 0}};
  driver().grows_by = 3;
  const auto uses = source().process_use(0, 1'000'000).value();
  EXPECT_EQ(driver().asked_since, 1'000'000U);
  ASSERT_EQ(uses.size(), 5U);
  EXPECT_EQ(uses[0].pid, 11);
  EXPECT_EQ(uses[0].epoch_us, 1'000'001);
  EXPECT_EQ(uses[0].sm_percent, 60U);
  EXPECT_EQ(uses[1].memory_percent, 4U);
}

TEST_F(FakeDriver, PlacesThatWereNeverFilledAndOlderPeriodsAreNoUse) {
  driver().uses = {{0, 2'000'000, 60, 5, 0, 0},
                   {11, 1'000'000, 60, 5, 0, 0},
                   {12, 2'000'000, 3'000'000, 5, 0, 0},
                   {13, 2'000'000, 7, 5, 0, 0}};
  const auto uses = source().process_use(0, 1'000'000).value();
  ASSERT_EQ(uses.size(), 1U);
  EXPECT_EQ(uses[0].pid, 13);
}

TEST_F(FakeDriver, ACardThatNobodyUsedHasNoUseAndThatIsNoError) {
  EXPECT_THAT(source().process_use(0, 5).value(), IsEmpty());
}

TEST_F(FakeDriver, GpmIsOfTheTimeBetweenTwoLooks) {
  EXPECT_EQ(source().gpm(0).value(), std::nullopt);
  EXPECT_EQ(source().gpm(0).value(), std::nullopt) << "sooner than GPM allows";
  const GpmSample sample = next_gpm().value().value();
  EXPECT_EQ(sample.interval, GpuSource::kShortestGpmInterval);
  EXPECT_EQ(driver().gpm_asked.count, 5U);
  EXPECT_EQ(sample.graphics_percent, 11);
  EXPECT_EQ(sample.sm_percent, 12);
  EXPECT_EQ(sample.occupancy_percent, 13);
  EXPECT_EQ(sample.tensor_percent, 15);
  EXPECT_EQ(sample.dram_percent, 20);
  EXPECT_EQ(next_gpm().value().value().sm_percent, 12);
}

TEST_F(FakeDriver, AGpmMetricThatTheCardLacksIsEmpty) {
  driver().tensor_status = kNvmlNotSupported;
  EXPECT_EQ(source().gpm(0).value(), std::nullopt);
  const GpmSample sample = next_gpm().value().value();
  EXPECT_EQ(sample.tensor_percent, std::nullopt);
  EXPECT_EQ(sample.sm_percent, 12);
  EXPECT_EQ(source().refusals(0).at("tensor_percent"), "Not Supported");
}

TEST_F(FakeDriver, GpmWithoutPermissionSaysHowToGetIt) {
  driver().gpm_status = kNvmlNoPermission;
  const auto sample = source().gpm(0);
  ASSERT_FALSE(sample);
  EXPECT_EQ(sample.error().code, ErrorCode::kEnvironment);
  EXPECT_THAT(to_line(sample.error()), HasSubstr("Insufficient Permissions"));
  EXPECT_THAT(to_line(sample.error()), HasSubstr("NVreg_RestrictProfilingToAdminUsers=0"));
}

TEST_F(FakeDriver, AnOlderCardHasNoGpm) {
  driver().gpm_supported = 0;
  EXPECT_THAT(to_line(source().gpm(0).error()), HasSubstr("Hopper or later"));
}

TEST_F(FakeDriver, XidErrorsAreTakenWithoutWaitingForOne) {
  EXPECT_THAT(source().xid_errors(0).value(), IsEmpty());
  driver().xids = {31, 79};
  EXPECT_THAT(source().xid_errors(0).value(), ElementsAre(79U, 31U));
  EXPECT_THAT(source().xid_errors(0).value(), IsEmpty());
}

TEST_F(FakeDriver, CountersAreGivenEachByItself) {
  const GpuCounters counters = source().counters(0).value();
  EXPECT_EQ(counters.pcie_sent_kb_per_s, 1000U);
  EXPECT_EQ(counters.pcie_received_kb_per_s, 2000U);
  EXPECT_EQ(counters.pcie_replays, std::nullopt);
  EXPECT_EQ(counters.ecc_corrected, 7U);
  EXPECT_EQ(counters.ecc_uncorrected, 0U);
}

}  // namespace
}  // namespace kts::device::fake_nvml_test
