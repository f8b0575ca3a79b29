// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "kts/analysis/comparison.hpp"
#include "kts/analysis/fleet.hpp"
#include "kts/analysis/modes.hpp"
#include "kts/base/files.hpp"
#include "kts/base/text.hpp"

namespace kts::analysis {
namespace {

using SummaryJson = nlohmann::json;

constexpr const char* kSummaryFile = "summary.json";
constexpr const char* kSummarySchema = "kts.summary/1";

// null is what isn't known.
void take(const SummaryJson& object, const char* key, std::string& to) {
  const SummaryJson& value = object.at(key);
  to = value.is_null() ? std::string() : value.get<std::string>();
}
void take(const SummaryJson& object, const char* key, std::optional<double>& to) {
  const SummaryJson& value = object.at(key);
  if (!value.is_null()) to = value.get<double>();
}
Estimate estimate_in(const SummaryJson& object) {
  Estimate estimate;
  take(object, "value", estimate.value);
  take(object, "ci_low", estimate.ci_low);
  take(object, "ci_high", estimate.ci_high);
  return estimate;
}
Phase phase_in(const SummaryJson& object) {
  return object.at("phase").get<std::string>() == name(Phase::kSolo) ? Phase::kSolo
                                                                     : Phase::kShared;
}
std::optional<Measure> measure_in(const SummaryJson& object) {
  return record::measure_from_name(object.at("measure").get<std::string>());
}

void take_run(const SummaryJson& run, Summary& summary) {
  take(run, "id", summary.run_id);
  take(run, "scenario", summary.scenario);
  take(run, "started", summary.started);
  summary.duration_s = run.at("duration_s").get<double>();
  take(run, "sharing", summary.sharing);
  take(run, "source", summary.source);
  const SummaryJson& device = run.at("device");
  take(device, "kind", summary.device.kind);
  take(device, "name", summary.device.name);
  take(device, "uuid", summary.device.uuid);
  take(device, "driver", summary.device.driver);
  summary.within_run_only = run.at("within_run_only").get<bool>();
}

AgentInfo agent_in(const SummaryJson& object) {
  AgentInfo agent;
  take(object, "name", agent.name);
  take(object, "workload", agent.workload);
  take(object, "arrival", agent.arrival);
  take(object, "baseline", agent.baseline);
  return agent;
}

MeasureResult result_in(const SummaryJson& object, Measure measure) {
  MeasureResult result;
  take(object, "agent", result.agent);
  result.phase = phase_in(object);
  result.measure = measure;
  result.n = object.at("n").get<std::uint64_t>();
  result.p50 = estimate_in(object.at("p50"));
  result.p95 = estimate_in(object.at("p95"));
  result.p99 = estimate_in(object.at("p99"));
  take(object, "rate_achieved_per_s", result.rate_achieved.value);
  // An earlier kts wrote no interval of the rate.
  if (object.contains("rate_achieved_ci_low")) {
    take(object, "rate_achieved_ci_low", result.rate_achieved.ci_low);
    take(object, "rate_achieved_ci_high", result.rate_achieved.ci_high);
  }
  return result;
}

Summary summary_in(const SummaryJson& document) {
  Summary summary;
  take_run(document.at("run"), summary);
  for (const SummaryJson& one : document.at("agents")) summary.agents.push_back(agent_in(one));
  for (const SummaryJson& one : document.at("results")) {
    // Of a newer kts there may be measures that this one doesn't know.
    if (const auto measure = measure_in(one)) summary.results.push_back(result_in(one, *measure));
  }
  for (const SummaryJson& one : document.at("degradation")) {
    if (one.at("quantile").get<std::string>() != "p99") continue;
    Degradation df;
    take(one, "agent", df.agent);
    const auto measure = measure_in(one);
    if (!measure) continue;
    df.measure = *measure;
    df.ratio = estimate_in(one);
    summary.degradation.push_back(std::move(df));
  }
  for (const SummaryJson& one : document.at("loads")) {
    Load load;
    take(one, "agent", load.agent);
    load.phase = phase_in(one);
    load.overloaded = one.at("overloaded").get<bool>();
    summary.loads.push_back(std::move(load));
  }
  return summary;
}

std::string how_to_make(const std::filesystem::path& folder) {
  return fmt::format("kts report {} writes it, of a run's folder or one of v1 logs",
                     folder.empty() ? "RUN" : folder.string());
}

// What else a folder may be that isn't one run; empty: none of it.
std::string other_than_a_run(const std::filesystem::path& folder) {
  std::error_code ec;
  if (is_fleet(folder))
    return fmt::format("of several nodes; name one, such as {}",
                       node_folder(folder, "NODE").string());
  if (is_modes_folder(folder)) return "of kts modes, which compares by itself";
  if (std::filesystem::exists(folder / "matrix.json", ec)) return "of kts matrix";
  return {};
}

}  // namespace

Result<Summary> read_summary(const std::filesystem::path& run) {
  std::error_code ec;
  const bool is_folder = std::filesystem::is_directory(run, ec);
  if (const std::string other = other_than_a_run(run); !other.empty()) {
    return bad_input(fmt::format("a folder {}", other), "name two runs' folders", run.string());
  }
  const std::filesystem::path file = is_folder ? run / kSummaryFile : run;
  if (!std::filesystem::exists(file, ec)) {
    if (!is_folder) {
      return bad_input("there is no such file or folder", "name a run's folder, or a summary.json",
                       run.string());
    }
    return bad_input("there is no such file", how_to_make(run), file.string());
  }
  KTS_TRY(const std::string text, read_file(file));
  const SummaryJson document = SummaryJson::parse(text, nullptr, /*allow_exceptions=*/false);
  const auto schema =
      document.is_object() ? document.value("schema", SummaryJson()) : SummaryJson();
  if (schema != kSummarySchema) {
    return bad_input(fmt::format("is no {}", kSummarySchema),
                     "name a run's folder, or the summary.json of one", file.string());
  }
  try {
    return summary_in(document);
  } catch (const SummaryJson::exception& error) {
    return bad_input(
        fmt::format("is not as kts writes it: {}", describe_json_error(error.id, error.what())),
        how_to_make(file.parent_path()), file.string());
  }
}

}  // namespace kts::analysis
