// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <string>
#include <vector>

#include "kts/analysis/load.hpp"
#include "kts/base/error.hpp"
#include "kts/timeline/timeline.hpp"

namespace kts::app {

// A subcommand: registered with the parser, run after parsing. The result is the exit code.
struct Command {
  CLI::App* parser = nullptr;
  std::function<Result<int>()> run;
};

Command add_run(CLI::App& root);
Command add_matrix(CLI::App& root);
Command add_report(CLI::App& root);
Command add_compare(CLI::App& root);
Command add_scenario(CLI::App& root);
Command add_schema(CLI::App& root);
Command add_doctor(CLI::App& root);
Command add_cluster(CLI::App& root);
Command add_image(CLI::App& root);
Command add_workload(CLI::App& root);
Command add_modes(CLI::App& root);
Command add_probe(CLI::App& root);
Command add_completion(CLI::App& root);

// kEnvironment when not all that was printed could be written.
[[nodiscard]] Status flush_output();
// On stderr: where the page lies that was written, and what is to be warned of.
void tell_of_page(const std::filesystem::path& page,
                  std::initializer_list<const std::vector<std::string>*> warnings);

struct ReportOptions {
  analysis::LoadOptions load;
  std::filesystem::path out;  // empty: into the run's own folder
  bool json = false;
  timeline::TimelineOptions trace;
  bool no_trace = false;
};
// Derives the report of `run`, writes it, and prints the table or the JSON to stdout, warnings and
// what the exit code means to stderr. The result is the exit code that the run deserves.
[[nodiscard]] Result<int> report_on(const std::filesystem::path& run, const ReportOptions& options);
// The same of a folder of kts probe, which holds a data sheet and no blocks.
[[nodiscard]] bool is_probe_folder(const std::filesystem::path& folder);
[[nodiscard]] Result<int> report_on_probe(const std::filesystem::path& folder,
                                          const ReportOptions& options);
// The same of a folder of kts modes.
[[nodiscard]] Result<int> report_on_modes(const std::filesystem::path& folder,
                                          const ReportOptions& options);

}  // namespace kts::app
