// SPDX-License-Identifier: Apache-2.0
#include "kts/report/report.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>

#include "commands.hpp"
#include "kts/analysis/fleet.hpp"
#include "kts/analysis/iteration_covariates.hpp"
#include "kts/analysis/matrix.hpp"
#include "kts/analysis/modes.hpp"
#include "kts/analysis/summarize.hpp"
#include "kts/base/text.hpp"
#include "kts/base/units.hpp"
#include "kts/report/fleet.hpp"
#include "kts/report/matrix.hpp"

namespace kts::app {
namespace {

constexpr std::int64_t kLeastTrace = std::int64_t{1} << 20;

struct ReportCommand {
  std::string run;
  ReportOptions report;
  std::string trace_limit;
  bool trace_all = false;
};

void explain(const analysis::Summary& summary, ErrorCode code) {
  if (code == ErrorCode::kInconclusive) {
    fmt::print(stderr, "exit 5: the run can't support its conclusion: {}\n",
               printable(summary.inconclusive.front()));
  }
  if (code == ErrorCode::kGateFailed) {
    fmt::print(stderr, "exit 3: an objective was missed: {}\n",
               printable(report::missed_objectives(summary)));
  }
}

// trace.json, unless it isn't wanted; what it had to leave out.
Result<std::vector<std::string>> draw_trace(const std::filesystem::path& run,
                                            const std::filesystem::path& folder,
                                            const ReportOptions& options) {
  if (options.no_trace) return std::vector<std::string>{};
  return timeline::write_trace(run, folder, options.trace);
}

// What was measured on a node; nothing where nothing was.
std::optional<analysis::Summary> report_on_node(const std::filesystem::path& run,
                                                const std::filesystem::path& out,
                                                const ReportOptions& options) {
  std::error_code ec;
  if (!std::filesystem::is_directory(run / "blocks", ec)) return std::nullopt;
  const auto say = [&](std::string_view what) {
    fmt::print(stderr, "warning: {}: {}\n", run.filename().string(), printable(what));
  };
  const auto data = analysis::load(run);
  if (!data) {
    say(to_line(data.error()));
    return std::nullopt;
  }
  analysis::Summary summary = analysis::summarize(*data);
  if (const auto written = report::write_all(summary, out); !written) say(to_line(written.error()));
  const auto traced = draw_trace(run, out, options);
  if (!traced) say(to_line(traced.error()));
  if (traced) std::ranges::for_each(*traced, say);
  for (const std::string& warning : summary.warnings) say(warning);
  return summary;
}

Result<int> report_on_fleet(const std::filesystem::path& run, const ReportOptions& options) {
  KTS_TRY(analysis::Fleet fleet, analysis::load_fleet(run));
  if (!options.load.phases.empty() || !options.load.agents.empty()) {
    return bad_input("a fleet's folder says phases and agents by itself",
                     "leave --phase and --agent to folders of v1 logs", run.string());
  }
  const std::filesystem::path& folder = options.out.empty() ? run : options.out;
  std::vector<std::optional<analysis::Summary>> summaries;
  for (const analysis::FleetNode& node : fleet.nodes) {
    summaries.push_back(report_on_node(analysis::node_folder(run, node.node),
                                       analysis::node_folder(folder, node.node), options));
  }
  const analysis::FleetSummary summary =
      analysis::compare_nodes(std::move(fleet), std::move(summaries));
  KTS_CHECK_OK(report::write_fleet(summary, folder));
  if (options.json) {
    fmt::print("{}", report::fleet_json(summary));
  } else {
    fmt::print("{}\n{}\n", report::fleet_table(summary, report::terminal_style(STDOUT_FILENO)),
               folder.string());
  }
  KTS_CHECK_OK(flush_output());
  tell_of_page(folder / "results.md", {});
  return analysis::exit_code(summary);
}

// Writes a whole report and prints its table or its JSON.
template <typename Report>
Status publish(const Report& report, const std::string& table, const std::string& json,
               const std::vector<std::string>& warnings, const std::filesystem::path& run,
               const std::filesystem::path& folder, const ReportOptions& options) {
  KTS_TRY(const std::vector<std::string> more, report::write_all(report, folder));
  const auto cut = draw_trace(run, folder, options);
  // The largest file: where the disk has no room for it, the rest is there.
  if (!cut && cut.error().code != ErrorCode::kEnvironment) return tl::unexpected(cut.error());
  if (options.json) {
    fmt::print("{}", json);
  } else {
    fmt::print("{}\n{}\n", table, folder.string());
  }
  KTS_CHECK_OK(flush_output());
  if (!cut) {
    return fail(
        cut.error().code, cut.error().message,
        fmt::format("{}; kts report {} --no-trace leaves it out", cut.error().hint, run.string()),
        cut.error().where);
  }
  tell_of_page(folder / "report.html", {&warnings, &more, &*cut});
  return {};
}

Status take_limit(ReportCommand& command) {
  if (command.trace_all) command.report.trace.limit_bytes.reset();
  if (command.trace_limit.empty()) return {};
  const auto bytes = parse_bytes(command.trace_limit);
  if (!bytes || *bytes < kLeastTrace) {
    return bad_input(fmt::format("'{}' is no size of a trace", command.trace_limit),
                     "give 1MiB or more", "--trace-limit");
  }
  command.report.trace.limit_bytes = static_cast<std::uint64_t>(*bytes);
  return {};
}

}  // namespace

Result<int> report_on(const std::filesystem::path& run, const ReportOptions& options) {
  if (analysis::is_fleet(run)) return report_on_fleet(run, options);
  KTS_TRY(const analysis::RunData data, analysis::load(run, options.load));
  const std::filesystem::path& folder = options.out.empty() ? run : options.out;
  const report::TerminalStyle style = report::terminal_style(STDOUT_FILENO);
  if (data.is_matrix) {
    const analysis::Matrix matrix = analysis::contention(data);
    KTS_CHECK_OK(publish(matrix, report::matrix_table(matrix, style), report::matrix_json(matrix),
                         matrix.header.warnings, run, folder, options));
    const int code = analysis::exit_code(matrix);
    if (code == static_cast<int>(ErrorCode::kInconclusive)) {
      std::vector<std::string> why = matrix.damage;
      if (!why.empty()) why.emplace_back("restore the files, or remove their blocks' folders");
      why.insert(why.end(), matrix.open.begin(), matrix.open.end());
      if (!matrix.open.empty()) {
        why.push_back(
            fmt::format("kts matrix --resume {} --minutes M measures more", run.string()));
      }
      fmt::print(stderr, "exit 5: {}\n", printable(fmt::format("{}", fmt::join(why, "; "))));
    }
    return code;
  }
  const analysis::Summary summary = analysis::summarize(data);
  KTS_CHECK_OK(publish(summary, report::terminal_table(summary, style),
                       report::summary_json(summary), summary.warnings, run, folder, options));
  KTS_TRY(const analysis::IterationJoin join,
          analysis::join_iterations(run, summary, folder / "iteration_covariates.csv"));
  if (join.joined > 0) {
    fmt::print(stderr, "telemetry: {} of {} iterations outlast a reading: {}\n", join.joined,
               join.iterations, (folder / "iteration_covariates.csv").string());
  }
  const int code = analysis::exit_code(summary);
  explain(summary, static_cast<ErrorCode>(code));
  return code;
}

Command add_report(CLI::App& root) {
  auto options = std::make_shared<ReportCommand>();
  CLI::App* parser =
      root.add_subcommand("report", "Derive tables, plots and verdicts from what a run recorded");
  parser
      ->add_option("run", options->run,
                   "A run's or fleet's folder, one of kts matrix, modes or probe, or a folder of "
                   "v1 logs")
      ->required()
      ->type_name("RUN");
  parser->add_option("--out", options->report.out, "Where to write; default: into RUN")
      ->type_name("DIR");
  parser->add_flag("--json", options->report.json, "Print the JSON in place of the table");
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
  parser
      ->add_option(
          "--datasheet", options->report.load.datasheet,
          "How the device takes turns, from kts probe; default: datasheet.json in RUN, else "
          "estimated from the run")
      ->type_name("FILE");
  parser->add_flag("--no-trace", options->report.no_trace, "Leave trace.json as it is")
      ->group("trace.json");
  auto* all = parser
                  ->add_flag("--trace-all", options->trace_all,
                             "Draw every request, however large the file gets")
                  ->group("trace.json");
  parser
      ->add_option("--trace-block", options->report.trace.blocks,
                   "Draw this block alone, by its number; repeatable")
      ->type_name("N")
      ->expected(1)
      ->take_all()
      ->group("trace.json");
  parser
      ->add_option("--trace-limit", options->trace_limit,
                   "Largest size; each block and agent gets an equal share; default 64MiB")
      ->type_name("SIZE")
      ->excludes(all)
      ->group("trace.json");
  return {parser, [options]() -> Result<int> {
            KTS_CHECK_OK(take_limit(*options));
            const std::filesystem::path run = options->run;
            if (analysis::is_modes_folder(run)) return report_on_modes(run, options->report);
            if (is_probe_folder(run)) return report_on_probe(run, options->report);
            return report_on(run, options->report);
          }};
}

}  // namespace kts::app
