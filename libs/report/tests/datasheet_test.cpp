// SPDX-License-Identifier: Apache-2.0
#include "kts/report/datasheet.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "expect_golden.hpp"
#include "kts/base/files.hpp"
#include "places.hpp"
#include "schema_walker.hpp"

namespace kts::report::datasheet_test {
namespace {

using analysis::DataSheet;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

// After the figures of a real card.
DataSheet card() {
  DataSheet sheet;
  sheet.device = {"cuda", "NVIDIA H200", "GPU-0", "580.159.03"};
  sheet.measured_at = "2026-11-26T16:00:00Z";
  sheet.sharing = "time-slicing";
  sheet.figures = {
      {"time_slice_ms", "ms", {2.0913, 2.0908, 2.0917}, 870, "from gap to gap, median", "two busy"},
      {"context_switch_ms", "ms", {0.1521, 0.1519, {}}, 868, "hand-over, median", ""},
      {"time_slice_by_events_ms", "ms", {2.0906, 2.089, 2.092}, 430, "by CUDA events", ""},
      {"kernel_launch_us", "us", {2.41, 2.4, 2.43}, 2000, "host time of the call, median", ""},
      {"clock64_in_gap_ratio", "ratio", {1.0001, {}, {}}, 870, "cycles in a gap", "it goes on"},
      {"chase_16mib_ns", "ns", {210.2, 209.8, 210.6}, 5, "a load, mean", ""},
      {"chase_1024mib_ns", "ns", {291.5, 291.0, 292.0}, 5, "a load, mean", ""},
      {"tlb_reach_mib", "mib", {32, 32, 38}, 5, "largest memory", ""}};
  sheet.agreements = {{"time_slice_ms", "time_slice_by_events_ms", 0.0003, 0.02},
                      {"context_switch_ms", "context_switch_by_events_ms", 0.12, 0.1}};
  sheet.spreads = {{"time_slice_ms", "ms", 2, 870, {2.08, 2.0913, 2.1}},
                   {"turn_gap_ms", "ms", 2, 870, {2.38, 2.395, 2.41}},
                   {"turn_gap_ms", "ms", 4, 870, {6.87, 6.883, 6.9}}};
  sheet.unavailable = {{"mps_interrupted_ratio", "nvidia-cuda-mps-control is not on the PATH"}};
  sheet.warnings = {"clocks are held down: power cap"};
  return sheet;
}

std::filesystem::path probe_golden(const std::string& file) {
  return in_source("tests/golden/probe/") + file;
}

TEST(DataSheetReport, IsWhatItWas) {
  expect_golden(probe_golden("datasheet.json"), analysis::to_json(card()));
  expect_golden(probe_golden("datasheet.md"), datasheet_markdown(card()));
  expect_golden(probe_golden("datasheet.html"),
                datasheet_html(card(), {{}, "no plot: this is a test"}));
  expect_golden(probe_golden("terminal.txt"), datasheet_table(card(), {}));
  ASSERT_EQ(plan_plots(card()).size(), 2U);
  expect_golden(probe_golden("turns.gnuplot"), plan_plots(card())[0].script);
  expect_golden(probe_golden("loads.gnuplot"), plan_plots(card())[1].script);
}

TEST(DataSheetReport, TellsOfTurnsFirstAndLosesNoFigure) {
  const std::string page = datasheet_html(card(), {});
  EXPECT_LT(page.find("<h2>Turns"), page.find("<h2>Calls and clocks"));
  for (const auto& figure : card().figures) {
    EXPECT_THAT(page, HasSubstr("<tr id=\"" + figure.key + "\">"));
  }
}

TEST(DataSheetReport, HasTheSchemasKeysAndNoOthers) {
  const auto document = nlohmann::json::parse(*schema("datasheet"));
  SchemaWalker(document).expect_same_keys(nlohmann::json::parse(analysis::to_json(card())),
                                          document, "card");
}

TEST(DataSheetReport, WithoutAnythingItSaysSo) {
  DataSheet sheet;
  sheet.device.name = "<b>\x1b[31m|card|";
  sheet.unavailable = {{"time_slice_ms", "<script>\nno"}};
  EXPECT_THAT(headline(sheet), HasSubstr("was not found"));
  EXPECT_THAT(plan_plots(sheet), IsEmpty());
  EXPECT_THAT(datasheet_html(sheet, {}), Not(HasSubstr("<script>")));
  EXPECT_THAT(datasheet_html(sheet, {}), Not(HasSubstr("\x1b")));
  EXPECT_THAT(datasheet_markdown(sheet), HasSubstr("\\|card\\|"));
  EXPECT_THAT(datasheet_table(sheet, {}), HasSubstr("not available: time slice: "));
}

TEST(DataSheetReport, IsWrittenWithoutAPlotToo) {
  const auto folder = TemporaryDirectory::create().value();
  const auto warnings = write_datasheet(card(), folder.path(), {"no-such-gnuplot"});
  ASSERT_TRUE(warnings) << to_line(warnings.error());
  EXPECT_EQ(warnings->size(), 1U);
  for (const char* file : {"datasheet.json", "datasheet.md", "datasheet.html"}) {
    EXPECT_TRUE(std::filesystem::exists(folder.path() / file)) << file;
  }
}

}  // namespace
}  // namespace kts::report::datasheet_test
