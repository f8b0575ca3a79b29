// SPDX-License-Identifier: Apache-2.0
#include "kts/report/report.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <string>

#include "commands.hpp"
#include "kts/analysis/modes.hpp"
#include "kts/analysis/summarize.hpp"

namespace kts::app {
namespace {

struct ReportCommand {
  std::string run;
  ReportOptions report;
};

void explain(const analysis::Summary& summary, ErrorCode code) {
  if (code == ErrorCode::kInconclusive) {
    fmt::print(stderr, "exit 5: the run can't support its conclusion: {}\n",
               report::printable(summary.inconclusive.front()));
  }
  if (code == ErrorCode::kGateFailed) {
    fmt::print(stderr, "exit 3: an objective was missed: {}\n",
               report::printable(report::missed_objectives(summary)));
  }
}

}  // namespace

Result<int> report_on(const std::filesystem::path& run, const ReportOptions& options) {
  KTS_TRY(const analysis::RunData data, analysis::load(run, options.load));
  const analysis::Summary summary = analysis::summarize(data);
  const std::filesystem::path& folder = options.out.empty() ? run : options.out;
  KTS_TRY(const std::vector<std::string> warnings, report::write_all(summary, folder));
  if (options.json) {
    fmt::print("{}", report::summary_json(summary));
  } else {
    fmt::print("{}\n{}\n", report::terminal_table(summary, report::terminal_style(STDOUT_FILENO)),
               folder.string());
  }
  KTS_CHECK_OK(flush_output());
  fmt::print(stderr, "report: {}\n", (folder / "report.html").string());
  for (const auto* list : {&summary.warnings, &warnings}) {
    for (const auto& warning : *list) {
      fmt::print(stderr, "warning: {}\n", report::printable(warning));
    }
  }
  const int code = analysis::exit_code(summary);
  explain(summary, static_cast<ErrorCode>(code));
  return code;
}

Command add_report(CLI::App& root) {
  auto options = std::make_shared<ReportCommand>();
  CLI::App* parser =
      root.add_subcommand("report", "Derive tables, plots and verdicts from what a run recorded");
  parser->add_option("run", options->run, "A run's folder, one of kts modes, or a folder of v1 logs")
      ->required()
      ->type_name("RUN");
  parser->add_option("--out", options->report.out, "Where to write; default: into RUN")
      ->type_name("DIR");
  parser->add_flag("--json", options->report.json, "Print summary.json in place of the table");
  parser
      ->add_option("--phase", options->report.load.phases,
                   "Phase of a v1 log that doesn't say: solo or shared; repeatable")
      ->type_name("FILE=PHASE")
      ->expected(1)
      ->take_all();
  parser
      ->add_option("--agent", options->report.load.agents,
                   "Agent of a v1 log that doesn't say; repeatable")
      ->type_name("FILE=NAME")
      ->expected(1)
      ->take_all();
  return {parser, [options] {
            return analysis::is_modes_folder(options->run)
                       ? report_on_modes(options->run, options->report)
                       : report_on(options->run, options->report);
          }};
}

}  // namespace kts::app
