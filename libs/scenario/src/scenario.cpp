// SPDX-License-Identifier: Apache-2.0
#include "kts/scenario/scenario.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "chains_yaml.hpp"
#include "kts/base/files.hpp"
#include "kts/base/units.hpp"
#include "kts/scenario/built_in.hpp"
#include "kts/workload/limits.hpp"
#include "limits.hpp"
#include "sharing_yaml.hpp"
#include "yaml.hpp"

namespace kts::scenario {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""ns;
using std::chrono_literals::operator""h;

constexpr std::string_view kSchema = "kts.scenario/1";
constexpr std::size_t kMaxBytes = 256 * 1024;
// Seeds pass through JSON, whose readers may keep numbers as doubles.
constexpr std::int64_t kMaxSeed = std::int64_t{1} << 53;
constexpr std::int64_t kMaxScenarioSeed = 1'000'000'000;
constexpr Nanoseconds kLongestTrace = 24h * 366;

tl::unexpected<Error> too_large(std::string_view where) {
  return bad_input(fmt::format("larger than {}", format_bytes(kMaxBytes)),
                   "a scenario is a short file; is this the right one?", std::string(where));
}

Result<std::string> read_device(const YamlValue& value) {
  KTS_TRY(std::string device, value.text());
  if (device == "auto" || device == "cpu" || device == "cuda") return device;
  if (device.starts_with("cuda:")) {
    const auto ordinal = parse_int64(std::string_view(device).substr(5));
    if (ordinal && *ordinal >= 0 && *ordinal < 1024) return device;
  }
  return value.refuse(fmt::format("'{}' is not a device", excerpt(device)),
                      "give auto, cpu, cuda or cuda:N");
}

Result<std::vector<std::vector<std::string>>> read_sets(const YamlValue& value, Order order) {
  if (order != Order::kMatrix) {
    return value.refuse("has a meaning for 'order: matrix' only", "remove it, or add the order");
  }
  KTS_TRY(const std::vector<YamlValue> items, value.items());
  if (items.empty() || items.size() > kMaxSets) {
    return value.refuse(fmt::format("{} sets", items.size()),
                        fmt::format("give 1 to {}", kMaxSets));
  }
  std::vector<std::vector<std::string>> sets;
  for (const YamlValue& item : items) {
    KTS_TRY(const std::vector<YamlValue> members, item.items());
    if (members.size() < 2 || members.size() > kMaxAgents) {
      return item.refuse(fmt::format("a set of {}", members.size()),
                         fmt::format("name 2 to {} agents", kMaxAgents));
    }
    std::vector<std::string>& set = sets.emplace_back();
    for (const YamlValue& member : members) {
      KTS_TRY(set.emplace_back(), member.name());
    }
  }
  return sets;
}

Result<Plan> read_plan(const YamlValue& value) {
  KTS_CHECK_OK(value.check_keys({"cycles", "block", "order", "sets", "others", "leave_one_out"}));
  Plan plan;
  if (value.has("order")) {
    KTS_TRY(const std::string order, value.at("order").word({"interleaved", "study", "matrix"}));
    if (order == "study") {
      plan.order = Order::kStudy;
      plan.cycles = 1;
    }
    if (order == "matrix") plan.order = Order::kMatrix;
  }
  if (value.has("sets")) {
    KTS_TRY(plan.sets, read_sets(value.at("sets"), plan.order));
  }
  if (value.has("others")) {
    const YamlValue others = value.at("others");
    KTS_TRY(const std::string wanted, others.word({"parked", "absent"}));
    if (plan.order != Order::kMatrix) {
      return others.refuse("has a meaning for 'order: matrix' only", "remove it, or add the order");
    }
    plan.others_absent = wanted == "absent";
  }
  if (value.has("leave_one_out")) {
    KTS_TRY(const std::string wanted, value.at("leave_one_out").word({"true", "false"}));
    plan.leave_one_out = wanted == "true";
  }
  if (value.has("cycles")) {
    const YamlValue cycles = value.at("cycles");
    KTS_TRY(const std::int64_t count, cycles.whole_number(1, 1000));
    if (plan.order == Order::kStudy && count != 1) {
      return cycles.refuse("the study's order runs once", "leave cycles out, or give 1");
    }
    plan.cycles = static_cast<int>(count);
  }
  if (value.has("block")) {
    KTS_TRY(plan.block, value.at("block").duration(10ms, 1h));
  }
  return plan;
}

// The keys that a workload of this kind may have.
std::vector<std::string_view> keys_of(const workload::WorkloadInfo& info) {
  std::vector<std::string_view> keys{"kind", "threads"};
  for (const workload::ParameterInfo& parameter : info.parameters) keys.push_back(parameter.name);
  return keys;
}

Status read_workload(const YamlValue& value, AgentSpec& agent) {
  KTS_CHECK_OK(value.check_map());
  if (!value.has("kind")) KTS_CHECK_OK(value.check_keys({"kind", "threads"}));
  KTS_TRY(const YamlValue kind, value.require("kind"));
  KTS_TRY(const std::string word, kind.word(workload::workload_kinds()));
  KTS_CHECK_OK(value.check_keys(keys_of(*workload::find_workload(word))));
  std::vector<workload::GivenParameter> given;
  for (const std::string& key : value.keys()) {
    if (key == "kind" || key == "threads") continue;
    const YamlValue parameter = value.at(key);
    KTS_TRY(std::string text, parameter.text());
    given.push_back({key, std::move(text), parameter.where()});
  }
  KTS_TRY(agent.workload, workload::complete(word, given, value.where()));
  if (value.has("threads")) {
    KTS_TRY(const std::int64_t threads, value.at("threads").whole_number(1, 1024));
    agent.threads = static_cast<int>(threads);
  }
  return {};
}

// Each parameter that stands there, in its own form; whether it suits the process is for later.
Status read_parameters(const YamlValue& value, workload::ArrivalSpec& arrival) {
  const auto take_number = [&](std::string_view key, double& to) -> Status {
    if (!value.has(key)) return {};
    KTS_TRY(to, value.at(key).number());
    return {};
  };
  const auto take_duration = [&](std::string_view key, Nanoseconds most,
                                 Nanoseconds& to) -> Status {
    if (!value.has(key)) return {};
    KTS_TRY(to, value.at(key).duration(0ns, most));
    return {};
  };
  KTS_CHECK_OK(take_duration("think", 1h, arrival.think));
  KTS_CHECK_OK(take_number("rate", arrival.rate_per_s));
  KTS_CHECK_OK(take_number("cv", arrival.cv));
  KTS_CHECK_OK(take_duration("on", 1h, arrival.on));
  KTS_CHECK_OK(take_duration("off", 1h, arrival.off));
  if (value.has("phases")) {
    KTS_TRY(const std::string word, value.at("phases").word({"exponential", "fixed"}));
    if (word == "fixed") arrival.phases = workload::PhaseLengths::kFixed;
  }
  if (value.has("file")) {
    KTS_TRY(arrival.trace.file, value.at("file").text());
  }
  KTS_CHECK_OK(take_number("scale", arrival.trace.scale));
  if (value.has("wrap")) {
    KTS_TRY(const std::string word, value.at("wrap").word({"true", "false"}));
    arrival.trace.wrap = word == "true";
  }
  KTS_CHECK_OK(take_duration("from", kLongestTrace, arrival.trace.from));
  return take_duration("length", kLongestTrace, arrival.trace.length);
}

Result<AgentSpec> read_agent(const YamlValue& value, std::uint64_t default_seed,
                             std::string_view sharing) {
  KTS_CHECK_OK(value.check_keys(
      {"name", "workload", "arrival", "in_flight", "seed", "slo", "mps", "stream"}));
  AgentSpec agent;
  agent.seed = default_seed;
  KTS_TRY(const YamlValue name, value.require("name"));
  KTS_TRY(agent.name, name.name());
  KTS_TRY(const YamlValue work, value.require("workload"));
  KTS_CHECK_OK(read_workload(work, agent));
  KTS_TRY(const YamlValue arrival, value.require("arrival"));
  KTS_TRY(agent.arrival, read_arrival(arrival));
  if (const auto problem = workload::pace_problem(agent.workload.kind(), agent.arrival)) {
    const std::string key(problem->parameter);
    return (arrival.has(key) ? arrival.at(key) : arrival).refuse(problem->message, problem->hint);
  }
  if (value.has("in_flight")) {
    const YamlValue in_flight = value.at("in_flight");
    KTS_TRY(const std::int64_t count, in_flight.whole_number(1, 256));
    if (count > 1 && is_open(agent.arrival.process)) {
      return in_flight.refuse("has no meaning for an open arrival process",
                              "remove it, or take closed or saturate");
    }
    agent.in_flight = static_cast<int>(count);
  }
  if (value.has("seed")) {
    KTS_TRY(agent.seed, read_seed(value.at("seed")));
  }
  if (value.has("slo")) {
    KTS_TRY(agent.slo, read_slo(value.at("slo")));
  }
  KTS_TRY(const Demands demands, read_demands(value, sharing));
  agent.mps = demands.mps;
  agent.stream = demands.stream;
  return agent;
}

Status check_sets(const Scenario& scenario, const YamlValue& sets) {
  KTS_TRY(const std::vector<YamlValue> items, sets.items());
  std::vector<std::string_view> names;
  for (const AgentSpec& agent : scenario.agents) names.push_back(agent.name);
  for (std::size_t i = 0; i < items.size(); ++i) {
    for (const std::string& member : scenario.plan.sets[i]) {
      if (std::ranges::find(names, member) != names.end()) continue;
      const std::string near = nearest_word(member, names);
      return items[i].refuse(fmt::format("no agent is called '{}'", member),
                             near.empty() ? fmt::format("there are: {}", fmt::join(names, ", "))
                                          : fmt::format("did you mean '{}'?", near));
    }
  }
  return {};
}

std::string to_yaml(const std::vector<std::vector<std::string>>& sets) {
  if (sets.empty()) return {};
  std::string out;
  for (const auto& set : sets) {
    out += fmt::format("{}\n  [{}]", out.empty() ? "" : ",", fmt::join(set, ", "));
  }
  return fmt::format(", sets: [{}]", out);
}

// As YAML reads it whatever is in it.
std::string single_quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("''") : std::string(1, c);
  return out + "'";
}

