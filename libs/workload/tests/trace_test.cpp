// SPDX-License-Identifier: Apache-2.0
#include "kts/workload/trace.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "kts/base/files.hpp"

namespace kts::workload::trace_test {
namespace {

using namespace std::chrono_literals;

constexpr const char* kAzure =
    "TIMESTAMP,ContextTokens,GeneratedTokens\n"
    "2023-11-16 23:59:59.9799600,4808,10\n"
    "2023-11-17 00:00:00.0319600,3180,8\n"
    "2023-11-17 00:00:02,110,27\n";
constexpr const char* kBurst =
    "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
    "5,ChatGPT,472,18,490,Conversation log\n"
    "45,ChatGPT,1087,0,1087,Conversation log\n"
    "118.5,GPT-4,417,276,693,API log\n";
constexpr const char* kPlain =
    "timestamp_s,input_tokens,output_tokens\n"
    "0,10,1\n1.5,20,2\n2,30,3\n";

// What is refused: "where: message".
std::string refusal(const std::string& csv) {
  const auto trace = parse_trace(csv, "t.csv");
  if (trace) return "";
  EXPECT_EQ(trace.error().code, ErrorCode::kBadInput);
  return trace.error().where + ": " + trace.error().message;
}

TEST(Trace, AzureFormatIsReadToTheTenthOfAMicrosecond) {
  const auto trace = parse_trace(kAzure, "code.csv");
  ASSERT_TRUE(trace) << trace.error().message;
  EXPECT_EQ(trace->format, "Azure LLM 2023");
  EXPECT_EQ(trace->rows, (std::vector<TraceRow>{
                             {0, 4808, 10}, {52'000'000, 3180, 8}, {2'020'040'000, 110, 27}}));
}

TEST(Trace, BurstGptFormatIsReadByItsColumns) {
  const auto trace = parse_trace(kBurst, "burst.csv");
  ASSERT_TRUE(trace) << trace.error().message;
  EXPECT_EQ(trace->format, "BurstGPT");
  EXPECT_EQ(trace->rows,
            (std::vector<TraceRow>{
                {0, 472, 18}, {40'000'000'000, 1087, 0}, {113'500'000'000, 417, 276}}));
}

TEST(Trace, PlainFormatTakesItsColumnsInAnyOrder) {
  const auto trace = parse_trace(
      "\xef\xbb\xbfuser, output_tokens ,timestamp_s,input_tokens\r\n"
      "anna,2,0.5,10\r\n\r\nbert,3,2.0,20.0",
      "t.csv");
  ASSERT_TRUE(trace) << trace.error().message;
  EXPECT_EQ(trace->format, "kts");
  EXPECT_EQ(trace->rows, (std::vector<TraceRow>{{0, 10, 2}, {1'500'000'000, 20, 3}}));
}

TEST(Trace, WhatIsWrongIsNamedWithItsLine) {
  EXPECT_EQ(refusal(""), "t.csv:1: empty");
  EXPECT_EQ(refusal("a,b\n1,2\n"), "t.csv:1: 'a,b' is the header of no known trace");
  EXPECT_EQ(refusal("TIMESTAMP,ContextTokens\n"),
            "t.csv:1: the column 'GeneratedTokens' is missing");
  EXPECT_EQ(refusal("timestamp_s,input_tokens,output_tokens\n"), "t.csv:1: holds no requests");
  const std::string head = "timestamp_s,input_tokens,output_tokens\n";
  EXPECT_EQ(refusal(head + "1,2,3\n0.5,2,3\n"),
            "t.csv:3: the requests are not in the order of time");
  EXPECT_EQ(refusal("TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 23:59:59,1,1\n"
                    "2186-11-17 00:00:02,1,1\n"),
            "t.csv:3: more than ten years after the first request");
  EXPECT_EQ(refusal(head + "1,2\n"), "t.csv:2: cut short: 2 fields");
  EXPECT_EQ(refusal(head + "soon,2,3\n"), "t.csv:2: 'soon' is no timestamp_s");
  EXPECT_EQ(refusal(head + "-1,2,3\n"), "t.csv:2: '-1' is no timestamp_s");
  EXPECT_EQ(refusal(head + "nan,2,3\n"), "t.csv:2: 'nan' is no timestamp_s");
  EXPECT_EQ(refusal(head + "1e300,2,3\n"), "t.csv:2: '1e300' is no timestamp_s");
  EXPECT_EQ(refusal(head + "1,two,3\n"), "t.csv:2: 'two' is no number of tokens");
  EXPECT_EQ(refusal(head + "1,2.5,3\n"), "t.csv:2: '2.5' is no number of tokens");
  EXPECT_EQ(refusal(head + "1,-2,3\n"), "t.csv:2: -2 tokens are out of range");
  EXPECT_EQ(refusal(head + "1,2,99999999999\n"), "t.csv:2: 99999999999 tokens are out of range");
  const std::string azure = "TIMESTAMP,ContextTokens,GeneratedTokens\n";
  for (const char* time :
       {"17:03", "2023-13-01 00:00:00", "2023-02-30 00:00:00", "2023-11-16 24:00:00",
        "2023-11-16 10:00:00.", "2023-11-16 10:00:00.1x", "2023/11/16 10:00:00", "1e9"}) {
    EXPECT_EQ(refusal(azure + time + ",1,1\n"),
              "t.csv:2: '" + std::string(time) + "' is no TIMESTAMP");
  }
}

TEST(Trace, FailedRequestsAreLeftOutAndCounted) {
  const auto trace = select_stretch(parse_trace(kBurst, "b.csv").value(), {.file = "b.csv"});
  ASSERT_TRUE(trace);
  EXPECT_EQ(trace->rows.size(), 2U);
  EXPECT_EQ(trace->failed, 1U);
  EXPECT_EQ(describe(*trace, {.file = "b.csv"}),
            "2 requests in 2.84min (0.0117/s), BurstGPT; 1 that failed (no output tokens) are left "
            "out");
}

TEST(Trace, BeginsAgainAfterOneMoreGap) {
  const auto trace = select_stretch(parse_trace(kPlain, "t.csv").value(), {.file = "t.csv"});
  ASSERT_TRUE(trace);
  EXPECT_EQ(trace->period_ns, 3'000'000'000);
}

TEST(Trace, StretchIsCutOutAndCountsFromItsBeginning) {
  const auto from =
      select_stretch(parse_trace(kPlain, "t.csv").value(), {.file = "t.csv", .from = 1s});
  ASSERT_TRUE(from);
  EXPECT_EQ(from->rows, (std::vector<TraceRow>{{500'000'000, 20, 2}, {1'000'000'000, 30, 3}}));
  EXPECT_EQ(from->period_ns, 2'000'000'000);
  const auto part = select_stretch(parse_trace(kPlain, "t.csv").value(),
                                   {.file = "t.csv", .from = 1s, .length = 800ms});
  ASSERT_TRUE(part);
  EXPECT_EQ(part->rows.size(), 1U);
  EXPECT_EQ(part->period_ns, 800'000'000);
  // No longer than the trace is.
  const auto long_one =
      select_stretch(parse_trace(kPlain, "t.csv").value(), {.file = "t.csv", .length = 1h});
  ASSERT_TRUE(long_one);
  EXPECT_EQ(long_one->period_ns, 3'000'000'000);
}

TEST(Trace, StretchThatCannotBeIsRefused) {
  const auto refused = [](const TraceSpec& spec, const std::string& csv) {
    const auto trace = select_stretch(parse_trace(csv, "t.csv").value(), spec);
    return trace ? std::string() : trace.error().where + ": " + trace.error().message;
  };
  const std::string head = "timestamp_s,input_tokens,output_tokens\n";
  EXPECT_EQ(refused({.file = "t.csv", .from = 1min}, kPlain),
            "t.csv: no request with output tokens from 60s");
  EXPECT_EQ(refused({.file = "t.csv", .from = 100ms, .length = 1s}, kPlain),
            "t.csv: no request with output tokens from 100ms for 1s");
  EXPECT_EQ(refused({.file = "t.csv"}, head + "1,1,0\n2,1,0\n"),
            "t.csv: no request with output tokens from 0s");
  EXPECT_EQ(refused({.file = "t.csv"}, head + "1,1,1\n"),
            "t.csv: its requests come at one instant, so it can't begin again");
  EXPECT_EQ(refused({.file = "t.csv"}, head + "1,1,1\n1,1,1\n"),
            "t.csv: its requests come at one instant, so it can't begin again");
  EXPECT_EQ(refused({.file = "t.csv", .wrap = false}, head + "1,1,1\n1,1,1\n"), "");
  EXPECT_EQ(refused({.file = "t.csv", .length = 1s}, head + "1,1,1\n1,1,1\n"), "");
  EXPECT_EQ(refused({.file = "t.csv", .scale = 1e6 + 1}, head + "1,1,1\n2,1,1\n"),
            "t.csv: at scale 1e+06 it comes to 1e+06 requests a second");
}

TEST(Trace, AStretchAsATraceIsTheSameAgain) {
  const std::string csv =
      "timestamp_s,input_tokens,output_tokens\n0,1,1\n10.000000001,2,2\n11,3,0\n12.5,4,4\n90,5,5\n";
  for (const bool wrap : {true, false}) {
    TraceSpec spec;
    spec.wrap = wrap;
    spec.from = std::chrono::seconds(7);
    spec.length = std::chrono::seconds(40);
    const Trace stretch = select_stretch(parse_trace(csv, "t").value(), spec).value();
    ASSERT_EQ(stretch.rows.size(), 2U);
    TraceSpec again;
    again.wrap = wrap;
    again.length = Nanoseconds(stretch.period_ns);
    const Trace same = select_stretch(parse_trace(to_csv(stretch), "t").value(), again).value();
    EXPECT_EQ(same.rows, stretch.rows);
    EXPECT_EQ(same.period_ns, stretch.period_ns);
  }
}

TEST(Trace, FileThatIsNotThereIsNamed) {
  const auto trace = load_trace({.file = "/nowhere/trace.csv"});
  ASSERT_FALSE(trace);
  EXPECT_EQ(trace.error().code, ErrorCode::kBadInput);
  EXPECT_EQ(trace.error().where, "/nowhere/trace.csv");
}

TEST(Trace, FileIsLoadedAndSelected) {
  const auto folder = TemporaryDirectory::create();
  ASSERT_TRUE(folder);
  const auto path = folder->path() / "trace.csv";
  ASSERT_TRUE(write_file(path, kAzure));
  const auto trace = load_trace({.file = path.string()});
  ASSERT_TRUE(trace) << trace.error().message;
  EXPECT_EQ(trace->rows.size(), 3U);
}

TEST(Trace, RequestsAreCutDownToTheContextAndKeepTheirOutput) {
  Trace trace;
  trace.rows = {{0, 100, 10}, {1, 1000, 100}, {2, 10, 5000}, {3, 1020, 4}};
  limit_context(trace, 1024);
  EXPECT_EQ(trace.rows,
            (std::vector<TraceRow>{{0, 100, 10}, {1, 924, 100}, {2, 1, 1023}, {3, 1020, 4}}));
  EXPECT_EQ(trace.clamped, 2U);
}

}  // namespace
}  // namespace kts::workload::trace_test
