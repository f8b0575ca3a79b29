// SPDX-License-Identifier: Apache-2.0
#include "kts/telemetry/dcgm.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kts/telemetry/prometheus.hpp"

namespace kts::telemetry::dcgm_test {
namespace {

using testing::ElementsAre;
using testing::Pair;
using std::chrono_literals::operator""s;

TEST(Prometheus, ASampleHasNameLabelsAndValue) {
  const auto sample = parse_metric(
      R"(DCGM_FI_DEV_GPU_UTIL{gpu="0",UUID="GPU-1",modelName="NVIDIA H200",pod=""} 97)");
  ASSERT_TRUE(sample);
  EXPECT_EQ(sample->name, "DCGM_FI_DEV_GPU_UTIL");
  EXPECT_THAT(sample->labels, ElementsAre(Pair("UUID", "GPU-1"), Pair("gpu", "0"),
                                          Pair("modelName", "NVIDIA H200"), Pair("pod", "")));
  EXPECT_EQ(sample->value, 97);
}

TEST(Prometheus, WhatItsFormatAllows) {
  EXPECT_EQ(parse_metric("up 1")->value, 1);
  EXPECT_EQ(parse_metric("up{} 1 1700000000000")->value, 1);
  EXPECT_EQ(parse_metric("x{a=\"1\",} +2.5e-3")->value, 2.5e-3);
  EXPECT_EQ(parse_metric("x { a = \"1\" , b = \"2\" } -4\r")->labels.size(), 2U);
  EXPECT_EQ(parse_metric(R"(x{a="q\"uo\\te\nd"} 1)")->labels.at("a"), "q\"uo\\te\nd");
}

TEST(Prometheus, WhatIsNoSample) {
  for (const char* line : {"", "# HELP up", "up", "up NaN", "up +Inf", "up{a=\"1\" 1", "up{a=1} 1",
                           "up{a=\"1} 1", "{a=\"1\"} 1", "up 1x", "up{a=\"1\" b=\"2\"} 1"}) {
    EXPECT_FALSE(parse_metric(line)) << line;
  }
}

// On a shared card the exporter says the card's values once for every pod.
TEST(Dcgm, ACardCountsOnce) {
  DcgmPage page;
  page.take("# TYPE DCGM_FI_DEV_GPU_UTIL gauge");
  page.take(R"(DCGM_FI_DEV_GPU_UTIL{gpu="0",UUID="GPU-1",pod="a"} 97)");
  page.take(R"(DCGM_FI_DEV_GPU_UTIL{gpu="0",UUID="GPU-1",pod="b"} 97)");
  page.take(R"(DCGM_FI_PROF_SM_ACTIVE{gpu="0",UUID="GPU-1",pod="a"} 0.913)");
  page.take(R"(DCGM_FI_DEV_POWER_USAGE{gpu="1",UUID="GPU-2"} 118.2)");
  page.take(R"(DCGM_FI_DEV_POWER_USAGE{gpu="1",UUID="GPU-2",GPU_I_ID="1"} 60)");
  page.take(R"(DCGM_FI_DEV_XID_ERRORS{gpu="0",UUID="GPU-1"} 0)");
  page.take(R"(DCGM_FI_DEV_SM_CLOCK{gpu="0"} 1980)");
  ASSERT_EQ(page.cards().size(), 2U);
  EXPECT_EQ(csv_row(5, "GPU-1", page.cards().at("GPU-1")), "5,GPU-1,97,,0.913,,,,,\n");
  EXPECT_EQ(csv_row(5, "GPU-2", page.cards().at("GPU-2")), "5,GPU-2,,,,,118.2,,,\n");
  EXPECT_EQ(dcgm_csv_header(),
            "epoch_ns,uuid,gpu_util_percent,mem_copy_util_percent,sm_active_ratio,"
            "dram_active_ratio,power_watts,sm_clock_mhz,memory_clock_mhz,temperature_celsius\n");
}

TEST(Dcgm, TheRenewalIsTheTimeBetweenChanges) {
  RenewalRate rate;
  DcgmReading reading;
  for (int second = 0; second < 95; ++second) {
    reading.values[4] = 100 + second / 30;
    EXPECT_EQ(rate.see(MonotonicTime(second * 1s), reading), second > 0 && second % 30 == 0);
  }
  EXPECT_EQ(rate.interval(), 30s);
}

TEST(Dcgm, ARenewalThatNeverCameIsNotKnown) {
  RenewalRate rate;
  for (int second = 0; second < 20; ++second) rate.see(MonotonicTime(second * 1s), {});
  EXPECT_FALSE(rate.interval());
}

}  // namespace
}  // namespace kts::telemetry::dcgm_test
