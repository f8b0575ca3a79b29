// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <exception>
#include <string>
#include <system_error>
#include <vector>

#include "commands.hpp"
#include "help.hpp"
#include "kts/base/text.hpp"
#include "kts/base/units.hpp"
#include "kts/base/version.hpp"
#include "usage.hpp"

namespace {

using namespace kts;

constexpr const char* kFooter =
    "Examples:\n"
    "  kts run                         the study's two agents on this machine's device\n"
    "  kts run my.yaml --out r         a scenario of your own, its results in r\n"
    "  kts report r                    the report again, from what was recorded\n"
    "  kts compare r s                 what changed from one run to another\n"
    "  kts modes my.yaml               the same agents in every sharing mode, and which to take\n"
    "  kts matrix my.yaml              each agent beside each other: who pays what beside whom\n"
    "  kts probe                       how this device shares itself: slice, switch, launch, "
    "clocks\n"
    "  kts cluster status              how a Kubernetes cluster shares its GPUs\n"
    "  kts cluster share --replicas 4  … by time-slicing; kts cluster unshare puts back what was\n"
    "  kts image build                 the image that kts run --on kubernetes needs; then kts "
    "image load\n"
    "\n"
    "Exit codes: 0 done, 1 internal error, 2 bad usage or input, 3 a gate failed, 4 the\n"
    "environment lacks something, 5 the run can't support its conclusion, 130 interrupted.";

int fail_with(std::string_view who, const Error& error) {
  fmt::print(stderr, "{}: {}\n", who, to_line(error));
  return exit_code(error);
}

// The command that the first words name; CLI11 calls a misspelt one an argument that it didn't
// expect, and leaves it at that. `who` becomes its words.
Result<const CLI::App*> find_command(const CLI::App& root, const std::vector<std::string>& words,
                                     std::string& who) {
  const CLI::App* command = &root;
  for (const std::string& word : words) {
    const auto commands = command->get_subcommands([](const CLI::App*) { return true; });
    if (commands.empty() || word.starts_with('-')) break;
    std::vector<std::string> names;
    for (const CLI::App* one : commands) names.push_back(one->get_name());
    const auto found = std::find(names.begin(), names.end(), word);
    if (found == names.end()) {
      const std::string near = nearest_word(word, names);
      return bad_input(fmt::format("no command is called '{}'", word),
                       near.empty() ? fmt::format("there are: {}", fmt::join(names, ", "))
                                    : fmt::format("did you mean '{}'?", near));
    }
    command = commands[static_cast<std::size_t>(found - names.begin())];
    who += " " + word;
  }
  return command;
}

tl::unexpected<Error> cannot_print(int error_number) {
  return environment_lacks(with_errno("cannot write to standard output", error_number),
                           "make room where it goes");
}

Result<int> run_to_the_end(const app::Command& command) {
  try {
    KTS_TRY(const int code, command.run());
    KTS_CHECK_OK(app::flush_output());
    return code;
  } catch (const std::system_error& error) {
    // fmt throws when it can't print.
    if (std::ferror(stdout) == 0) throw;
    return cannot_print(error.code().value());
  }
}

int run(int argc, char** argv) {
  CLI::App root{
      "kts tells what every agent pays when several share one GPU: the latency tail, with error\n"
      "bars, why, and what to do about it.",
      "kts"};
  root.set_version_flag("--version", fmt::format("kts {} ({})", version(), commit()));
  root.require_subcommand(1);
  const std::vector<app::Command> commands{
      app::add_run(root),       app::add_modes(root),    app::add_matrix(root),
      app::add_probe(root),     app::add_report(root),   app::add_compare(root),
      app::add_scenario(root),  app::add_workload(root), app::add_doctor(root),
      app::add_cluster(root),   app::add_image(root),    app::add_schema(root),
      app::add_completion(root)};
  root.footer(kFooter);  // last: subcommands inherit what is there when they are made
  app::finish_help(root);
  if (argc < 2) {
    fmt::print(stderr, "{}", root.help());
    return static_cast<int>(ErrorCode::kBadInput);
  }
  std::vector<std::string> words(argv + 1, argv + argc);
  const bool help = words.front() == "help";  // kts help run
  if (help) words.erase(words.begin());
  std::string who = "kts";
  const auto called = find_command(root, words, who);
  if (!called) return fail_with(who, called.error());
  if (help) {
    const std::size_t last = who.rfind(' ');
    fmt::print("{}", (*called)->help(last == std::string::npos ? "" : who.substr(0, last)));
    return 0;
  }
  try {
    root.parse(argc, argv);
  } catch (const CLI::Success& success) {
    return root.exit(success);
  } catch (const CLI::ParseError& error) {
    return fail_with(who, app::usage_error(**called, error, "see " + who + " --help"));
  }
  for (const auto& command : commands) {
    if (!command.parser->parsed()) continue;
    const auto code = run_to_the_end(command);
    return code ? *code : fail_with("kts " + command.parser->get_name(), code.error());
  }
  return static_cast<int>(ErrorCode::kInternal);
}

}  // namespace

Status kts::app::flush_output() {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return {};
  return cannot_print(errno);
}

void kts::app::tell_of_page(const std::filesystem::path& page,
                            std::initializer_list<const std::vector<std::string>*> warnings) {
  fmt::print(stderr, "report: {}\n", page.string());
  for (const auto* list : warnings) {
    for (const std::string& warning : *list) {
      fmt::print(stderr, "warning: {}\n", printable(warning));
    }
  }
}

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "kts: internal error: {}\n", error.what());
    return static_cast<int>(ErrorCode::kInternal);
  }
}
