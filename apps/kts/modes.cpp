// SPDX-License-Identifier: Apache-2.0
#include "kts/runner/modes.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "commands.hpp"
#include "kts/analysis/summarize.hpp"
#include "kts/base/text.hpp"
#include "kts/report/modes.hpp"
#include "local_machine.hpp"

namespace kts::app {
namespace {

struct ModesOptions {
  LocalOptions local;
  std::vector<std::string> ways;
  std::vector<int> in_flight;
  std::string beside = "all";
  int rounds = 2;
  bool json = false;
};

// With where to find what there is, and how to go on.
Error with_modes_folder(Error error, const std::filesystem::path& folder) {
  std::error_code ec;
  const std::filesystem::directory_iterator runs(folder / "modes", ec);
  const bool any = std::any_of(begin(runs), end(runs),
                               [](const auto& run) { return any_block_is_over(run.path()); });
  if (!error.hint.empty()) error.hint += "; ";
  error.hint += any ? fmt::format(
                          "what was measured is in {0}; kts report {0} reads it; kts modes doesn't "
                          "go on there: give another --out to measure anew",
                          folder.string())
                    : fmt::format("no block was over yet; what the workers said is in {}",
                                  (folder / "modes" / "*" / "workers").string());
  return error;
}

// The folder. While it measures, signals end it in good order; afterwards they act as usual.
Result<std::filesystem::path> measure(const ModesOptions& options) {
  KTS_TRY(const auto machine, LocalMachine::open(options.local.worker));
  KTS_TRY(scenario::Scenario scenario, machine->load(options.local));
  const std::filesystem::path folder =
      options.local.out.empty()
          ? std::filesystem::path(folder_for(options.local, scenario).string() + "-modes")
          : std::filesystem::path(options.local.out);
  runner::ModesRun modes;
  modes.base = machine->run(std::move(scenario), folder);
  modes.ways = options.ways;
  modes.in_flight = options.in_flight;
  modes.beside_each = options.beside == "each";
  modes.rounds = options.rounds;
  KTS_TRY(runner::ModesWork work, runner::plan_modes(modes, machine->gpus()));
  KTS_CHECK_OK(machine->check_memory(runner::largest_run(work)));
  KTS_CHECK_OK(runner::prepare_folder(folder));
  for (const auto& entry : work.plan.entries) {
    if (!entry.folder.empty()) continue;
    machine->progress().note(
        fmt::format("{} beside {} is left out: {}", entry.way, entry.company, entry.reason));
  }
  if (auto measured = runner::run_modes(modes, std::move(work), machine->progress()); !measured) {
    return tl::unexpected(with_modes_folder(std::move(measured).error(), folder));
  }
  return folder;
}

// Of each run in the folder, as kts report makes it; one that was left out early has none.
Status report_runs(const std::filesystem::path& folder) {
  std::error_code ec;
  for (const auto& entry : std::filesystem::directory_iterator(folder / "modes", ec)) {
    if (!entry.is_directory()) continue;
    if (const auto data = analysis::load(entry.path())) {
      KTS_CHECK_OK(report::write_all(analysis::summarize(*data), entry.path()));
    }
  }
  return {};
}

}  // namespace

Result<int> report_on_modes(const std::filesystem::path& folder, const ReportOptions& options) {
  KTS_TRY(const analysis::ModesSummary modes, analysis::load_modes(folder));
  const std::filesystem::path& out = options.out.empty() ? folder : options.out;
  KTS_TRY(const std::vector<std::string> warnings, report::write_modes(modes, out));
  if (options.json) {
    fmt::print("{}", report::modes_json(modes));
  } else {
    fmt::print("{}\n{}\n", report::modes_table(modes, report::terminal_style(STDOUT_FILENO)),
               out.string());
  }
  KTS_CHECK_OK(flush_output());
  tell_of_page(out / "report.html", {&modes.warnings, &warnings});
  const int code = analysis::exit_code(modes);
  if (code == static_cast<int>(ErrorCode::kInconclusive)) {
    fmt::print(stderr, "exit 5: {}\n",
               printable(fmt::format("{}", fmt::join(analysis::inconclusive(modes), "; "))));
  }
  if (code == static_cast<int>(ErrorCode::kGateFailed)) {
    fmt::print(stderr, "exit 3: no way of sharing meets the objective\n");
  }
  return code;
}

Command add_modes(CLI::App& root) {
  auto options = std::make_shared<ModesOptions>();
  CLI::App* parser = root.add_subcommand(
      "modes", "Measure a scenario in every sharing mode side by side, and say which to take");
  add_local_options(*parser, options->local, "runs/<UTC stamp>-<scenario>-modes");
  parser
      ->add_option("--modes", options->ways,
                   "Of time-slicing, mps, mps-partitions, streams, mig and the scenario's "
                   "variants, with commas; "
                   "default: all. Each agent or chain alone is always measured: the baseline")
      ->delimiter(',')
      ->type_name("LIST");
  parser
      ->add_option("--in-flight", options->in_flight,
                   "How many iterations the neighbours queue ahead: each of these in turn, as 1,4")
      ->delimiter(',')
      ->check(CLI::Range(1, 256))
      ->type_name("LIST");
  parser
      ->add_option("--beside", options->beside,
                   "all neighbours at once, or each of them in turn: the best mode can depend on "
                   "the neighbour")
      ->check(CLI::IsMember({"all", "each"}))
      ->capture_default_str();
  parser
      ->add_option("--rounds", options->rounds,
                   "In how many rounds the modes take turns, every other one backwards")
      ->type_name("N")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  parser->add_flag("--json", options->json, "Print modes.json in place of the table");
  return {parser, [options]() -> Result<int> {
            KTS_TRY(const std::filesystem::path folder, measure(*options));
            KTS_CHECK_OK(report_runs(folder));
            ReportOptions report;
            report.json = options->json;
            return report_on_modes(folder, report);
          }};
}

}  // namespace kts::app
