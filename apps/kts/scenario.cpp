// SPDX-License-Identifier: Apache-2.0
#include "kts/scenario/scenario.hpp"

#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "commands.hpp"
#include "kts/base/units.hpp"
#include "kts/device/gpu.hpp"
#include "kts/runner/local_run.hpp"
#include "kts/scenario/built_in.hpp"

namespace kts::app {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kListSchema = "kts.scenarios/1";

struct ScenarioOptions {
  std::string name;
  std::string device = "auto";
  std::string file;
  bool json = false;
};

// Only a look at what is there: kts run asks a worker as well.
std::string likely_device() {
  const auto nvml = device::open_nvml();
  if (!nvml) return "cpu";
  const auto gpus = (*nvml)->gpus();
  return gpus && !gpus->empty() ? "cuda" : "cpu";
}

// The comment at the head of each file says what it is, a line of text a line.
std::vector<std::string_view> meaning_of(const scenario::BuiltIn& built_in) {
  std::vector<std::string_view> lines;
  for (std::string_view rest = built_in.yaml; rest.starts_with("# ");) {
    const std::size_t end = rest.find('\n');
    lines.push_back(rest.substr(2, end - 2));
    rest.remove_prefix(end + 1);
  }
  return lines;
}

// By name, each once, with its sizes for one device after the other.
std::vector<std::vector<scenario::BuiltIn>> built_ins_by_name() {
  std::vector<std::vector<scenario::BuiltIn>> all;
  for (const scenario::BuiltIn& built_in : scenario::built_ins()) {
    if (all.empty() || all.back().front().name != built_in.name) all.emplace_back();
    all.back().push_back(built_in);
  }
  return all;
}

Result<Json> to_json(const scenario::BuiltIn& built_in) {
  KTS_TRY(const scenario::Scenario scenario,
          scenario::load_built_in(built_in.name, built_in.device_kind));
  Json agents = Json::array();
  for (const scenario::AgentSpec& agent : scenario.agents) {
    agents.push_back({{"name", agent.name},
                      {"workload", describe(agent.workload)},
                      {"arrival", describe(agent.arrival)}});
  }
  Json chains = Json::array();
  for (const scenario::Chain& chain : scenario.chains) chains.push_back(chain.name);
  return Json{{"kind", built_in.device_kind},
              {"sharing", scenario.sharing},
              {"order", scenario::name(scenario.plan.order)},
              {"agents", std::move(agents)},
              {"chains", std::move(chains)}};
}

Result<int> list(const ScenarioOptions& options) {
  Json scenarios = Json::array();
  for (const auto& sizes : built_ins_by_name()) {
    const std::vector<std::string_view> meaning = meaning_of(sizes.front());
    if (!options.json) {
      for (const std::string_view line : meaning) {
        fmt::print("{:<14} {}\n", line == meaning.front() ? sizes.front().name : "", line);
      }
      continue;
    }
    Json devices = Json::array();
    for (const scenario::BuiltIn& built_in : sizes) {
      KTS_TRY(Json device, to_json(built_in));
      devices.push_back(std::move(device));
    }
    scenarios.push_back({{"name", sizes.front().name},
                         {"meaning", fmt::format("{}", fmt::join(meaning, " "))},
                         {"devices", std::move(devices)}});
  }
  if (options.json) {
    fmt::print("{}\n", Json{{"schema", kListSchema}, {"scenarios", std::move(scenarios)}}.dump(2));
  }
  return 0;
}

Result<int> show(const ScenarioOptions& options) {
  const std::string device = options.device == "auto" ? likely_device() : options.device;
  KTS_TRY(const scenario::Scenario scenario, scenario::load_built_in(options.name, device));
  fmt::print("{}", to_yaml(scenario));
  return 0;
}

Result<int> check(const ScenarioOptions& options) {
  KTS_TRY(const scenario::Scenario scenario, scenario::load(options.file));
  if (Status demands = check_demands(scenario); !demands) {
    demands.error().where = fmt::format("{}: {}", options.file, demands.error().where);
    return tl::unexpected(std::move(demands).error());
  }
  // Under auto a GPU's limits are a remark: it may be a CPU yet.
  const bool depends = scenario.device == "auto";
  Status engines = check_engines(scenario, depends ? "cuda" : runner::device_kind(scenario.device));
  if (!engines) {
    engines.error().where = fmt::format("{}: {}", options.file, engines.error().where);
    if (!depends) return tl::unexpected(std::move(engines).error());
  }
  KTS_TRY(const std::vector<scenario::TraceNote> traces, scenario::read_traces(scenario));
  fmt::print("{}: valid; {} agent{}, {} cycle{} of {} blocks\n", options.file,
             scenario.agents.size(), scenario.agents.size() == 1 ? "" : "s", scenario.plan.cycles,
             scenario.plan.cycles == 1 ? "" : "s", format_duration(scenario.plan.block));
  for (const auto& [agent, text] : traces) fmt::print("{}: {}\n", agent, text);
  if (!engines) fmt::print("not on a GPU: {}\n", to_line(engines.error()));
  return 0;
}

}  // namespace

Command add_scenario(CLI::App& root) {
  auto options = std::make_shared<ScenarioOptions>();
  CLI::App* parser = root.add_subcommand("scenario", "List, show or check scenarios");
  parser->require_subcommand(1);
  CLI::App* lister = parser->add_subcommand("list", "The built-in scenarios");
  lister->add_flag("--json", options->json, "For programs");
  CLI::App* shower = parser->add_subcommand(
      "show", "A built-in scenario, every default filled in: a file to start from");
  shower->add_option("name", options->name, "One of kts scenario list")->required();
  shower->add_option("--device", options->device, "The device that it is sized for")
      ->check(CLI::IsMember({"auto", "cpu", "cuda"}));
  CLI::App* checker = parser->add_subcommand("check", "Whether a file is a valid scenario");
  checker->add_option("file", options->file, "A scenario, as kts scenario show prints one")
      ->required();
  return {parser, [options, lister, shower]() -> Result<int> {
            if (lister->parsed()) return list(*options);
            return shower->parsed() ? show(*options) : check(*options);
          }};
}

}  // namespace kts::app