std::string to_yaml(const AgentSpec& agent) {
  std::string out =
      fmt::format("  - name: {}\n    workload: {{kind: {}", agent.name, agent.workload.kind());
  for (const auto& parameter : agent.workload.parameters()) {
    out += fmt::format(", {}: {}", parameter.name, workload::to_text(parameter.value));
  }
  out += fmt::format(", threads: {}}}\n", agent.threads);
  out += fmt::format("    arrival: {}\n", scenario::to_yaml(agent.arrival));
  out += fmt::format("    in_flight: {}\n    seed: {}\n", agent.in_flight, agent.seed);
  if (agent.slo) out += to_yaml(*agent.slo);
  if (agent.mps) out += fmt::format("    mps: {}\n", to_yaml(*agent.mps));
  if (agent.stream) out += fmt::format("    stream: {}\n", to_yaml(*agent.stream));
  return out;
}

}  // namespace

std::string_view name(Order order) {
  switch (order) {
    case Order::kStudy:
      return "study";
    case Order::kMatrix:
      return "matrix";
    case Order::kInterleaved:
      break;
  }
  return "interleaved";
}

Result<workload::ArrivalSpec> read_arrival(const YamlValue& value) {
  std::vector<std::string_view> keys = workload::arrival_parameters();
  keys.insert(keys.begin(), "process");
  KTS_CHECK_OK(value.check_keys(keys));
  std::vector<std::string_view> processes;
  for (const auto& entry : workload::arrival_processes()) processes.push_back(entry.name);
  workload::ArrivalSpec arrival;
  KTS_TRY(const YamlValue process, value.require("process"));
  KTS_TRY(const std::string word, process.word(processes));
  arrival.process = workload::arrival_process_from_name(word).value();

  for (const std::string_view key : workload::arrival_parameters()) {
    if (!value.has(key) || takes(arrival.process, key)) continue;
    return value.at(key).refuse(
        fmt::format("has no meaning for '{}'", word),
        fmt::format("remove it, or take {}", workload::processes_that_take(key)));
  }
  const workload::ArrivalInfo& known = workload::info(arrival.process);
  for (const std::string_view key : known.parameters.first(known.required)) {
    KTS_CHECK_OK(value.require(key));
  }
  KTS_CHECK_OK(read_parameters(value, arrival));
  if (const auto problem = workload::problem_of(arrival)) {
    return value.at(problem->parameter).refuse(problem->message, problem->hint);
  }
  return arrival;
}

