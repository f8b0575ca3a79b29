// SPDX-License-Identifier: Apache-2.0
// kts probe on this machine's processor. What the scheduler does is not judged, what kts says is.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <string>

#include "kts/analysis/datasheet.hpp"
#include "kts/base/files.hpp"
#include "places.hpp"
#include "program.hpp"

namespace kts::probe_test {
namespace {

using analysis::DataSheet;
using testing::AnyOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

const std::string kWorker = in_build("bin/kts-worker");

class Probe : public testing::Test {
 protected:
  [[nodiscard]] std::string out() const { return (folder_.path() / "sheet").string(); }
  [[nodiscard]] DataSheet sheet() const {
    const auto text = read_file(std::filesystem::path(out()) / "datasheet.json");
    EXPECT_TRUE(text);
    auto parsed = analysis::parse_datasheet(text.value_or(""), "datasheet.json");
    EXPECT_TRUE(parsed) << to_line(parsed.error());
    return parsed.value_or(DataSheet{});
  }
  TemporaryDirectory folder_ = TemporaryDirectory::create().value();
};

TEST_F(Probe, QuickSheetOfACoreThatKtsReportShowsAgain) {
  const Outcome outcome =
      Program::run({kKts, "probe", "--device", "cpu", "--quick", "--out", out()});
  ASSERT_THAT(outcome.exit, AnyOf(0, 5)) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("figure"));
  EXPECT_THAT(outcome.err, HasSubstr("probing: two contexts"));
  const DataSheet got = sheet();
  EXPECT_TRUE(got.quick);
  EXPECT_EQ(got.device.kind, "cpu");
  EXPECT_THAT(got.device.uuid, testing::StartsWith("cpu:"));  // as a run on that core has it
  EXPECT_THAT(got.measured_at, Not(IsEmpty()));
  for (const char* key : {"event_pair_us", "host_stamp_ns", "interrupted_alone_ratio"}) {
    const auto* figure = analysis::find_figure(got, key);
    ASSERT_NE(figure, nullptr) << key;
    EXPECT_GE(*figure->value.value, 0) << key;
    EXPECT_GT(figure->n, 0U) << key;
    EXPECT_THAT(figure->method, Not(IsEmpty())) << key;
  }
  for (const char* key : {"time_slice_ms", "context_switch_ms"}) {
    EXPECT_TRUE(analysis::find_figure(got, key) != nullptr ||
                analysis::find_missing(got, key) != nullptr)
        << key;
  }
  EXPECT_THAT(analysis::find_missing(got, "kernel_launch_us")->reason, Not(IsEmpty()));
  for (const char* file : {"datasheet.md", "datasheet.html", "traces/alone-006-0.txt"}) {
    EXPECT_TRUE(std::filesystem::exists(std::filesystem::path(out()) / file)) << file;
  }

  // kts report shows it again.
  const std::string again = (folder_.path() / "again").string();
  const Outcome shown = Program::run({kKts, "report", out(), "--out", again});
  EXPECT_EQ(shown.exit, outcome.exit) << shown.err;
  EXPECT_EQ(shown.out.substr(0, shown.out.rfind(again)),
            outcome.out.substr(0, outcome.out.rfind(out())));
  for (const char* file : {"datasheet.json", "datasheet.md", "datasheet.html"}) {
    EXPECT_EQ(read_file(std::filesystem::path(again) / file).value_or("none"),
              read_file(std::filesystem::path(out()) / file).value_or("no file"))
        << file;
  }
  // Beside logs the sheet isn't what is reported.
  const std::string logs = (folder_.path() / "logs").string();
  std::filesystem::create_directory(logs);
  std::filesystem::copy(std::filesystem::path(out()) / "datasheet.json", logs);
  ASSERT_TRUE(write_file(logs + "/solo.log", "no record\n"));
  EXPECT_THAT(Program::run({kKts, "report", logs}).err, testing::HasSubstr("solo.log"));
  const Outcome wrong = Program::run({kKts, "report", out(), "--phase", "a.log=solo"});
  EXPECT_EQ(wrong.exit, 2);
  EXPECT_TRUE(one_line(wrong.err)) << wrong.err;
  ASSERT_TRUE(write_file(std::filesystem::path(out()) / "datasheet.json", "{}"));
  const Outcome broken = Program::run({kKts, "report", out()});
  EXPECT_EQ(broken.exit, 2);
  EXPECT_TRUE(one_line(broken.err)) << broken.err;
}

TEST_F(Probe, JsonIsAllThatGoesToStandardOutput) {
  const Outcome outcome =
      Program::run({kKts, "probe", "--device", "cpu", "--quick", "--json", "--out", out()});
  ASSERT_THAT(outcome.exit, AnyOf(0, 5)) << outcome.err;
  EXPECT_TRUE(analysis::parse_datasheet(outcome.out, "stdout"));
}

TEST_F(Probe, InterruptedItKeepsWhatItHas) {
  const Outcome outcome = Program::run({kKts, "probe", "--device", "cpu", "--out", out()},
                                       [](std::string_view line, pid_t pid) {
                                         if (line.find("two contexts") != line.npos) {
                                           kill(pid, SIGINT);
                                         }
                                       });
  EXPECT_EQ(outcome.exit, 130) << outcome.err;
  EXPECT_THAT(last_line(outcome.err), HasSubstr("what was measured is in"));
  const DataSheet got = sheet();
  EXPECT_NE(analysis::find_figure(got, "event_pair_us"), nullptr);
  EXPECT_EQ(analysis::find_missing(got, "time_slice_k4_ms")->reason, "interrupted");
}

TEST_F(Probe, WhatIsWrongIsOneLine) {
  const Outcome device = Program::run({kKts, "probe", "--device", "gpu", "--out", out()});
  EXPECT_EQ(device.exit, 2);
  EXPECT_THAT(device.err, HasSubstr("'gpu' is no device"));
  EXPECT_TRUE(one_line(device.err)) << device.err;
  const Outcome worker =
      Program::run({kKts, "probe", "--device", "cpu", "--worker", "/no/such", "--out", out()});
  EXPECT_EQ(worker.exit, 4);
  EXPECT_TRUE(one_line(worker.err)) << worker.err;
  const Outcome core = Program::run({kWorker, "probe", "--device", "cpu", "--core", "60000"});
  EXPECT_EQ(core.exit, 4);
  EXPECT_THAT(core.err, HasSubstr("core 60000 can't be used"));
  const Outcome flag = Program::run({kWorker, "probe", "--fast"});
  EXPECT_EQ(flag.exit, 2);
  EXPECT_TRUE(one_line(flag.err)) << flag.err;
}

}  // namespace
}  // namespace kts::probe_test
