// SPDX-License-Identifier: Apache-2.0
#include "kts/analysis/matrix.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "commands.hpp"
#include "kts/analysis/load.hpp"
#include "kts/runner/matrix_blocks.hpp"
#include "kts/runner/memory.hpp"
#include "local_machine.hpp"

namespace kts::app {
namespace {

struct MatrixOptions {
  LocalOptions local;
  int slots = 2;
  double minutes = 0;
  std::string resume;
  bool absent = false;
  bool json = false;
};

// Number of the last block of a folder; blocks that were not finished are removed, and said so.
Result<int> last_block(const std::filesystem::path& folder, runner::Progress& progress) {
  int last = 0;
  std::error_code ec;
  std::vector<std::filesystem::path> unfinished;
  for (std::filesystem::directory_iterator it(folder / "blocks", ec), end; !ec && it != end;
       it.increment(ec)) {
    if (!std::filesystem::exists(it->path() / "block.json")) {
      unfinished.push_back(it->path());
      continue;
    }
    const std::string name = it->path().filename().string();
    int number = 0;
    std::from_chars(name.data(), name.data() + name.size(), number);
    last = std::max(last, number);
  }
  if (ec) {
    return bad_input("there is no run to continue", "name the folder of a kts matrix",
                     folder.string());
  }
  for (const auto& path : unfinished) {
    std::filesystem::remove_all(path, ec);
    if (ec) {
      return environment_lacks(with_errno("an unfinished block can't be removed", ec.value()),
                               "make the folder writable", path.string());
    }
    progress.note(
        fmt::format("{} was not finished, and is measured again", path.filename().string()));
  }
  return last;
}

Result<analysis::Matrix> measured(const std::filesystem::path& folder) {
  KTS_TRY(const analysis::RunData data, analysis::load(folder));
  return analysis::contention(data);
}

Result<scenario::Scenario> scenario_of(const MatrixOptions& options, LocalMachine& machine) {
  if (options.resume.empty()) {
    KTS_TRY(scenario::Scenario scenario, machine.load(options.local));
    KTS_TRY(scenario, scenario::as_matrix(std::move(scenario), options.slots));
    scenario.plan.others_absent |= options.absent;
    return scenario;
  }
  LocalOptions again = options.local;
  again.scenario = (std::filesystem::path(options.resume) / "scenario.yaml").string();
  std::error_code ec;
  if (!std::filesystem::exists(again.scenario, ec)) {
    return bad_input("there is no run in it", "name the folder of a kts matrix", options.resume);
  }
  KTS_TRY(const scenario::Scenario earlier, scenario::load(again.scenario));
  if (earlier.plan.order != scenario::Order::kMatrix) {
    return bad_input("is not the run of a matrix", "name the folder of a kts matrix",
                     again.scenario);
  }
  if (options.absent && !earlier.plan.others_absent) {
    return bad_input("the run began with the others parked, so it doesn't go on with them absent",
                     "leave --absent out, or begin a run of its own", options.resume);
  }
  const std::string& wish = options.local.device;
  if (!wish.empty() && wish != "auto" && wish != earlier.device) {
    return bad_input(
        fmt::format("the run began on {}, so it doesn't go on on {}", earlier.device, wish),
        "leave --device out, or begin a run of its own", options.resume);
  }
  again.device.clear();
  return machine.load(again);
}

// The scenario of the set whose agents are predicted to hold most memory.
scenario::Scenario largest_set(const scenario::Scenario& scenario) {
  const std::vector<runner::AgentMemory> memory = runner::predict_memory(scenario);
  const auto held = [&](const std::vector<std::string>& set) {
    std::uint64_t sum = 0;
    for (const runner::AgentMemory& agent : memory) {
      if (std::ranges::find(set, agent.agent) != set.end()) sum += agent.predicted_bytes();
    }
    return sum;
  };
  const auto& largest = *std::ranges::max_element(scenario.plan.sets, {}, held);
  scenario::Scenario part = scenario;
  std::erase_if(part.agents, [&](const scenario::AgentSpec& agent) {
    return std::ranges::find(largest, agent.name) == largest.end();
  });
  return part;
}

// Agents that are no copy of one before: those that the report tells of.
std::size_t count_originals(const scenario::Scenario& scenario) {
  std::size_t originals = 0;
  for (std::size_t i = 0; i < scenario.agents.size(); ++i) {
    const auto before = std::span(scenario.agents).first(i);
    originals += std::ranges::none_of(before, [&](const scenario::AgentSpec& other) {
      return scenario::same_baseline(other, scenario.agents[i]);
    });
  }
  return originals;
}

Result<std::filesystem::path> measure(const MatrixOptions& options) {
  KTS_TRY(const auto machine, LocalMachine::open(options.local.worker));
  KTS_TRY(scenario::Scenario scenario, scenario_of(options, *machine));
  KTS_CHECK_OK(machine->check_sharing(scenario));
  const bool absent = scenario.plan.others_absent;
  // With --absent no more than a set's agents are there at once.
  if (Status fits = machine->check_memory(absent ? largest_set(scenario) : scenario); !fits) {
    if (!absent) fits.error().hint += "; --absent keeps only a set's own processes";
    return tl::unexpected(std::move(fits).error());
  }
  const bool resumes = !options.resume.empty();
  const std::filesystem::path folder =
      resumes ? std::filesystem::path(options.resume) : folder_for(options.local, scenario);
  runner::MatrixBlocks::Options plan;
  if (resumes) {
    KTS_TRY(plan.first_block, last_block(folder, machine->progress()));
    ++plan.first_block;
  } else {
    KTS_CHECK_OK(runner::prepare_folder(folder));
  }
  const bool on_gpu = runner::device_kind(scenario.device) == "cuda";
  plan.others_absent = absent;
  plan.warn = [&](const std::string& text) {
    machine->progress().note(fmt::format("warning: {}", text));
  };
  plan.first_solo_absent = on_gpu && scenario.sharing != "streams";
  if (options.minutes > 0) {
    plan.deadline = MonotonicTimeline::now() +
                    std::chrono::duration_cast<Nanoseconds>(
                        std::chrono::duration<double, std::ratio<60>>(options.minutes));
  }

  runner::LocalRun run = machine->run(std::move(scenario), folder);
  run.first_block = plan.first_block;
  runner::MatrixBlocks blocks(run.scenario, std::move(plan), [&] { return measured(folder); });
  run.blocks = &blocks;
  const std::size_t originals = count_originals(run.scenario);
  const std::size_t processes = run.scenario.agents.size();
  machine->progress().note(
      fmt::format("{} sets made of {} agents{}{}", run.scenario.plan.sets.size(), originals,
                  originals == processes ? "" : fmt::format(", {} with their copies", processes),
                  options.minutes > 0 ? fmt::format(", for {} min", options.minutes)
                                      : fmt::format(", {} rounds", run.scenario.plan.cycles)));
  if (const auto done = runner::run_locally(run, machine->progress()); !done) {
    Error error = with_folder(done.error(), folder);
    if (std::filesystem::exists(folder / "blocks")) {
      error.hint += fmt::format("; kts matrix --resume {} goes on", folder.string());
    }
    return tl::unexpected(std::move(error));
  }
  if (!blocks.ending().empty()) machine->progress().note(blocks.ending());
  return folder;
}

Result<int> run(const MatrixOptions& options, const CLI::App& parser) {
  if (parser.get_option("--resume")->count() > 0) {
    if (options.resume.empty()) {
      return bad_input("there is no run in it", "name the folder of a kts matrix", "--resume");
    }
    for (const char* other : {"scenario", "--slots", "--out", "--quick", "--sharing"}) {
      if (parser.get_option(other)->count() == 0) continue;
      return bad_input(fmt::format("{} and --resume don't go together", other),
                       "a run that goes on keeps its scenario", "--resume");
    }
  }
  const bool limited = parser.get_option("--minutes")->count() > 0;
  if (!std::isfinite(options.minutes) || (limited && options.minutes <= 0)) {
    return bad_input(fmt::format("{} is no length of time", options.minutes),
                     "give minutes, more than 0", "--minutes");
  }
  KTS_TRY(const std::filesystem::path folder, measure(options));
  ReportOptions report;
  report.json = options.json;
  return report_on(folder, report);
}

}  // namespace

Command add_matrix(CLI::App& root) {
  auto options = std::make_shared<MatrixOptions>();
  CLI::App* parser = root.add_subcommand(
      "matrix", "Measure each agent of a scenario beside each other, and in larger sets");
  add_local_options(*parser, options->local);
  add_sharing_option(*parser, options->local);
  parser
      ->add_option("--slots", options->slots,
                   "All multisets of 2 to N agents, unless the scenario lists sets")
      ->type_name("N")
      ->check(CLI::Range(2, 64))
      ->capture_default_str();
  parser
      ->add_option("--minutes", options->minutes,
                   "Measure for that long, where intervals are widest, in place of the plan's "
                   "cycles")
      ->type_name("M");
  parser->add_option("--resume", options->resume, "Go on with the run of an earlier kts matrix")
      ->type_name("RUN");
  parser->add_flag("--absent", options->absent,
                   "Keep only a set's own processes: for agents that don't fit on the device "
                   "together");
  parser->add_flag("--json", options->json, "Print matrix.json in place of the table");
  return {parser, [options, parser] { return run(*options, *parser); }};
}

}  // namespace kts::app