Result<std::uint64_t> read_seed(const YamlValue& value) {
  KTS_TRY(const std::int64_t seed, value.whole_number(0, kMaxSeed));
  return static_cast<std::uint64_t>(seed);
}

Result<Slo> read_slo(const YamlValue& value) {
  KTS_CHECK_OK(value.check_keys({"quantile", "latency"}));
  Slo slo;
  if (value.has("quantile")) {
    const YamlValue quantile = value.at("quantile");
    KTS_TRY(slo.quantile, quantile.number());
    if (!(slo.quantile >= 0.5 && slo.quantile <= 0.9999)) {
      return quantile.refuse(fmt::format("{} is out of range", slo.quantile),
                             "give 0.5 to 0.9999, as in 0.99");
    }
  }
  KTS_TRY(const YamlValue latency, value.require("latency"));
  KTS_TRY(slo.latency, latency.duration(1ns, 1h));
  return slo;
}

std::string to_yaml(const workload::ArrivalSpec& arrival) {
  const workload::TraceSpec& trace = arrival.trace;
  std::string out = fmt::format("{{process: {}", workload::name(arrival.process));
  const auto give = [&](std::string_view key, const auto& value) {
    if (takes(arrival.process, key)) out += fmt::format(", {}: {}", key, value);
  };
  give("think", format_duration(arrival.think));
  give("rate", arrival.rate_per_s);
  give("cv", arrival.cv);
  give("on", format_duration(arrival.on));
  give("off", format_duration(arrival.off));
  give("phases", workload::name(arrival.phases));
  give("file", single_quoted(trace.file));
  give("scale", trace.scale);
  give("wrap", trace.wrap);
  give("from", format_duration(trace.from));
  if (trace.length > 0ns) give("length", format_duration(trace.length));
  return out + "}";
}

