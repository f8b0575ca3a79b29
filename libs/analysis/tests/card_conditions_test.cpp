// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "load_fixtures.hpp"

namespace kts::analysis::card_conditions_test {
namespace {

using fixtures::kEpoch;
using fixtures::kMillisecond;
using fixtures::V2Log;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

// Blocks of one second every two: router alone, both, and so on.
class Conditions : public testing::Test {
 protected:
  static constexpr int kBlocks = 6;
  Conditions() {
    for (int i = 0; i < kBlocks; ++i) add_block(i);
  }
  void add_block(int number) {
    const bool shared = number % 2 == 1;
    const std::vector<std::string> active =
        shared ? std::vector<std::string>{"router", "thinker"} : std::vector<std::string>{"router"};
    const std::string name = "0" + std::to_string(number) + (shared ? "-shared" : "-solo-router");
    std::string names;
    for (const std::string& agent : active) {
      V2Log log;
      log.agent = agent;
      log.block = number;
      log.phase = shared ? "shared" : "solo";
      log.start_ns = at(number, 0);
      std::string text;
      for (const std::string& line : log.lines()) text += line + "\n";
      folder_.write("blocks/" + name + "/" + agent + ".log", text);
      names += (names.empty() ? "\"" : ",\"") + agent + "\"";
    }
    folder_.write("blocks/" + name + "/block.json",
                  "{\"phase\":\"" + std::string(shared ? "shared" : "solo") + "\",\"active\":[" +
                      names +
                      "],\"parked\":[],\"window_start_ns\":" + std::to_string(at(number, 0)) +
                      ",\"window_stop_ns\":" + std::to_string(at(number, 1000)) + "}");
  }
  static std::int64_t at(int block, int ms) { return kEpoch + (block * 2000 + ms) * kMillisecond; }
  // One reading in the middle of each block.
  struct Nvml {
    int sm_clock_mhz = 1980;
    int celsius = 50;
    int reasons = 0;
  };
  void nvml(const std::vector<Nvml>& blocks) {
    std::string text = "epoch_ns,gpu,sm_clock_mhz,temperature_celsius,clock_event_reasons\n";
    for (int i = 0; i < static_cast<int>(blocks.size()); ++i) {
      const Nvml& one = blocks[static_cast<std::size_t>(i)];
      text += std::to_string(at(i, 500)) + ",0," + std::to_string(one.sm_clock_mhz) + "," +
              std::to_string(one.celsius) + ",0x" + std::to_string(one.reasons) + "\n";
    }
    folder_.write("telemetry/nvml.csv", text);
  }
  std::vector<std::string> conditions() {
    const auto data = load(folder_.path());
    if (!data) {
      ADD_FAILURE() << to_line(data.error());
      return {};
    }
    return data->header.conditions;
  }
  fixtures::Folder folder_;
};

TEST_F(Conditions, OfACardThatStaysTheSameThereAreNone) {
  EXPECT_THAT(conditions(), IsEmpty());
  nvml(std::vector<Nvml>(kBlocks));
  EXPECT_THAT(conditions(), IsEmpty());
}

TEST_F(Conditions, ThrottlingIsNamedWithItsShareAndReason) {
  nvml({{}, {1980, 50, 4}, {}, {1980, 50, 4}, {}, {1980, 50, 1}});
  EXPECT_THAT(conditions(), ElementsAre(HasSubstr("0 of 3 readings in solo and 2 of 3 in shared "
                                                  "blocks (power cap)")));
}

TEST_F(Conditions, ClocksThatDifferBetweenThePhasesAreOne) {
  nvml({{2000}, {1959}, {2000}, {1959}, {2000}, {1959}});
  EXPECT_THAT(conditions(), ElementsAre(HasSubstr("2000 MHz in solo and 1959 MHz in shared")));
  nvml({{2000}, {1961}, {2000}, {1961}, {2000}, {1961}});
  EXPECT_THAT(conditions(), IsEmpty());
}

TEST_F(Conditions, DriftIsBetweenBlocksOfTheSameAgents) {
  // Shared blocks are hotter, which is no drift; solo blocks get hotter and hotter.
  nvml({{1980, 50}, {1980, 70}, {1980, 53}, {1980, 70}, {1980, 58}, {1980, 70}});
  EXPECT_THAT(conditions(),
              ElementsAre(HasSubstr("temperature drifted from 50 to 58 °C between the "
                                    "first and the last third of the solo router")));
}

TEST_F(Conditions, ReadingsBetweenBlocksDoNotCount) {
  folder_.write("telemetry/nvml.csv", "epoch_ns,gpu,sm_clock_mhz,clock_event_reasons\n" +
                                          std::to_string(at(0, 1500)) + ",0,345,0x8\n" +
                                          std::to_string(at(1, 1000)) + ",0,345,0x8\n");
  EXPECT_THAT(conditions(), IsEmpty());
}

TEST_F(Conditions, UnknownClocksSayNothing) {
  folder_.write("telemetry/nvml.csv", "epoch_ns,gpu,sm_clock_mhz,clock_event_reasons\n" +
                                          std::to_string(at(0, 500)) + ",0,,\n" +
                                          std::to_string(at(1, 500)) + ",0,1000,\n");
  EXPECT_THAT(conditions(), IsEmpty());
}

TEST_F(Conditions, ErrorsOfTheCardAreCountedOverTheRun) {
  const auto row = [](int ms, const std::string& cells) {
    return std::to_string(at(0, ms)) + ",0," + cells + "\n";
  };
  folder_.write("telemetry/nvml_counters.csv",
                "epoch_ns,gpu,pcie_sent_kb_per_s,pcie_received_kb_per_s,pcie_replays,ecc_corrected,"
                "ecc_uncorrected\n" +
                    row(0, "1,1,4294967290,7,0") + row(500, "1,1,4294967294,7,0") +
                    // Wraps at 32 bits; a driver that was loaded anew begins at 0.
                    row(1000, "1,1,4,9,0") + row(1500, "1,1,4,1,"));
  folder_.write("telemetry/xid.csv",
                "epoch_ns,gpu,xid\n" + row(100, "31") + row(200, "79") + row(300, "31"));
  EXPECT_THAT(
      conditions(),
      UnorderedElementsAre(HasSubstr("10 replays on PCIe"), HasSubstr("3 corrected ECC errors"),
                           HasSubstr("3 Xid errors during the run (31, 79)")));
}

}  // namespace
}  // namespace kts::analysis::card_conditions_test
