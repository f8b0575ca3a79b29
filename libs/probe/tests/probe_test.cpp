// SPDX-License-Identifier: Apache-2.0
#include "kts/probe/probe.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "kts/base/files.hpp"
#include "kts/workload/probe.hpp"
#include "places.hpp"

namespace kts::probe::probe_test {
namespace {

using analysis::DataSheet;
using analysis::find_figure;
using analysis::find_missing;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

class Probe : public testing::Test {
 protected:
  void SetUp() override {
    unsetenv("FAKE_PROBER");
    spec_.worker = in_build("tests/kts_fake_prober");
    spec_.device = "cuda";
  }
  void TearDown() override { unsetenv("FAKE_PROBER"); }
  ProbeSpec spec_;
};

TEST_F(Probe, FindsTheSliceAndTheSwitchOfAKnownCard) {
  const auto folder = TemporaryDirectory::create().value();
  spec_.traces = folder.path() / "traces";
  const auto probed = kts::probe::probe(spec_);
  ASSERT_TRUE(probed) << to_line(probed.error());
  const DataSheet& sheet = probed->sheet;
  EXPECT_EQ(sheet.device.name, "Fake GPU");
  for (const char* suffix : {"", "_full", "_k3", "_k4", "_k8"}) {
    const auto* slice = find_figure(sheet, std::string("time_slice") + suffix + "_ms");
    const auto* change = find_figure(sheet, std::string("context_switch") + suffix + "_ms");
    ASSERT_NE(slice, nullptr) << suffix;
    ASSERT_NE(change, nullptr) << suffix;
    EXPECT_NEAR(*slice->value.value, 2.091, 1e-3) << suffix;
    EXPECT_NEAR(*change->value.value, 0.152, 1e-3) << suffix;
    // Never surer than the clock's step.
    EXPECT_LE(*slice->value.ci_low, 2.091 - 30e-6) << suffix;
  }
  for (const char* suffix : {"", "_full"}) {
    const auto* slice = find_figure(sheet, std::string("time_slice_by_events") + suffix + "_ms");
    const auto* change =
        find_figure(sheet, std::string("context_switch_by_events") + suffix + "_ms");
    ASSERT_NE(slice, nullptr) << suffix;
    ASSERT_NE(change, nullptr) << suffix;
    EXPECT_NEAR(*slice->value.value, 2.091, 0.005) << suffix;
    EXPECT_NEAR(*change->value.value, 0.152, 0.003) << suffix;
  }
  EXPECT_EQ(sheet.agreements.size(), 4U);
  EXPECT_THAT(inconclusive(sheet), IsEmpty());
  EXPECT_NEAR(*find_figure(sheet, "turn_order_k4_ratio")->value.value, 1, 1e-9);
  EXPECT_NEAR(*find_figure(sheet, "round_robin_error_k8_ratio")->value.value, 0, 1e-3);
  EXPECT_NEAR(*find_figure(sheet, "clock64_in_gap_ratio")->value.value, 1, 1e-9);
  EXPECT_NEAR(*find_figure(sheet, "kernel_launch_us")->value.value, 2.501, 1e-3);
  EXPECT_NEAR(*find_figure(sheet, "event_pair_us")->value.value, 1.501, 1e-3);
  EXPECT_NEAR(*find_figure(sheet, "long_kernel_gap_ratio")->value.value, 1, 1e-3);
  EXPECT_NEAR(*find_figure(sheet, "turn_release_ms")->value.value, 2.091 + 2 * 0.152 - 0.152 - 0.1,
              1e-3);
  EXPECT_NEAR(*find_figure(sheet, "streams_gemm_beside_membw_ratio")->value.value, 0.5, 1e-9);
  for (const char* key : {"parked_speed_ratio", "parked_speed_streams_ratio"}) {
    const auto* speed = find_figure(sheet, key);
    ASSERT_NE(speed, nullptr) << key;
    EXPECT_NEAR(*speed->value.value, 1, 1e-9) << key;
    EXPECT_TRUE(speed->value.ci_low && speed->value.ci_high) << key;
  }
  EXPECT_NE(find_figure(sheet, "kernel_round_trip_parked_streams_us"), nullptr);
  EXPECT_NEAR(*find_figure(sheet, "chase_1024mib_ns")->value.value, 290, 1);
  EXPECT_NEAR(*find_figure(sheet, "tlb_reach_mib")->value.value, 32, 1e-9);
  EXPECT_NEAR(*find_figure(sheet, "tlb_hit_ns")->value.value, 210, 1);
  EXPECT_NEAR(*find_figure(sheet, "tlb_miss_ns")->value.value, 290, 1);
  EXPECT_NEAR(*find_figure(sheet, "tlb_reach_second_mib")->value.value, 4096, 1e-9);
  EXPECT_NEAR(*find_figure(sheet, "tlb_miss_second_ns")->value.value, 620, 1);
  EXPECT_NEAR(*find_figure(sheet, "tlb_refill_256_pages_us")->value.value, 0, 1e-9);
  EXPECT_THAT(find_missing(sheet, "tlb_reach_third_mib")->reason,
              HasSubstr("no slower again in up to 32768 MiB"));
  EXPECT_THAT(find_missing(sheet, "chase_65536mib_ns")->reason, HasSubstr("free memory"));
  // The card has everything else, this machine no MPS.
  for (const auto& missing : sheet.unavailable) {
    if (missing.key.starts_with("tlb_") || missing.key.starts_with("chase_")) continue;
    EXPECT_THAT(missing.key, testing::AnyOf(StartsWith("mps_"), HasSubstr("_mps_")));
    EXPECT_THAT(missing.reason, HasSubstr("nvidia-cuda-mps-control is not on the PATH"));
  }
  std::set<std::string> kinds;
  for (const auto& entry : std::filesystem::directory_iterator(spec_.traces)) {
    const std::string file = entry.path().filename().string();
    kinds.insert(file.substr(0, file.size() - std::string("-000-0.txt").size()));
    const auto trace = workload::parse_probe_trace(read_file(entry.path()).value_or(""), file);
    EXPECT_TRUE(trace) << to_line(trace.error());
  }
  EXPECT_THAT(kinds, testing::IsSupersetOf(
                         {"turns-k2", "turns-k2_full", "events-k2_full", "turns-k8", "clock"}));
}

TEST_F(Probe, QuickLeavesTheRestOutWithoutCallingItUnavailable) {
  spec_.quick = true;
  std::vector<std::string> said;
  spec_.progress = [&](std::string_view part) { said.emplace_back(part); };
  const auto probed = kts::probe::probe(spec_);
  ASSERT_TRUE(probed) << to_line(probed.error());
  EXPECT_NE(find_figure(probed->sheet, "time_slice_ms"), nullptr);
  EXPECT_EQ(find_figure(probed->sheet, "time_slice_k4_ms"), nullptr);
  EXPECT_THAT(probed->sheet.unavailable, IsEmpty());
  EXPECT_THAT(said, testing::Contains("two contexts"));
}

TEST_F(Probe, WhatAProberRefusesIsUnavailableWithItsReason) {
  setenv("FAKE_PROBER", "refuses", 1);
  spec_.quick = true;
  const auto probed = kts::probe::probe(spec_);
  ASSERT_TRUE(probed) << to_line(probed.error());
  EXPECT_THAT(probed->sheet.figures, IsEmpty());
  const auto* missing = find_missing(probed->sheet, "time_slice_ms");
  ASSERT_NE(missing, nullptr);
  EXPECT_THAT(missing->reason, HasSubstr("the fake refuses"));
  EXPECT_THAT(inconclusive(probed->sheet), Not(IsEmpty()));
}

TEST_F(Probe, AProberThatDiesIsNoEndlessWait) {
  setenv("FAKE_PROBER", "dies", 1);
  spec_.quick = true;
  const auto probed = kts::probe::probe(spec_);
  ASSERT_TRUE(probed) << to_line(probed.error());
  EXPECT_THAT(find_missing(probed->sheet, "kernel_launch_us")->reason, HasSubstr("the fake died"));
}

TEST_F(Probe, AnInterruptKeepsWhatWasMeasured) {
  setenv("FAKE_PROBER", "hangs", 1);
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe(ends.data()), 0);
  spec_.interrupt_fd = ends[0];
  spec_.progress = [&](std::string_view) { EXPECT_EQ(write(ends[1], "x", 1), 1); };
  const auto probed = kts::probe::probe(spec_);
  close(ends[0]);
  close(ends[1]);
  ASSERT_TRUE(probed) << to_line(probed.error());
  EXPECT_TRUE(probed->interrupted);
  EXPECT_EQ(find_missing(probed->sheet, "time_slice_ms")->reason, "interrupted");
}

TEST_F(Probe, WithoutTheDeviceItIsAnError) {
  spec_.worker = "/bin/false";
  EXPECT_FALSE(kts::probe::probe(spec_));
  spec_.worker = "/no/such/worker";
  EXPECT_FALSE(kts::probe::probe(spec_));
}

}  // namespace
}  // namespace kts::probe::probe_test