std::string to_yaml(const Slo& slo) {
  return fmt::format("    slo: {{quantile: {}, latency: {}}}\n", slo.quantile,
                     format_duration(slo.latency));
}

Result<Scenario> parse(std::string_view yaml, std::string_view where) {
  if (yaml.size() > kMaxBytes) return too_large(where);
  KTS_TRY(const YamlValue root, YamlValue::parse(yaml, where));
  if (auto map = root.check_map(); !map) {
    map.error().hint = "kts scenario show study prints one to start from";
    return tl::unexpected(std::move(map).error());
  }
  KTS_CHECK_OK(root.check_keys({"schema", "name", "device", "sharing", "sync", "seed", "plan",
                                "agents", "chains", "variants"}));

  KTS_TRY(const YamlValue schema, root.require("schema"));
  KTS_CHECK_OK(schema.word({kSchema}));
  Scenario scenario;
  KTS_TRY(const YamlValue name, root.require("name"));
  KTS_TRY(scenario.name, name.name());
  if (root.has("device")) {
    KTS_TRY(scenario.device, read_device(root.at("device")));
  }
  if (root.has("sharing")) {
    KTS_TRY(scenario.sharing,
            root.at("sharing").word({"exclusive", "time-slicing", "mps", "mig", "streams"}));
  }
  if (root.has("sync")) {
    KTS_TRY(scenario.sync, root.at("sync").word({"auto", "spin", "block"}));
  }
  if (root.has("seed")) {
    KTS_TRY(const std::int64_t seed, root.at("seed").whole_number(0, kMaxScenarioSeed));
    scenario.seed = static_cast<std::uint64_t>(seed);
  }
  if (root.has("plan")) {
    KTS_TRY(scenario.plan, read_plan(root.at("plan")));
  }

  KTS_TRY(const YamlValue agents, root.require("agents"));
  KTS_TRY(const std::vector<YamlValue> items, agents.items());
  if (items.empty() || items.size() > kMaxAgents) {
    return agents.refuse(fmt::format("{} agents", items.size()),
                         fmt::format("give 1 to {}", kMaxAgents));
  }
  std::set<std::string> names;
  for (const YamlValue& item : items) {
    const std::uint64_t place = scenario.agents.size() + 1;
    KTS_TRY(AgentSpec agent, read_agent(item, scenario.seed * 1000 + place, scenario.sharing));
    if (!names.insert(agent.name).second) {
      return item.at("name").refuse(fmt::format("two agents are called '{}'", agent.name),
                                    "give each a name of its own");
    }
    scenario.agents.push_back(std::move(agent));
  }
  KTS_TRY(scenario.chains, read_chains(root, scenario));
  if (root.has("variants")) {
    KTS_TRY(scenario.variants, read_variants(root.at("variants"), {names.begin(), names.end()}));
  }
  if (!scenario.plan.sets.empty()) KTS_CHECK_OK(check_sets(scenario, root.at("plan").at("sets")));
  if (const Status can = check_leave_one_out(scenario); !can) {
    return root.at("plan").at("leave_one_out").refuse(can.error().message, can.error().hint);
  }
  return scenario;
}

