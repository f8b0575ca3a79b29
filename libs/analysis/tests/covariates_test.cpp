// SPDX-License-Identifier: Apache-2.0
// telemetry/dcgm.csv joined to a run's blocks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "load_fixtures.hpp"

namespace kts::analysis {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::kEpoch;
using testing::kMillisecond;
using testing::V2Log;

constexpr std::string_view kHead =
    "epoch_ns,uuid,gpu_util_percent,mem_copy_util_percent,sm_active_ratio,dram_active_ratio,"
    "power_watts,sm_clock_mhz,memory_clock_mhz,temperature_celsius\n";

// Two blocks of one second, router alone and both, with 2 s between their starts.
class Covariates : public ::testing::Test {
 protected:
  Covariates() {
    add_block("00-solo-router", 0, "solo", 0, {"router"});
    add_block("01-shared", 1, "shared", 2000, {"router", "thinker"});
  }
  void add_block(const std::string& name, int number, const std::string& phase,
                 std::int64_t start_ms, const std::vector<std::string>& active) {
    const std::int64_t start = kEpoch + start_ms * kMillisecond;
    std::string names;
    for (const std::string& agent : active) {
      V2Log log;
      log.agent = agent;
      log.block = number;
      log.phase = phase;
      log.start_ns = start;
      std::string text;
      for (const std::string& line : log.lines()) text += line + "\n";
      folder_.write("blocks/" + name + "/" + agent + ".log", text);
      names += (names.empty() ? "\"" : ",\"") + agent + "\"";
    }
    folder_.write("blocks/" + name + "/block.json",
                  "{\"phase\":\"" + phase + "\",\"active\":[" + names +
                      "],\"parked\":[],\"window_start_ns\":" + std::to_string(start) +
                      ",\"window_stop_ns\":" + std::to_string(start + 1000 * kMillisecond) + "}");
  }
  // A reading at that time after the first block's start.
  static std::string row(std::int64_t ms, double util, const std::string& uuid = "GPU-1") {
    return std::to_string(kEpoch + ms * kMillisecond) + "," + uuid + "," + std::to_string(util) +
           ",,,,,,,\n";
  }
  Summary load_with(const std::string& rows) {
    folder_.write("telemetry/dcgm.csv", std::string(kHead) + rows);
    const auto data = load(folder_.path());
    if (!data) {
      ADD_FAILURE() << to_line(data.error());
      return {};
    }
    return data->header;
  }
  testing::Folder folder_;
};

TEST_F(Covariates, AreOfTheReadingsInEachPhasesBlocks) {
  std::string rows;
  for (int ms = -400; ms < 3400; ms += 200) {
    rows += row(ms, ms < 1000 ? 10 + ms * 0.001 : 90 + ms * 0.001);
  }
  const Summary summary = load_with(rows);
  EXPECT_THAT(summary.covariates_missing, IsEmpty());
  ASSERT_EQ(summary.covariates.size(), 2U);
  const Covariate& solo = summary.covariates[0];
  EXPECT_EQ(solo.phase, Phase::kSolo);
  EXPECT_EQ(solo.agent, "router");
  EXPECT_EQ(solo.field, "gpu_util_percent");
  // From one renewal after the start: 200, 400, 600, 800 and the one at its very end.
  EXPECT_EQ(solo.readings, 5U);
  EXPECT_EQ(solo.blocks, 1);
  EXPECT_NEAR(solo.min, 10.2, 1e-9);
  EXPECT_NEAR(solo.max, 91.0, 1e-9);
  EXPECT_EQ(summary.covariates[1].phase, Phase::kShared);
  EXPECT_EQ(summary.covariates[1].agent, "");
  EXPECT_NEAR(summary.covariates[1].mean, 92.6, 1e-9);
}

TEST_F(Covariates, AnExporterThatIsSlowerThanABlockSaysNothingOfIt) {
  std::string rows;
  for (int ms = -400; ms < 3400; ms += 200) rows += row(ms, ms / 1500);
  const Summary summary = load_with(rows);
  EXPECT_THAT(summary.covariates, IsEmpty());
  EXPECT_THAT(summary.covariates_missing, HasSubstr("DCGM_EXPORTER_INTERVAL"));
}

TEST_F(Covariates, ValuesThatNeverChangeCantBePlaced) {
  std::string rows;
  for (int ms = -400; ms < 3400; ms += 200) rows += row(ms, 50);
  const Summary summary = load_with(rows);
  EXPECT_THAT(summary.covariates, IsEmpty());
  EXPECT_THAT(summary.covariates_missing, HasSubstr("less than twice"));
}

TEST_F(Covariates, AnotherCardsReadingsDontCount) {
  std::string rows;
  for (int ms = -400; ms < 3400; ms += 200) rows += row(ms, ms, "GPU-2");
  const Summary summary = load_with(rows);
  EXPECT_THAT(summary.covariates, IsEmpty());
  EXPECT_THAT(summary.covariates_missing, HasSubstr("only of others"));
}

TEST_F(Covariates, MalformedLinesAreCountedAndLeftOut) {
  std::string rows = "nonsense\n" + std::to_string(kEpoch) + ",GPU-1,high,,,,,,,\n";
  for (int ms = -400; ms < 3400; ms += 200) rows += row(ms, ms);
  const Summary summary = load_with(rows);
  EXPECT_EQ(summary.covariates.size(), 2U);
  EXPECT_TRUE(std::ranges::any_of(summary.warnings, [](const std::string& warning) {
    return warning == "telemetry/dcgm.csv: 2 malformed lines left out";
  }));
}

TEST_F(Covariates, OtherColumnsAreBadInput) {
  folder_.write("telemetry/dcgm.csv", "time,power\n1,2\n");
  const auto data = load(folder_.path());
  ASSERT_FALSE(data);
  EXPECT_EQ(data.error().code, ErrorCode::kBadInput);
  EXPECT_THAT(to_line(data.error()), HasSubstr("dcgm.csv"));
}

TEST_F(Covariates, WithoutTelemetryThereIsNothingToSay) {
  const auto data = load(folder_.path());
  ASSERT_TRUE(data) << to_line(data.error());
  EXPECT_THAT(data->header.covariates, IsEmpty());
  EXPECT_THAT(data->header.covariates_missing, IsEmpty());
}

}  // namespace
}  // namespace kts::analysis
