// SPDX-License-Identifier: Apache-2.0
#include "kts/analysis/modes.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "kts/analysis/load.hpp"
#include "kts/analysis/summarize.hpp"
#include "kts/base/files.hpp"
#include "kts/base/text.hpp"
#include "ratio.hpp"

namespace kts::analysis {
namespace {

using PlanJson = nlohmann::ordered_json;

constexpr std::string_view kPlanSchema = "kts.modes-plan/1";

std::filesystem::path plan_file(const std::filesystem::path& folder) {
  return folder / "modes" / "plan.json";
}

Result<ModesPlan> read_plan(const std::filesystem::path& folder) {
  const std::filesystem::path path = plan_file(folder);
  KTS_TRY(const std::string text, read_file(path));
  try {
    const PlanJson json = PlanJson::parse(text);
    if (json.at("schema") != kPlanSchema) {
      return bad_input("not a plan of kts modes", fmt::format("its schema must be {}", kPlanSchema),
                       path.string());
    }
    ModesPlan plan;
    plan.scenario = json.at("scenario");
    plan.agent = json.at("agent");
    plan.rounds = json.at("rounds");
    for (const PlanJson& entry : json.at("baselines")) {
      plan.baselines.push_back({entry.at("agent"), entry.at("company"), entry.at("folder")});
    }
    for (const PlanJson& entry : json.at("entries")) {
      plan.entries.push_back({entry.at("way"),
                              entry.at("sharing"),
                              entry.at("company"),
                              entry.at("folder"),
                              entry.at("reason"),
                              {}});
      if (entry.contains("neighbours")) plan.entries.back().neighbours = entry.at("neighbours");
    }
    if (json.contains("others")) {
      for (const PlanJson& other : json.at("others")) {
        plan.others.push_back({other.at("agent"), other.at("party")});
      }
    }
    return plan;
  } catch (const PlanJson::exception& error) {
    return bad_input(
        fmt::format("not a plan of kts modes: {}", describe_json_error(error.id, error.what())),
        "name another folder: only kts modes writes this file", path.string());
  }
}

std::optional<std::uint64_t> memory_in_use(const std::filesystem::path& run) {
  const auto text = read_file(run / "environment.json");
  if (!text) return std::nullopt;
  const PlanJson json = PlanJson::parse(*text, nullptr, false);
  if (!json.is_object() || !json.contains("memory_in_use_bytes")) return std::nullopt;
  const PlanJson& bytes = json["memory_in_use_bytes"];
  return bytes.is_number_unsigned() ? std::optional(bytes.get<std::uint64_t>()) : std::nullopt;
}

std::optional<bool> objective_met(const Summary& summary, std::string_view agent) {
  for (const SloOutcome& slo : summary.slos) {
    if (slo.agent != agent) continue;
    if (slo.met) return true;
    if (slo.missed) return false;
  }
  return std::nullopt;
}

struct MeasuredRun {
  Summary summary;
  std::vector<std::string> damage;
};

Result<MeasuredRun> summarize_run(const std::filesystem::path& run) {
  KTS_TRY(const RunData data, load(run));
  Summary summary = summarize(data);
  // Ways are compared by p99 when shared: what spoils that counts here, and not whether the run's
  // own solo blocks, of which each round has few, settle a verdict.
  summary.inconclusive = data.header.inconclusive;
  for (const Load& load : summary.loads) {
    if (!load.overloaded || load.phase != Phase::kShared) continue;
    summary.inconclusive.push_back(fmt::format("{} is overloaded: {}", load.agent, load.why));
  }
  return MeasuredRun{std::move(summary), data.damage};
}

// Of an interrupted comparison the last runs may hold nothing yet.
bool any_block_finished(const std::filesystem::path& run) {
  std::error_code ec;
  const std::filesystem::directory_iterator blocks(run / "blocks", ec);
  return std::any_of(begin(blocks), end(blocks), [](const auto& block) {
    std::error_code unreadable;
    return std::filesystem::exists(block.path() / "block.json", unreadable);
  });
}

// Why a run can't be read; by the place inside its folder, since who reads it knows whose run it
// is.
std::string why_unread(const std::filesystem::path& run, Error error) {
  if (!any_block_finished(run)) return "no block of its run was finished";
  const std::string inside = run.string() + "/";
  if (error.where.starts_with(inside)) error.where.erase(0, inside.size());
  return to_line(error);
}

// Rates of the neighbours alone, by agent and company; of "" for those that are the same in all.
using AloneRates = std::map<std::pair<std::string, std::string>, Estimate>;

Estimate alone_rate(const AloneRates& rates, const std::string& agent, const std::string& company) {
  for (const std::string& where : {company, std::string()}) {
    if (const auto found = rates.find({agent, where}); found != rates.end()) return found->second;
  }
  return {};
}

// A figure that isn't known of all is not of the mean either.
Estimate mean_kept(const std::vector<ModeResult::Neighbour>& neighbours) {
  const auto mean_of = [&](std::optional<double> Estimate::*figure) -> std::optional<double> {
    double sum = 0;
    for (const ModeResult::Neighbour& neighbour : neighbours) {
      if (!(neighbour.kept.*figure)) return std::nullopt;
      sum += *(neighbour.kept.*figure);
    }
    if (neighbours.empty()) return std::nullopt;
    return sum / static_cast<double>(neighbours.size());
  };
  return {mean_of(&Estimate::value), mean_of(&Estimate::ci_low), mean_of(&Estimate::ci_high)};
}

ModeResult result_of(const ModesPlan::Entry& entry, const Summary& summary,
                     const MeasureResult& baseline, const AloneRates& rates) {
  const std::string& agent = baseline.agent;
  ModeResult result;
  result.entry = entry;
  result.inconclusive = summary.inconclusive;
  result.slo_met = objective_met(summary, agent);
  const MeasureResult* shared = find_result(summary, agent, Phase::kShared, Measure::kLatency);
  if (shared != nullptr) {
    result.measured = shared->n > 0;
    result.n = shared->n;
    result.blocks = shared->blocks;
    result.p50 = shared->p50;
    result.p95 = shared->p95;
    result.p99 = shared->p99;
    result.p999 = shared->p999;
    result.df_common = ratio_of(shared->p99, baseline.p99);
  }
  if (!result.measured) result.entry.reason = "its run ended before a shared block was over";
  if (const Degradation* df = find_degradation(summary, agent, Measure::kLatency, 0.99)) {
    result.df = df->ratio;
  }
  std::vector<std::string> neighbours = entry.neighbours;
  for (const AgentInfo& other : summary.agents) {
    if (entry.neighbours.empty() && other.name != agent) neighbours.push_back(other.name);
  }
  for (const std::string& other : neighbours) {
    ModeResult::Neighbour neighbour{other, {}, {}};
    const MeasureResult* latency = find_result(summary, other, Phase::kShared, Measure::kLatency);
    if (latency != nullptr) {
      neighbour.rate_per_s = latency->rate_achieved.value;
      neighbour.kept = ratio_of(latency->rate_achieved, alone_rate(rates, other, entry.company));
    }
    result.neighbours.push_back(std::move(neighbour));
  }
  result.kept_ratio = mean_kept(result.neighbours);
  return result;
}

// By their folders.
using Runs = std::map<std::string, Result<MeasuredRun>>;

Runs summarize_runs(const ModesPlan& plan, const std::filesystem::path& folder) {
  Runs runs;
  const auto add = [&](const std::string& run) {
    if (!run.empty() && !runs.contains(run)) runs.emplace(run, summarize_run(folder / run));
  };
  for (const ModesPlan::Baseline& baseline : plan.baselines) add(baseline.folder);
  for (const ModesPlan::Entry& entry : plan.entries) add(entry.folder);
  return runs;
}

// The plan as if `other` were the compared one, whose place among its neighbours the compared one
// takes: of the runs that it took part in.
ModesPlan as_seen_by(const ModesPlan::Other& other, const ModesPlan& plan) {
  ModesPlan seen = plan;
  seen.agent = other.agent;
  seen.entries.clear();
  std::map<std::string, std::string> companies{{"", ""}};
  for (ModesPlan::Entry entry : plan.entries) {
    if (other.party != plan.agent) {
      const auto place = std::ranges::find(entry.neighbours, other.party);
      if (place == entry.neighbours.end()) continue;
      // A company is called after its neighbours, and then how they queue.
      const std::size_t names = fmt::format("{}", fmt::join(entry.neighbours, ", ")).size();
      *place = plan.agent;
      const std::string company =
          fmt::format("{}{}", fmt::join(entry.neighbours, ", "),
                      entry.company.substr(std::min(names, entry.company.size())));
      companies[entry.company] = company;
      entry.company = company;
    } else {
      companies[entry.company] = entry.company;
    }
    seen.entries.push_back(std::move(entry));
  }
  std::erase_if(seen.baselines, [&](const ModesPlan::Baseline& baseline) {
    return !companies.contains(baseline.company);
  });
  for (ModesPlan::Baseline& baseline : seen.baselines) {
    const bool own = baseline.agent == other.party;
    baseline = {own ? other.agent : baseline.agent, own ? "" : companies[baseline.company],
                baseline.folder};
  }
  return seen;
}

ModesSummary compare_ways(const ModesPlan& plan, const Runs& runs,
                          const std::filesystem::path& folder) {
  ModesSummary out;
  out.id = std::filesystem::weakly_canonical(folder).filename().string();
  out.scenario = plan.scenario;
  out.rounds = plan.rounds;
  out.baseline.agent = plan.agent;
  out.agent.name = plan.agent;
  AloneRates rates;
  for (const ModesPlan::Baseline& baseline : plan.baselines) {
    const Result<MeasuredRun>& loaded = runs.at(baseline.folder);
    if (!loaded) {
      const std::filesystem::path run = folder / baseline.folder;
      (any_block_finished(run) ? out.spoilt : out.warnings)
          .push_back(fmt::format("{} alone: {}", baseline.agent, why_unread(run, loaded.error())));
      continue;
    }
    const Summary& summary = loaded->summary;
    for (const std::string& why : summary.inconclusive) {
      out.spoilt.push_back(fmt::format("{} alone: {}", baseline.agent, why));
    }
    const MeasureResult* alone =
        find_result(summary, baseline.agent, Phase::kSolo, Measure::kLatency);
    if (alone == nullptr) continue;
    if (alone->rate_achieved.value) {
      rates[{baseline.agent, baseline.company}] = alone->rate_achieved;
    }
    if (baseline.agent == plan.agent) {
      out.baseline = *alone;
      out.baseline_sharing = summary.sharing;
      out.device = summary.device;
      out.started = summary.started;
      for (const AgentInfo& info : summary.agents) {
        if (info.name == plan.agent) out.agent = info;
      }
    }
    for (const auto* list : {&summary.warnings, &summary.conditions}) {
      for (const std::string& warning : *list) {
        out.warnings.push_back(fmt::format("{} alone: {}", baseline.agent, warning));
      }
    }
  }

  for (const ModesPlan::Entry& entry : plan.entries) {
    auto company = std::ranges::find(out.companies, entry.company, &CompanyResult::company);
    if (company == out.companies.end()) {
      out.companies.push_back({entry.company, {}, {}, {}});
      company = out.companies.end() - 1;
    }
    ModeResult result;
    result.entry = entry;
    if (!entry.folder.empty()) {
      const auto tell = [&](std::vector<std::string>& where, const std::string& what) {
        where.push_back(fmt::format("{}, beside {}: {}", entry.way, entry.company, what));
      };
      if (const Result<MeasuredRun>& run = runs.at(entry.folder); !run) {
        result.entry.reason = why_unread(folder / entry.folder, run.error());
        if (any_block_finished(folder / entry.folder)) tell(out.spoilt, result.entry.reason);
      } else {
        const Summary& summary = run->summary;
        result = result_of(entry, summary, out.baseline, rates);
        result.memory_in_use_bytes = memory_in_use(folder / entry.folder);
        result.memory = summary.memory;
        for (const std::string& what : run->damage) tell(out.spoilt, what);
        for (const auto* list : {&summary.warnings, &summary.conditions}) {
          for (const std::string& warning : *list) tell(out.warnings, warning);
        }
      }
    }
    company->modes.push_back(std::move(result));
  }
  return out;
}

}  // namespace

std::string to_json(const ModesPlan& plan) {
  PlanJson out{
      {"schema", kPlanSchema}, {"scenario", plan.scenario},      {"agent", plan.agent},
      {"rounds", plan.rounds}, {"baselines", PlanJson::array()}, {"entries", PlanJson::array()}};
  for (const ModesPlan::Baseline& entry : plan.baselines) {
    out["baselines"].push_back(
        {{"agent", entry.agent}, {"company", entry.company}, {"folder", entry.folder}});
  }
  for (const ModesPlan::Entry& entry : plan.entries) {
    out["entries"].push_back({{"way", entry.way},
                              {"sharing", entry.sharing},
                              {"company", entry.company},
                              {"folder", entry.folder},
                              {"reason", entry.reason},
                              {"neighbours", entry.neighbours}});
  }
  out["others"] = PlanJson::array();
  for (const ModesPlan::Other& other : plan.others) {
    out["others"].push_back({{"agent", other.agent}, {"party", other.party}});
  }
  return out.dump(2, ' ', false, PlanJson::error_handler_t::replace) + "\n";
}

Status write_plan(const ModesPlan& plan, const std::filesystem::path& folder) {
  KTS_CHECK_OK(make_directories(folder / "modes"));
  return write_file(plan_file(folder), to_json(plan));
}

bool is_modes_folder(const std::filesystem::path& folder) {
  std::error_code ec;
  return std::filesystem::exists(plan_file(folder), ec);
}

Result<ModesSummary> load_modes(const std::filesystem::path& folder) {
  KTS_TRY(const ModesPlan plan, read_plan(folder));
  const Runs runs = summarize_runs(plan, folder);
  ModesSummary out = compare_ways(plan, runs, folder);
  for (const ModesPlan::Other& other : plan.others) {
    out.others.push_back(compare_ways(as_seen_by(other, plan), runs, folder));
    out.others.back().warnings.clear();
    out.others.back().spoilt.clear();
  }
  advise(out);
  return out;
}

}  // namespace kts::analysis
