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
#include "kts/base/units.hpp"
#include "kts/base/version.hpp"

namespace {

using namespace kts;

constexpr const char* kFooter =
    "Examples:\n"
    "  kts run                         the study's two agents on this machine's device\n"
    "  kts run my.yaml --out r         a scenario of your own, its results in r\n"
    "  kts matrix my.yaml --minutes 10   each agent beside each other: who pays what beside whom\n"
    "  kts report r                    the report again, from what was recorded\n"
    "  kts modes my.yaml               the same agents in every sharing mode, and which to take\n"
    "  kts probe                       how this device shares itself: slice, switch, launch, "
    "clocks\n"
    "  kts cluster status              how a Kubernetes cluster shares its GPUs\n"
    "  kts cluster share --replicas 4  ... by time-slicing; kts cluster unshare puts back what "
    "was\n"
    "  kts image build && kts image load   the image that kts run --on kubernetes needs\n"
    "\n"
    "Exit codes: 0 done, 1 internal error, 2 bad usage or input, 3 a gate failed, 4 the\n"
    "environment lacks something, 5 the run can't support its conclusion, 130 interrupted.";

int fail_with(std::string_view who, const Error& error) {
  fmt::print(stderr, "{}: {}\n", who, to_line(error));
  return exit_code(error);
}

// CLI11 calls a misspelt subcommand an argument that it didn't expect, and leaves it at that.
// `who` becomes the command to which the words belong.
Status check_words(const CLI::App& root, int argc, char** argv, std::string& who) {
  const CLI::App* command = &root;
  for (int i = 1; i < argc && argv[i][0] != '-'; ++i) {
    const auto commands = command->get_subcommands([](const CLI::App*) { return true; });
    if (commands.empty()) return {};
    std::vector<std::string> names;
    for (const CLI::App* one : commands) names.push_back(one->get_name());
    const auto found = std::find(names.begin(), names.end(), argv[i]);
    if (found == names.end()) {
      const std::string near = nearest_word(argv[i], names);
      return bad_input(fmt::format("no command is called '{}'", argv[i]),
                       near.empty() ? fmt::format("there are: {}", fmt::join(names, ", "))
                                    : fmt::format("did you mean '{}'?", near));
    }
    command = commands[static_cast<std::size_t>(found - names.begin())];
    who += fmt::format(" {}", argv[i]);
  }
  return {};
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
      app::add_run(root),    app::add_report(root),   app::add_scenario(root),
      app::add_schema(root), app::add_doctor(root),   app::add_cluster(root),
      app::add_image(root),  app::add_workload(root), app::add_modes(root),
      app::add_matrix(root), app::add_probe(root)};
  root.footer(kFooter);  // last: subcommands inherit what is there when they are made
  if (argc < 2) {
    fmt::print(stderr, "{}", root.help());
    return static_cast<int>(ErrorCode::kBadInput);
  }
  std::string words = "kts";
  if (const auto status = check_words(root, argc, argv, words); !status) {
    return fail_with(words, status.error());
  }
  try {
    root.parse(argc, argv);
  } catch (const CLI::Success& success) {
    return root.exit(success);
  } catch (const CLI::ParseError& error) {
    const auto parsed = root.get_subcommands();
    const std::string who = parsed.empty() ? "kts" : "kts " + parsed.front()->get_name();
    return fail_with(who, {ErrorCode::kBadInput, error.what(), "see " + who + " --help", {}});
  }
  for (const auto& command : commands) {
    if (!command.parser->parsed()) continue;
    const std::string who = "kts " + command.parser->get_name();
    const auto code = run_to_the_end(command);
    return code ? *code : fail_with(who, code.error());
  }
  return static_cast<int>(ErrorCode::kInternal);
}

}  // namespace

Status kts::app::flush_output() {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return {};
  return cannot_print(errno);
}

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "kts: internal error: {}\n", error.what());
    return static_cast<int>(ErrorCode::kInternal);
  }
}
