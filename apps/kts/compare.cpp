// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "commands.hpp"
#include "kts/report/comparison.hpp"

namespace kts::app {
namespace {

struct CompareOptions {
  std::string before, after;
  bool json = false, markdown = false, gate = false;
};

Result<int> compare(const CompareOptions& options) {
  KTS_TRY(analysis::Summary before, analysis::read_summary(options.before));
  KTS_TRY(analysis::Summary after, analysis::read_summary(options.after));
  KTS_TRY(const analysis::Comparison comparison,
          analysis::compare_runs(std::move(before), std::move(after)));
  fmt::print("{}", options.json       ? report::comparison_json(comparison)
                   : options.markdown ? report::comparison_markdown(comparison)
                                      : report::comparison_table(
                                            comparison, report::terminal_style(STDOUT_FILENO)));
  KTS_CHECK_OK(flush_output());
  if (!options.gate) return 0;
  const int code = exit_code(comparison);
  if (code != 0) {
    fmt::print(stderr, "exit {}: {}\n", code,
               code == static_cast<int>(ErrorCode::kGateFailed)
                   ? "an agent got slower"
                   : "of some agent it can't be told whether it got slower");
  }
  return code;
}

}  // namespace

Command add_compare(CLI::App& root) {
  auto options = std::make_shared<CompareOptions>();
  CLI::App* parser = root.add_subcommand(
      "compare", "What changed from one run to another: each agent's latency, with error bars");
  parser->add_option("before", options->before, "A run's folder, or the summary.json of one")
      ->required()
      ->type_name("RUN");
  parser->add_option("after", options->after, "The same of the other run")
      ->required()
      ->type_name("RUN");
  CLI::Option* json = parser->add_flag("--json", options->json, "Print JSON in place of the table");
  parser->add_flag("--markdown", options->markdown, "Print Markdown in place of the table")
      ->excludes(json);
  parser->add_flag("--gate", options->gate,
                   "Exit code 3 when an agent got slower, 5 when that can't be told of one");
  return {parser, [options] { return compare(*options); }};
}

}  // namespace kts::app
