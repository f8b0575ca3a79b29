// SPDX-License-Identifier: Apache-2.0
// Every text that a contention matrix becomes, against tests/golden/matrix.
#include "kts/report/matrix.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "expect_golden.hpp"
#include "matrix_words.hpp"
#include "places.hpp"

namespace kts::report::matrix_test {
namespace {

using analysis::Estimate;
using analysis::MatrixCell;
using analysis::SetResult;
using analysis::Verdict;
using testing::HasSubstr;

Estimate around(double value, double share) {
  return {value, value * (1 - share), value * (1 + share)};
}

MatrixCell cell(const std::string& agent, double p99, double df, double kept, int copies = 1) {
  MatrixCell c;
  c.agent = agent;
  c.copies = copies;
  c.n = 4000;
  c.blocks = 10;
  c.p50 = around(p99 / 3, 0.02);
  c.p75 = around(p99 / 2, 0.03);
  c.p90 = around(p99 / 1.7, 0.03);
  c.p95 = around(p99 / 1.5, 0.04);
  c.p99 = around(p99, 0.08);
  c.df = around(df, 0.1);
  c.verdict = df > 1.2 ? Verdict::kHurt : Verdict::kCannotConclude;
  c.gpu_time_df = around(1, 0.03);
  c.kept = around(kept, 0.01);
  return c;
}

Matrix study() {
  Matrix m;
  m.header.run_id = "r";
  m.header.scenario = "three agents";
  m.header.started = "2026-11-26T10:00:00Z";
  m.header.duration_s = 600;
  m.header.sharing = "time-slicing";
  m.header.device = {"cuda", "NVIDIA H200", "GPU-1", "580"};
  m.header.source = "kts.records/v2";
  for (const char* name : {"router", "thinker|heavy", "decode"}) {
    analysis::AgentInfo info;
    info.name = name;
    info.workload = "fft 4096";
    info.arrival = "poisson 200/s";
    info.baseline = name;
    m.header.agents.push_back(info);
    m.alone.push_back({name, 4000, 10, around(0.24, 0.02), around(0.36, 0.03), around(0.46, 0.05),
                       around(200, 0.01), false});
  }
  const auto add = [&m](std::vector<std::string> agents, std::vector<MatrixCell> cells,
                        double kept_sum) {
    m.sets.push_back(SetResult{std::move(agents), 10, std::move(cells), around(kept_sum, 0.02)});
  };
  add({"router", "router"}, {cell("router", 0.9, 1.9, 1, 2)}, 2);
  add({"router", "thinker|heavy"},
      {cell("router", 5.4, 11.7, 0.99), cell("thinker|heavy", 4.1, 1.04, 0.91)}, 1.9);
  MatrixCell overloaded = cell("router", 99, 60, 0.4);
  overloaded.overloaded = true;
  overloaded.why = "the backlog keeps growing in 10 of 10 blocks";
  add({"router", "decode"}, {overloaded, cell("decode", 2.2, 1.6, 0.62)}, 1.02);
  MatrixCell slow = cell("thinker|heavy", 30, 2.1, 0.5, 2);
  slow.quantile = 0.9;
  slow.n = 40;
  slow.verdict = Verdict::kCannotConclude;
  add({"thinker|heavy", "thinker|heavy"}, {slow}, 1);
  add({"router", "thinker|heavy", "thinker|heavy"},
      {cell("router", 11.2, 24.1, 0.98), cell("thinker|heavy", 9.1, 2.2, 0.46, 2)}, 1.9);
  MatrixCell empty;
  empty.agent = "router";
  add({"router", "thinker|heavy", "thinker|heavy", "thinker|heavy"},
      {cell("router", 22.5, 48.4, 0.97), cell("thinker|heavy", 14.1, 3.1, 0.3, 3)}, 1.87);
  m.sets.push_back(SetResult{{"router", "decode", "decode"}, 1, {empty}, {}});
  MatrixCell unshared;
  unshared.agent = "decode";
  unshared.copies = 2;
  unshared.why = "none of its 3 blocks was shared: a foreign process was on the device";
  m.sets.push_back(
      SetResult{{"decode", "decode"}, 0, {unshared}, {}, 3, "a foreign process was on the device"});
  analysis::MemoryUse memory;
  for (const char* name : {"router", "thinker|heavy", "decode", "decode-2"}) {
    analysis::AgentMemory agent;
    agent.agent = name;
    agent.weights = std::uint64_t{15} << 30;
    agent.predicted = agent.weights;
    agent.allocated = agent.weights;
    agent.missing = "under MPS the driver's figures are the server's";
    memory.agents.push_back(agent);
  }
  memory.predicted = std::uint64_t{60} << 30;
  memory.device = std::uint64_t{140} << 30;
  m.header.memory = memory;
  m.largest = analysis::SetMemory{{"router", "decode", "decode"}, std::uint64_t{45} << 30, 0.32};
  m.header.warnings = {"one <warning>"};
  m.header.inconclusive = {"blocks/07-shared was not shared: a foreign process was on the device"};
  return m;
}

Drawing stand_ins(const Matrix& matrix) {
  Drawing drawing{plan_plots(matrix), {}};
  for (auto& plot : drawing.plots) plot.svg = "<svg viewBox=\"0 0 2 1\"></svg>\n";
  return drawing;
}

const std::filesystem::path kGolden = in_source("tests/golden/matrix");

TEST(MatrixReport, JsonIsUnchanged) {
  expect_golden(kGolden / "matrix.json", matrix_json(study()));
}
TEST(MatrixReport, CsvIsUnchanged) { expect_golden(kGolden / "matrix.csv", matrix_csv(study())); }
TEST(MatrixReport, MarkdownIsUnchanged) {
  expect_golden(kGolden / "results.md", matrix_markdown(study()));
}
TEST(MatrixReport, HtmlIsUnchanged) {
  const Matrix matrix = study();
  expect_golden(kGolden / "report.html", matrix_html(matrix, stand_ins(matrix)));
}
TEST(MatrixReport, TerminalTableIsUnchanged) {
  expect_golden(kGolden / "terminal.txt", matrix_table(study(), {}));
}
TEST(MatrixReport, GnuplotScriptsAreUnchanged) {
  const Matrix matrix = study();
  const auto plots = plan_plots(matrix);
  EXPECT_EQ(plots.size(), 2U);
  for (const auto& plot : plots) expect_golden(kGolden / (plot.name + ".gnuplot"), plot.script);
}

TEST(MatrixReport, FindingIsAboutTheAgentThatPaysMost) {
  EXPECT_THAT(finding(study()), HasSubstr("router can't keep up beside decode"));
  Matrix matrix = study();
  std::erase_if(matrix.sets, [](const SetResult& s) { return s.cells.front().overloaded; });
  EXPECT_THAT(finding(matrix),
              HasSubstr("Beside 3 × thinker|heavy, router's p99 latency is 48.4×"));
  matrix.sets.clear();
  EXPECT_THAT(finding(matrix), HasSubstr("can't support a conclusion"));
}

TEST(MatrixReport, FindingNamesEveryCompanyThatAnAgentDrownsIn) {
  Matrix matrix = study();
  std::size_t drowned = 0;
  for (SetResult& set : matrix.sets) {
    for (auto& cell : set.cells) {
      cell.overloaded = cell.agent == "router";
      drowned += cell.overloaded ? 1 : 0;
    }
  }
  ASSERT_GT(drowned, 3U);
  const std::string said = finding(matrix);
  EXPECT_THAT(said, testing::MatchesRegex("router can't keep up beside .+, nor beside .+, nor "
                                          "beside .+, nor in [0-9]+ more sets\\."));
  EXPECT_THAT(said, HasSubstr(fmt::format("nor in {} more sets", drowned - 3)));
}

TEST(MatrixReport, WhatIsKnownOfALowerQuantileIsToldWithoutAVerdict) {
  Matrix matrix = study();
  // The one cell of which p90 alone is known.
  std::erase_if(matrix.sets, [](const SetResult& s) { return s.cells.front().quantile == 0.99; });
  EXPECT_EQ(finding(matrix),
            "No set has a verdict on p99 latency yet: more rounds would give one. Beside "
            "thinker|heavy, thinker|heavy's p90 latency is 2.10× what it is alone (95 % interval "
            "1.89–2.31), with 50.0 % of its throughput.");
}

TEST(MatrixReport, CountsInHowManyCellsTheDevicesTimeWouldHaveShownIt) {
  Matrix matrix = study();
  matrix.sets[1].cells[0].gpu_time_df = around(3, 0.1);
  const auto said = [&] { return fmt::format("{}", fmt::join(sentences(matrix), " ")); };
  EXPECT_THAT(said(), HasSubstr("in which p99 latency is hurt, CUDA events' time alone would have "
                                "shown 1."));
  matrix.header.device.kind = "cpu";
  EXPECT_THAT(said(), HasSubstr("is hurt, device time alone would have shown 1."));
  for (const std::string& text : {matrix_markdown(matrix), matrix_html(matrix, {})}) {
    EXPECT_THAT(text, testing::Not(HasSubstr("CUDA")));
    EXPECT_THAT(text, HasSubstr("device time"));
  }
}

TEST(MatrixReport, AnOpenSideOfAnIntervalIsAnArrowToTheEdge) {
  Matrix matrix = study();
  const auto scaling = [&] { return plan_plots(matrix).back(); };
  EXPECT_THAT(scaling().title, testing::Not(HasSubstr("arrow")));
  EXPECT_THAT(scaling().script, testing::Not(HasSubstr("graph 1 head")));
  for (SetResult& set : matrix.sets) {
    if (set.agents.size() == 4) set.cells[0].p99 = {22.5, 20.5, {}};
  }
  EXPECT_THAT(scaling().script,
              testing::AllOf(HasSubstr("from first 4,22.5 to first 4,20.5 head size"),
                             HasSubstr("from first 4,22.5 to first 4, graph 1 head filled")));
  EXPECT_THAT(scaling().title, HasSubstr("an arrow: on that side these samples give no bound"));
}

TEST(MatrixReport, WithoutPairsThereIsNoHeatMap) {
  Matrix matrix = study();
  std::erase_if(matrix.sets, [](const SetResult& s) { return s.agents.size() == 2; });
  for (const auto& plot : plan_plots(matrix)) EXPECT_NE(plot.name, "matrix");
}

TEST(MatrixReport, RealGnuplotDrawsBoth) {
  const Drawing drawing = draw_all(plan_plots(study()), "gnuplot");
  if (!drawing.missing.empty()) GTEST_SKIP() << drawing.missing;
  for (const auto& plot : drawing.plots) EXPECT_THAT(plot.svg, HasSubstr("</svg>"));
}

}  // namespace
}  // namespace kts::report::matrix_test
