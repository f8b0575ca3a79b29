// SPDX-License-Identifier: Apache-2.0
// What stands in telemetry/ joined to a run's blocks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "load_fixtures.hpp"

namespace kts::analysis::covariates_test {
namespace {

using fixtures::kEpoch;
using fixtures::kMillisecond;
using fixtures::V2Log;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::string_view kHead =
    "epoch_ns,uuid,gpu_util_percent,mem_copy_util_percent,sm_active_ratio,dram_active_ratio,"
    "power_watts,sm_clock_mhz,memory_clock_mhz,temperature_celsius\n";

// Two blocks of one second, router alone and both, with 2 s between their starts.
class Covariates : public testing::Test {
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
  fixtures::Folder folder_;
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

TEST_F(Covariates, OtherColumnsAreLeftOutAndNamed) {
  folder_.write("telemetry/dcgm.csv", "time,power\n1,2\n");
  const auto data = load(folder_.path());
  ASSERT_TRUE(data) << to_line(data.error());
  EXPECT_TRUE(data->header.covariates.empty());
  EXPECT_TRUE(fixtures::mentions(data->header.warnings,
                                 "telemetry of dcgm left out: its columns are not those that kts "
                                 "run writes; restore the file, or remove it"));
  EXPECT_TRUE(data->header.inconclusive.empty());
}

TEST_F(Covariates, OfNvmlCountWhatSpeaksOfTheBlockAlone) {
  std::string rows;
  for (int ms = 0; ms < 3000; ms += 100) {
    const bool shared = ms >= 2000;
    rows += std::to_string(kEpoch + ms * kMillisecond) + ",0," + (shared ? "1755" : "1980") +
            ",,300,50,0x0,90,\n";
  }
  folder_.write("telemetry/nvml.csv",
                "epoch_ns,gpu,sm_clock_mhz,memory_clock_mhz,power_watts,temperature_celsius,"
                "clock_event_reasons,utilisation_percent,memory_used_bytes\n" +
                    rows);
  const auto data = load(folder_.path());
  ASSERT_TRUE(data) << to_line(data.error());
  const Summary& summary = data->header;
  const auto of = [&](const std::string& field, Phase phase) {
    return std::ranges::find_if(summary.covariates, [&](const Covariate& one) {
      return one.source == "nvml" && one.field == field && one.phase == phase;
    });
  };
  ASSERT_NE(of("sm_clock_mhz", Phase::kSolo), summary.covariates.end());
  EXPECT_EQ(of("sm_clock_mhz", Phase::kSolo)->mean, 1980);
  EXPECT_EQ(of("sm_clock_mhz", Phase::kSolo)->readings, 11U);
  EXPECT_EQ(of("sm_clock_mhz", Phase::kShared)->mean, 1755);
  // Power is a mean over the second before: of a block of one second, one reading is its own.
  EXPECT_EQ(of("power_watts", Phase::kSolo)->readings, 1U);
  EXPECT_EQ(of("power_watts", Phase::kShared), summary.covariates.end());
  EXPECT_EQ(of("memory_clock_mhz", Phase::kSolo), summary.covariates.end());
  EXPECT_THAT(summary.covariates_missing, IsEmpty());
  EXPECT_EQ(summary.block_covariates.front().block, "00-solo-router");
}

TEST_F(Covariates, FieldsThatReachBeyondEveryBlockAreNamed) {
  folder_.write("telemetry/nvml.csv", "epoch_ns,gpu,sm_clock_mhz,power_watts\n" +
                                          std::to_string(kEpoch + 500 * kMillisecond) +
                                          ",0,1980,300\n");
  const auto data = load(folder_.path());
  ASSERT_TRUE(data) << to_line(data.error());
  EXPECT_THAT(data->header.covariates_missing,
              HasSubstr("no reading of power_watts is of a block alone; blocks are 1.0 s long"));
}

TEST_F(Covariates, AGpmReadingIsOfTheTimeSinceTheOneBefore) {
  const auto row = [](int ms, int interval_ms, double sm) {
    return std::to_string(kEpoch + ms * kMillisecond) + ",0," +
           std::to_string(interval_ms * kMillisecond) + ",," + std::to_string(sm) + ",,,\n";
  };
  folder_.write("telemetry/gpm.csv",
                "epoch_ns,gpu,interval_ns,graphics_percent,sm_percent,occupancy_percent,"
                "tensor_percent,dram_percent\n" +
                    row(100, 200, 1) + row(300, 200, 80) + row(500, 200, 90) + row(1100, 200, 2));
  const auto data = load(folder_.path());
  ASSERT_TRUE(data) << to_line(data.error());
  ASSERT_EQ(data->header.covariates.size(), 1U);
  EXPECT_EQ(data->header.covariates[0].mean, 85);
}

TEST_F(Covariates, AProcessCountsForTheAgentThatItIs) {
  const auto row = [](int ms, const std::string& cells) {
    return std::to_string(kEpoch + ms * kMillisecond) + ",0," + cells + ",\n";
  };
  folder_.write(
      "telemetry/processes.csv",
      "epoch_ns,gpu,pid,agent,name,memory_bytes,sm_percent,memory_percent,use_epoch_ns\n" +
          row(500, "7,router,kts-worker,1000,,") + row(600, "8,,trainer,5000,,") +
          row(700, "7,router,kts-worker,3000,,") + row(2500, "9,thinker,x,4000,,"));
  const auto data = load(folder_.path());
  ASSERT_TRUE(data) << to_line(data.error());
  const auto& all = data->header.covariates;
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].process, "router");
  EXPECT_EQ(all[0].mean, 2000);
  EXPECT_EQ(all[1].process, "thinker");
  EXPECT_EQ(all[1].phase, Phase::kShared);
}

TEST_F(Covariates, UnderMpsNoProcessHasFiguresOfItsOwnAndThatIsSaid) {
  folder_.write("environment.json", R"({"sharing":"mps"})");
  const std::string head =
      "epoch_ns,gpu,pid,agent,name,memory_bytes,sm_percent,memory_percent,use_epoch_ns\n" +
      std::to_string(kEpoch + 500 * kMillisecond) + ",0,7,router,kts-worker,";
  // As kts records it, and as an older one did.
  for (const char* figures : {",,,\n", "1000,,,\n"}) {
    folder_.write("telemetry/processes.csv", head + figures);
    const auto data = load(folder_.path());
    ASSERT_TRUE(data) << to_line(data.error());
    EXPECT_THAT(data->header.covariates, IsEmpty());
    EXPECT_EQ(data->header.covariates_missing,
              "NVML's processes: under MPS the driver's figures are the server's");
    EXPECT_THAT(data->header.warnings, ::testing::Each(::testing::Not(HasSubstr("telemetry"))));
  }
}

// Processes are asked more seldom than their use is renewed: a look may tell of another block.
TEST_F(Covariates, AProcessUseIsOfThePeriodThatItNames) {
  const auto at = [](int ms) { return std::to_string(kEpoch + ms * kMillisecond); };
  folder_.write(
      "blocks/01-shared/block.json",
      R"({"phase":"shared","active":["router","thinker"],"parked":[],"window_start_ns":)" +
          at(2000) + ",\"window_stop_ns\":" + at(5000) + "}");
  folder_.write(
      "telemetry/processes.csv",
      "epoch_ns,gpu,pid,agent,name,memory_bytes,sm_percent,memory_percent,use_epoch_ns\n" +
          at(4900) + ",0,7,router,kts-worker,1000,80,5," + at(3600) + "\n" + at(4900) +
          ",0,8,thinker,kts-worker,2000,90,6," + at(3400) + "\n");
  const auto data = load(folder_.path());
  ASSERT_TRUE(data) << to_line(data.error());
  std::vector<std::string> joined;
  for (const Covariate& one : data->header.covariates) {
    joined.push_back(one.process + " " + one.field);
  }
  EXPECT_THAT(joined,
              ::testing::UnorderedElementsAre("router memory_bytes", "router sm_percent",
                                              "router memory_percent", "thinker memory_bytes"));
}

TEST_F(Covariates, PartsOfARunAreReadTogether) {
  for (const auto& [file, ms] : {std::pair("nvml.csv", 500), std::pair("nvml-2.csv", 2500)}) {
    folder_.write(
        std::string("telemetry/") + file,
        "epoch_ns,gpu,sm_clock_mhz\n" + std::to_string(kEpoch + ms * kMillisecond) + ",0,1980\n");
  }
  const auto data = load(folder_.path());
  ASSERT_TRUE(data) << to_line(data.error());
  EXPECT_EQ(data->header.covariates.size(), 2U);
}

TEST_F(Covariates, WithoutTelemetryThereIsNothingToSay) {
  const auto data = load(folder_.path());
  ASSERT_TRUE(data) << to_line(data.error());
  EXPECT_THAT(data->header.covariates, IsEmpty());
  EXPECT_THAT(data->header.covariates_missing, IsEmpty());
}

}  // namespace
}  // namespace kts::analysis::covariates_test
