// SPDX-License-Identifier: Apache-2.0
#include "kts/report/modes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "expect_golden.hpp"
#include "places.hpp"
#include "schema_walker.hpp"

namespace kts::report::modes_test {
namespace {

using analysis::ModeResult;
using analysis::ModesSummary;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

ModeResult way(std::string name, std::string sharing, std::string company, double p99,
               double kept) {
  ModeResult mode;
  mode.entry = {name, std::move(sharing), std::move(company), "modes/" + name, {}};
  mode.measured = true;
  mode.n = 4000;
  mode.blocks = 10;
  mode.p50 = {p99 / 4, p99 / 4.1, p99 / 3.9};
  mode.p95 = {p99 / 2, p99 / 2.1, p99 / 1.9};
  mode.p99 = {p99, p99 * 0.95, p99 * 1.05};
  mode.p999 = {p99 * 2, p99 * 1.5, {}};
  mode.df = {p99 / 0.5, p99 / 0.55, p99 / 0.45};
  mode.df_common = {p99 / 0.443, p99 / 0.5, p99 / 0.4};
  mode.neighbours = {{mode.entry.company, 368.0 * kept, {kept, kept * 0.97, kept * 1.03}}};
  mode.kept_ratio = mode.neighbours[0].kept;
  if (mode.entry.way != "mps-75") mode.memory_in_use_bytes = std::uint64_t{3} << 30;
  return mode;
}

// After the figures of a real card.
ModesSummary frontier() {
  ModesSummary modes;
  modes.id = "20261126T101500Z-frontier-modes";
  modes.scenario = "frontier";
  modes.agent.name = "fft";
  modes.agent.workload = "fft 4096";
  modes.agent.arrival = "poisson 200/s";
  modes.device = {"cuda", "NVIDIA H200", "GPU-0", "580.159.03"};
  modes.started = "2026-11-26T10:15:00Z";
  modes.rounds = 2;
  modes.baseline.agent = "fft";
  modes.baseline.n = 3800;
  modes.baseline.blocks = 10;
  modes.baseline.p50 = {0.245, 0.244, 0.247};
  modes.baseline.p95 = {0.324, 0.320, 0.330};
  modes.baseline.p99 = {0.443, 0.430, 0.460};
  modes.baseline.p999 = {0.535, 0.510, {}};
  analysis::CompanyResult gemm{"gemm, encoder", {}, {}, {}};
  gemm.modes = {
      way("time-slicing", "time-slicing", "gemm", 7.6, 0.90), way("mps", "mps", "gemm", 17.4, 1.0),
      way("mps-priority", "mps", "gemm", 3.42, 0.96), way("mps-75", "mps", "gemm", 1.2, 0.63),
      way("streams", "streams", "gemm", 12, 0.99)};
  gemm.modes[4].inconclusive = {"fft is overloaded"};
  ModeResult mig;
  for (ModeResult& mode : gemm.modes) {
    analysis::MemoryUse memory;
    memory.predicted = std::uint64_t{3} << 30;
    memory.device = std::uint64_t{140} << 30;
    memory.predicted_share = 0.021;
    memory.agents.resize(1);
    memory.agents[0].agent = "fft";
    memory.measured_by = "processes";
    if (mode.entry.sharing == "mps") {
      memory.agents[0].missing = "under MPS the driver's figures are the server's";
      memory.measured_by = "card";
    }
    memory.measured = std::uint64_t{3} << 30;
    memory.measured_share = 0.021;
    memory.error_ratio = 0;
    mode.memory = memory;
  }
  mig.entry = {"mig", "mig", "gemm", "", "MIG is not enabled on this card"};
  gemm.modes.push_back(mig);
  analysis::CompanyResult decode{"decode", {}, {}, {}};
  decode.modes = {way("time-slicing", "time-slicing", "decode", 5.3, 0.90),
                  way("mps", "mps", "decode", 0.474, 0.93)};
  modes.companies = {gemm, decode};
  ModesSummary encoder;
  encoder.agent.name = "encoder";
  encoder.agent.workload = "encoder bert-base";
  encoder.agent.arrival = "poisson 50/s";
  encoder.baseline = modes.baseline;
  encoder.baseline.agent = "encoder";
  encoder.companies = {{"fft, gemm",
                        {way("time-slicing", "time-slicing", "fft", 9.1, 0.99),
                         way("mps-priority", "mps", "fft", 21, 0.98)},
                        {},
                        {}}};
  modes.others = {encoder};
  modes.warnings = {"mps, beside gemm: something that a run had to say"};
  analysis::advise(modes);
  return modes;
}

std::filesystem::path golden(const std::string& file) {
  return in_source("tests/golden/modes/") + file;
}

TEST(ModesReport, IsWhatItWas) {
  const ModesSummary modes = frontier();
  expect_golden(golden("modes.json"), modes_json(modes));
  expect_golden(golden("modes.csv"), modes_csv(modes));
  expect_golden(golden("results.md"), modes_markdown(modes));
  expect_golden(golden("report.html"), modes_html(modes, {{}, "no plot: this is a test"}));
  expect_golden(golden("terminal.txt"), modes_table(modes, {}));
  ASSERT_EQ(plan_frontier(modes).size(), 1U);
  expect_golden(golden("frontier.gnuplot"), plan_frontier(modes)[0].script);
}

TEST(ModesReport, SaysWhatSpoilsItBesideTheAdvice) {
  ModesSummary modes = frontier();
  EXPECT_THAT(modes_markdown(modes), Not(HasSubstr("be concluded")));
  modes.spoilt = {"fft alone: 1 of 10 blocks is damaged and left out: blocks/03-solo-fft"};
  modes.companies[1].best.reset();
  const auto document = nlohmann::json::parse(modes_json(modes));
  EXPECT_EQ(document.at("inconclusive"),
            nlohmann::json({modes.spoilt[0], "nothing can be recommended beside decode"}));
  EXPECT_THAT(modes_markdown(modes),
              HasSubstr("\n## Why parts of it can't be concluded\n\n- " + modes.spoilt[0] + "\n"));
  EXPECT_THAT(modes_html(modes, {}), HasSubstr("<li>" + modes.spoilt[0] + "</li>"));
  EXPECT_THAT(modes_table(modes, {}), HasSubstr("can't conclude: fft alone: 1 of 10 blocks"));
}

TEST(ModesReport, HasTheSchemasKeysAndNoOthers) {
  const auto document = nlohmann::json::parse(*schema("modes"));
  SchemaWalker(document).expect_same_keys(nlohmann::json::parse(modes_json(frontier())), document,
                                          "frontier");
}

TEST(ModesReport, TextFromLogsIsMadeHarmless) {
  ModesSummary modes = frontier();
  modes.warnings = {"<b>\x1b[31m|a|"};
  modes.companies[0].modes[5].entry.reason = "<script>\nalert";
  EXPECT_THAT(modes_html(modes, {}), Not(HasSubstr("<script>")));
  EXPECT_THAT(modes_html(modes, {}), Not(HasSubstr("\x1b")));
  EXPECT_THAT(modes_markdown(modes), HasSubstr("\\|a\\|"));
  EXPECT_THAT(modes_table(modes, {}), Not(HasSubstr("script>\n")));
}

TEST(ModesReport, ABoundThatIsNotKnownIsDrawnOpen) {
  ModesSummary modes = frontier();
  EXPECT_THAT(plan_frontier(modes)[0].script, Not(HasSubstr("head filled")));
  EXPECT_THAT(plan_frontier(modes)[0].title, Not(HasSubstr("arrow")));
  modes.companies[0].modes[1].p99 = {13.8, 7.62, {}};
  const Plot plot = plan_frontier(modes)[0];
  EXPECT_THAT(plot.script, HasSubstr("from first 100,13.8 to first 100, graph 1 head filled"));
  EXPECT_THAT(
      plot.script,
      HasSubstr("from first 100,13.8 to first 100,7.62 head size screen 0.004,90 fixed front"));
  EXPECT_THAT(plot.title, HasSubstr("an arrow: on that side these samples give no bound"));
  EXPECT_THAT(plot.description, HasSubstr("mps 13.8 (at least 7.62) ms at 100 % kept"));
}

// For whoever reads, each in one line; the terminal's first.
std::vector<std::string> texts_of(const ModesSummary& modes) {
  std::vector<std::string> texts{modes_table(modes, {}), modes_markdown(modes),
                                 modes_html(modes, {})};
  for (std::string& text : texts) std::ranges::replace(text, '\n', ' ');
  return texts;
}

TEST(ModesReport, EveryLightAgentHasItsTables) {
  ModesSummary modes = frontier();
  for (const std::string& text : texts_of(modes)) {
    EXPECT_THAT(text, HasSubstr("encoder beside fft, gemm"));
    EXPECT_THAT(text, HasSubstr("encoder does better under time-slicing"));
  }
  EXPECT_THAT(modes_csv(modes), HasSubstr("\nencoder,\"fft, gemm\",time-slicing,"));
  // Of the only company, too.
  modes.companies.resize(1);
  analysis::advise(modes);
  EXPECT_THAT(texts_of(modes)[0], HasSubstr("encoder does better under time-slicing"));
  // What an agent's companies say together is its own.
  modes.others[0].companies.push_back(modes.others[0].companies[0]);
  modes.others[0].companies[1].company = "fft, decode";
  analysis::advise(modes);
  for (const std::string& text : texts_of(modes)) {
    EXPECT_THAT(text, HasSubstr("encoder: Take time-slicing: it is best"));
  }
}

TEST(ModesReport, WithoutAMeasuredWayThereIsNoPlot) {
  ModesSummary modes = frontier();
  modes.companies = {{"gemm", {frontier().companies[0].modes[5]}, {}, {}}};
  analysis::advise(modes);
  EXPECT_THAT(plan_frontier(modes), IsEmpty());
  EXPECT_THAT(modes_table(modes, {}), HasSubstr("not measured: MIG is not enabled"));
}

TEST(ModesReport, IsDrawnOrSaysWhyNot) {
  const auto folder = TemporaryDirectory::create().value();
  const auto warnings = write_modes(frontier(), folder.path(), {"no-such-gnuplot"});
  ASSERT_TRUE(warnings) << to_line(warnings.error());
  EXPECT_EQ(warnings->size(), 1U);
  for (const char* file : {"modes.json", "modes.csv", "results.md", "report.html"}) {
    EXPECT_TRUE(std::filesystem::exists(folder.path() / file)) << file;
  }
}

}  // namespace
}  // namespace kts::report::modes_test
