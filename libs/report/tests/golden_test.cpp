// SPDX-License-Identifier: Apache-2.0
// Every text that a summary becomes, against tests/golden/report. KTS_UPDATE_GOLDEN=1 rewrites it.
#include <gtest/gtest.h>

#include <filesystem>

#include "expect_golden.hpp"
#include "fixtures.hpp"
#include "kts/report/report.hpp"
#include "places.hpp"

namespace kts::report::golden_test {
namespace {

const std::filesystem::path kGolden = in_source("tests/golden/report");

// gnuplot's own bytes differ between its versions, so what goes in is compared instead.
Drawing stand_ins(const Summary& summary) {
  Drawing drawing{plan_plots(summary), {}};
  for (auto& plot : drawing.plots) {
    plot.svg =
        "<?xml version=\"1.0\"?>\n<svg width=\"2\" height=\"1\" viewBox=\"0 0 2 1\">"
        "<path id='p' stroke='rgb(  0, 114, 178)'/><use href='#p'/></svg>\n";
  }
  return drawing;
}

class Golden : public testing::TestWithParam<fixtures::Fixture> {
 protected:
  [[nodiscard]] std::filesystem::path file(std::string_view name) const {
    return kGolden / GetParam().name / name;
  }
  Summary summary_ = GetParam().make();
};

TEST_P(Golden, JsonIsUnchanged) { expect_golden(file("summary.json"), summary_json(summary_)); }
TEST_P(Golden, CsvIsUnchanged) { expect_golden(file("summary.csv"), summary_csv(summary_)); }
TEST_P(Golden, KernelsAreUnchanged) {
  if (summary_.kernel_changes.empty()) return;
  expect_golden(file("kernels.csv"), kernels_csv(summary_));
}
TEST_P(Golden, MarkdownIsUnchanged) {
  expect_golden(file("results.md"), results_markdown(summary_));
}
TEST_P(Golden, HtmlIsUnchanged) {
  expect_golden(file("report.html"), report_html(summary_, stand_ins(summary_)));
}
TEST_P(Golden, TerminalTableIsUnchanged) {
  expect_golden(file("terminal.txt"), terminal_table(summary_, {}));
}
TEST_P(Golden, GnuplotScriptsAreUnchanged) {
  for (const auto& plot : plan_plots(summary_)) {
    expect_golden(file(plot.name + ".gnuplot"), plot.script);
  }
}

INSTANTIATE_TEST_SUITE_P(Report, Golden, testing::ValuesIn(fixtures::all()),
                         [](const auto& param) { return std::string(param.param.name); });

}  // namespace
}  // namespace kts::report::golden_test
