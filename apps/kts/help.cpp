// SPDX-License-Identifier: Apache-2.0
#include "help.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

namespace kts::app {
namespace {

struct Examples {
  std::string_view command;  // "cluster share"
  std::string_view lines;
};
constexpr std::array kExamples{
    Examples{
        "run",
        "  kts run                              the study's two agents, about a minute\n"
        "  kts run my.yaml --out r --quick      a scenario of your own, in 15 seconds\n"
        "  kts run four-agents --device cuda:1  on the second GPU\n"
        "  kts run --on kubernetes              each agent a pod (kts image build comes first)\n"},
    Examples{"report",
             "  kts report r                         tables, plots and verdicts of a run's folder\n"
             "  kts report r --json                  summary.json on standard output\n"
             "  kts report logs --phase a.log=solo   the study's logs, one of which doesn't say\n"},
    Examples{
        "compare",
        "  kts compare before after             two runs, agent by agent\n"
        "  kts compare base.json after --gate   in CI: exit code 3 when an agent got slower\n"},
    Examples{"scenario",
             "  kts scenario show study > my.yaml    a file to start from\n"
             "  kts scenario check my.yaml           before it takes time on a GPU\n"},
    Examples{"schema", "  kts schema summary > summary.schema.json\n"},
    Examples{"doctor",
             "  kts doctor                           what is here, and how to get the rest\n"},
    Examples{
        "cluster share",
        "  kts cluster share --replicas 4 --dry-run   what it would do\n"
        "  kts cluster share --replicas 4             each card four times, by time-slicing\n"},
    Examples{"cluster status",
             "  kts cluster status                   nodes, sharing in force, warnings\n"
             "  kts cluster status --json            the same for programs\n"},
    Examples{"image build",
             "  kts image build --cpu                small, for clusters without GPUs\n"
             "  kts image build --dry-run            the commands alone\n"},
    Examples{"image load",
             "  kts image load                       into the cluster on this machine\n"
             "  kts image load --push registry.example/kts-worker:v1   where all nodes get it\n"},
    Examples{
        "workload show",
        "  kts workload show fft --size 4096\n"
        "  kts workload show decode --model llama-3.1-8b --context 2048\n"
        "  kts workload show decode --peak-tflops 989 --peak-gbs 4800   its roofline on an H200\n"},
    Examples{"modes",
             "  kts modes my.yaml                    in every sharing mode that this machine has\n"
             "  kts modes --modes mps,time-slicing --in-flight 1,4\n"},
    Examples{"matrix",
             "  kts matrix my.yaml --minutes 10      all pairs, most time where least is known\n"
             "  kts matrix my.yaml --slots 4         up to four at once\n"
             "  kts matrix --resume r --minutes 10   ten minutes more of an earlier one\n"},
    Examples{"probe",
             "  kts probe --device cuda              time slice, switch and more, 90 seconds\n"
             "  kts report r --datasheet runs/…-probe/datasheet.json   a run explained by it\n"},
};

// What an option takes, the same word wherever it is.
constexpr std::array<std::pair<std::string_view, std::string_view>, 27> kTypes{{
    {"--beside", "WHICH"},
    {"--cluster", "NAME"},
    {"--context", "NAME"},
    {"--device", "DEVICE"},
    {"--engine", "PROGRAM"},
    {"--image", "NAME"},
    {"--kubeconfig", "FILE"},
    {"--mode", "MODE"},
    {"--namespace", "NAME"},
    {"--node-selector", "SELECTOR"},
    {"--on", "WHERE"},
    {"--out", "DIR"},
    {"--peak-gbs", "NUMBER"},
    {"--peak-tflops", "NUMBER"},
    {"--pull-policy", "POLICY"},
    {"--resource", "NAME"},
    {"--runtime-class", "NAME"},
    {"--sharing", "MODE"},
    {"--tag", "NAME"},
    {"--timeout", "TIME"},
    {"--to", "WHERE"},
    {"--worker", "FILE"},
    {"scenario", "SCENARIO"},
    {"file", "FILE"},
    {"kind", "KIND"},
    {"name", "NAME"},
    {"shell", "SHELL"},
}};

void name_types(CLI::App& command) {
  for (CLI::Option* option : command.get_options()) {
    if (!option->get_type_name().starts_with("TEXT")) continue;
    const std::string name =
        option->get_lnames().empty() ? option->get_name(true) : "--" + option->get_lnames().front();
    const auto type =
        std::ranges::find(kTypes, name, &std::pair<std::string_view, std::string_view>::first);
    if (type != kTypes.end()) option->type_name(std::string(type->second));
  }
  for (CLI::App* one : command.get_subcommands([](const CLI::App*) { return true; })) {
    name_types(*one);
  }
}

CLI::App& find(CLI::App& root, std::string_view command) {
  CLI::App* found = &root;
  while (!command.empty()) {
    const std::size_t end = std::min(command.find(' '), command.size());
    found = found->get_subcommand(std::string(command.substr(0, end)));
    command.remove_prefix(std::min(end + 1, command.size()));
  }
  return *found;
}

}  // namespace

void finish_help(CLI::App& root) {
  name_types(root);
  for (const Examples& one : kExamples) {
    find(root, one.command)
        .footer("Examples:\n" + std::string(one.lines) + "\nExit codes: see kts --help.");
  }
}

}  // namespace kts::app
