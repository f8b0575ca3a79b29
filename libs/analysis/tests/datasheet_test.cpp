// SPDX-License-Identifier: Apache-2.0
#include "kts/analysis/datasheet.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace kts::analysis::datasheet_test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

DataSheet h200_sheet() {
  DataSheet sheet;
  sheet.device = {"cuda", "NVIDIA H200", "GPU-0", "580.159.03"};
  sheet.measured_at = "2026-11-26T16:00:00Z";
  sheet.sharing = "time-slicing";
  sheet.figures = {
      {"time_slice_ms", "ms", {2.091, 2.090, 2.092}, 240, "gaps of a spinning kernel", ""},
      {"context_switch_ms", "ms", {0.152, 0.151, {}}, 240, "gap = slice + 2 switches", "two busy"},
      {"kernel_launch_us", "us", {}, 0, "host time of the call", ""}};
  sheet.agreements = {{"time_slice_ms", "time_slice_by_events_ms", 0.004, 0.02}};
  sheet.spreads = {{"gap_ms", "ms", 2, 240, {2.39, 2.396, 2.4}}};
  sheet.unavailable = {{"mps", "nvidia-cuda-mps-control is not there"}};
  sheet.warnings = {"the card throttled"};
  return sheet;
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  text.replace(text.find(from), from.size(), to);
  return text;
}

TEST(DataSheet, SurvivesTheRoundTrip) {
  const std::string text = to_json(h200_sheet());
  const auto sheet = parse_datasheet(text, "sheet.json");
  ASSERT_TRUE(sheet) << to_line(sheet.error());
  EXPECT_EQ(to_json(*sheet), text);
  const Figure* slice = find_figure(*sheet, "time_slice_ms");
  ASSERT_NE(slice, nullptr);
  EXPECT_EQ(slice->value.value, 2.091);
  EXPECT_EQ(find_figure(*sheet, "context_switch_ms")->value.ci_high, std::nullopt);
  EXPECT_EQ(find_figure(*sheet, "kernel_launch_us")->value.value, std::nullopt);
  EXPECT_EQ(find_figure(*sheet, "nothing"), nullptr);
}

TEST(DataSheet, WhatIsWrongIsNamedInOneLine) {
  const std::string good = to_json(h200_sheet());
  const auto problem = [](const std::string& text) {
    const auto sheet = parse_datasheet(text, "d.json");
    EXPECT_FALSE(sheet);
    if (sheet) return std::string();
    EXPECT_EQ(sheet.error().code, ErrorCode::kBadInput);
    return to_line(sheet.error());
  };
  EXPECT_THAT(problem("{"), HasSubstr("d.json: is no JSON"));
  EXPECT_THAT(problem("[]"), HasSubstr("the document is no object"));
  EXPECT_THAT(problem("{}"), HasSubstr("schema is missing"));
  EXPECT_THAT(problem(replaced(good, "datasheet/1", "datasheet/2")),
              HasSubstr("schema is not kts.datasheet/1"));
  EXPECT_THAT(problem(replaced(good, "\"quick\": false", "\"quick\": 0")),
              HasSubstr("quick is neither true nor false"));
  EXPECT_THAT(problem(replaced(good, "2.091", "\"2.091\"")),
              HasSubstr("figures[0].value is no number"));
  EXPECT_THAT(problem(replaced(good, "\"n\": 240", "\"n\": -1")),
              HasSubstr("figures[0].n is no count"));
  EXPECT_THAT(problem(replaced(good, "\"note\": null", "\"notes\": null")),
              HasSubstr("figures[0].note is missing"));
  EXPECT_THAT(problem(replaced(good, "\"quick\": false", "\"quick\": false, \"slow\": 1")),
              HasSubstr("slow is unknown"));
  EXPECT_THAT(problem(replaced(good, "context_switch_ms", "time_slice_ms")),
              HasSubstr("'time_slice_ms' was there before"));
  EXPECT_THAT(problem(replaced(good, "\"agrees\": true", "\"agrees\": false")),
              HasSubstr("agreements[0].agrees contradicts"));
  EXPECT_THAT(problem(replaced(good, "2.396,", "1.396,")),
              HasSubstr("values[1] is less than the one before"));
}

TEST(DataSheet, IsConclusiveOnlyWithASliceAndMethodsThatAgree) {
  DataSheet sheet = h200_sheet();
  EXPECT_THAT(inconclusive(sheet), IsEmpty());
  sheet.agreements[0].difference_ratio = 0.021;
  sheet.unavailable.push_back({"time_slice_ms", "no gap was seen"});
  EXPECT_THAT(inconclusive(sheet), SizeIs(2));
}

}  // namespace
}  // namespace kts::analysis::datasheet_test