Result<Scenario> load(const std::filesystem::path& path) {
  std::error_code ec;
  if (std::filesystem::is_regular_file(path, ec) &&
      std::filesystem::file_size(path, ec) > kMaxBytes) {
    return too_large(path.string());
  }
  if (!std::filesystem::exists(path, ec) && ec != std::errc::permission_denied) {
    return bad_input("there is no such file",
                     is_built_in(path.string()) ? "the scenario of that name is built in, and valid"
                                                : "kts scenario show study > FILE starts one",
                     path.string());
  }
  KTS_TRY(const std::string text, read_file(path, kMaxBytes + 1));
  KTS_TRY(Scenario scenario, parse(text, path.string()));
  for (AgentSpec& agent : scenario.agents) {
    std::string& trace = agent.arrival.trace.file;
    if (!trace.empty()) trace = (path.parent_path() / trace).lexically_normal().string();
  }
  return scenario;
}

Result<std::vector<TraceNote>> read_traces(const Scenario& scenario) {
  std::vector<TraceNote> notes;
  for (const AgentSpec& agent : scenario.agents) {
    if (agent.arrival.process != workload::ArrivalProcess::kTrace) continue;
    const workload::TraceSpec& spec = agent.arrival.trace;
    KTS_TRY(const workload::Trace trace, workload::load_trace(spec));
    notes.push_back({agent.name, workload::describe(trace, spec)});
  }
  return notes;
}

std::string to_yaml(const Scenario& scenario) {
  std::string out = fmt::format(
      "schema: {}\nname: {}\ndevice: {}\nsharing: {}\nsync: {}\nseed: {}\n"
      "plan: {{cycles: {}, block: {}, order: {}{}{}{}}}\nagents:\n",
      kSchema, scenario.name, scenario.device, scenario.sharing, scenario.sync, scenario.seed,
      scenario.plan.cycles, format_duration(scenario.plan.block),
      scenario::name(scenario.plan.order), to_yaml(scenario.plan.sets),
      scenario.plan.others_absent ? ", others: absent" : "",
      scenario.plan.leave_one_out ? ", leave_one_out: true" : "");
  for (const AgentSpec& agent : scenario.agents) out += to_yaml(agent);
  return out + to_yaml(scenario.chains) + to_yaml(scenario.variants);
}

Status check_leave_one_out(const Scenario& scenario) {
  if (!scenario.plan.leave_one_out) return {};
  if (scenario.plan.order != Order::kInterleaved) {
    return bad_input(
        fmt::format("order {} leaves no agent out", scenario::name(scenario.plan.order)),
        "take order interleaved, or no leave_one_out", scenario.name);
  }
  if (!scenario.chains.empty()) {
    return bad_input("agents of a chain wait for each other: none can be left out",
                     "leave out the chains, or leave_one_out", scenario.name);
  }
  if (scenario.agents.size() < 3) {
    return bad_input(fmt::format("{} agents, of which none can be left out of those that share",
                                 scenario.agents.size()),
                     "give three or more, or no leave_one_out", scenario.name);
  }
  return {};
}

bool same_baseline(const AgentSpec& a, const AgentSpec& b) {
  if (a.arrival.process == workload::ArrivalProcess::kChain) return a.name == b.name;
  return a.workload == b.workload && a.threads == b.threads && a.arrival == b.arrival &&
         a.in_flight == b.in_flight && a.mps == b.mps && a.stream == b.stream;
}

Scenario in_mode(Scenario scenario, std::string_view mode) {
  for (AgentSpec& agent : scenario.agents) {
    if (mode != "mps") agent.mps.reset();
    if (mode != "streams") agent.stream.reset();
  }
  scenario.sharing = mode;
  scenario.variants.clear();
  return scenario;
}

Scenario in_variant(const Scenario& scenario, const Variant& variant) {
  Scenario changed = in_mode(scenario, variant.sharing);
  for (AgentSpec& agent : changed.agents) {
    const auto wish = std::ranges::find(variant.agents, agent.name, &Variant::Agent::name);
    if (wish == variant.agents.end()) continue;
    agent.mps = wish->mps;
    agent.stream = wish->stream;
  }
  return changed;
}

Scenario in_partitions(Scenario scenario) {
  scenario = in_mode(std::move(scenario), "mps");
  int left = 100;
  int without = 0;
  for (AgentSpec& agent : scenario.agents) {
    if (!agent.mps) agent.mps.emplace();
    agent.mps->threads_percent.reset();
    left -= agent.mps->partition_percent.value_or(0);
    without += agent.mps->partition_percent ? 0 : 1;
  }
  for (AgentSpec& agent : scenario.agents) {
    if (!agent.mps->partition_percent) agent.mps->partition_percent = std::max(1, left / without);
  }
  return scenario;
}

bool wants_partitions(const Scenario& scenario) {
  return std::ranges::any_of(scenario.agents, [](const AgentSpec& agent) {
    return agent.mps && agent.mps->partition_percent;
  });
}

namespace {

// A daemon with static partitions takes no client without one.
Status check_partitions(const Scenario& scenario) {
  if (!wants_partitions(scenario)) return {};
  int sum = 0;
  for (const AgentSpec& agent : scenario.agents) {
    const auto percent = agent.mps ? agent.mps->partition_percent : std::nullopt;
    if (!percent) {
      return bad_input("it has no static partition, and where one agent has one, all need one",
                       "give it mps: {partition: PERCENT}", fmt::format("agent {}", agent.name));
    }
    sum += *percent;
  }
  if (sum <= 100) return {};
  return bad_input(fmt::format("the static partitions take {} % of the card{}", sum,
                               scenario.plan.order == Order::kMatrix
                                   ? ", the copies that a matrix makes of agents among them"
                                   : ""),
                   "give 100 % at most in all", fmt::format("scenario {}", scenario.name));
}

}  // namespace

Status check_demands(const Scenario& scenario) {
  for (const AgentSpec& agent : scenario.agents) {
    if (agent.mps && scenario.sharing != "mps") {
      return bad_input(fmt::format("its mps: has no meaning in mode {}", scenario.sharing),
                       "remove it, or take --sharing mps", fmt::format("agent {}", agent.name));
    }
    if (agent.stream && scenario.sharing != "streams") {
      return bad_input(fmt::format("its stream: has no meaning in mode {}", scenario.sharing),
                       "remove it, or take --sharing streams", fmt::format("agent {}", agent.name));
    }
  }
  return check_partitions(scenario);
}

Status check_engines(const Scenario& scenario, std::string_view device_kind) {
  for (const AgentSpec& agent : scenario.agents) {
    const auto problem = workload::problem_on(device_kind, agent.workload, agent.in_flight);
    if (!problem) continue;
    return bad_input(
        problem->message, problem->hint,
        fmt::format("agent {}: {}{}", agent.name,
                    agent.workload.has(problem->parameter) ? "workload." : "", problem->parameter));
  }
  return {};
}

bool is_built_in(std::string_view name) {
  return std::ranges::any_of(built_ins(), [&](const BuiltIn& b) { return b.name == name; });
}

Result<Scenario> load_built_in(std::string_view name, std::string_view device_kind) {
  std::vector<std::string_view> names;
  for (const BuiltIn& built_in : built_ins()) {
    if (built_in.name == name && built_in.device_kind == device_kind) {
      return parse(built_in.yaml, fmt::format("built-in {}", name));
    }
    if (built_in.device_kind == device_kind) names.push_back(built_in.name);
  }
  if (name.find('/') != std::string_view::npos || name.ends_with(".yaml") ||
      name.ends_with(".yml")) {
    return bad_input(
        "there is no such file",
        fmt::format("name another, or a built-in scenario: {}", fmt::join(names, ", ")),
        std::string(name));
  }
  const std::string near = nearest_word(name, names);
  return bad_input(fmt::format("no scenario is called '{}'", name),
                   near.empty()
                       ? fmt::format("built in: {}; or name a file", fmt::join(names, ", "))
                       : fmt::format("did you mean '{}'?", near));
}

Scenario quickened(Scenario scenario) {
  const bool once = scenario.plan.order == Order::kStudy;
  scenario.plan.cycles = once ? 1 : 10;
  scenario.plan.block = once ? 4000ms : 400ms;
  return scenario;
}

}  // namespace kts::scenario
