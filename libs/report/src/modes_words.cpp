// SPDX-License-Identifier: Apache-2.0
#include "modes_words.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "format.hpp"
#include "kts/base/units.hpp"
#include "words.hpp"

namespace kts::report {
namespace {

bool any_way(const analysis::ModesSummary& modes, std::string_view name) {
  return std::ranges::any_of(modes.companies, [&](const analysis::CompanyResult& company) {
    return std::ranges::any_of(company.modes, [&](const analysis::ModeResult& mode) {
      return mode.measured && (mode.entry.sharing == name || mode.entry.way == name);
    });
  });
}

}  // namespace

std::string neighbours_kept(const analysis::ModeResult& mode, bool with_intervals) {
  std::string out;
  for (const auto& [agent, rate, kept] : mode.neighbours) {
    const analysis::Estimate shown = with_intervals ? kept : analysis::Estimate{kept.value, {}, {}};
    out += (out.empty() ? "" : ", ") + agent + " " + bounded_percent(shown);
  }
  return out.empty() ? std::string(kAbsent) : out;
}

ModeCells cells_of(const analysis::ModeResult& mode) {
  ModeCells cells;
  cells.way = mode.entry.way;
  cells.p50 = bounded(mode.p50);
  cells.p95 = bounded(mode.p95);
  cells.p99 = bounded(mode.p99);
  cells.p999 = bounded(mode.p999);
  cells.df = bounded(mode.df, "×");
  cells.df_common = bounded(mode.df_common, "×");
  cells.neighbours = neighbours_kept(mode, true);
  cells.samples = mode.measured ? count(mode.n) : std::string(kAbsent);
  cells.memory =
      mode.memory_in_use_bytes ? format_bytes(*mode.memory_in_use_bytes) : std::string(kAbsent);
  const auto add = [&](const std::string& note) {
    cells.note += (cells.note.empty() ? "" : "; ") + note;
  };
  if (!mode.entry.reason.empty()) add("not measured: " + mode.entry.reason);
  if (mode.slo_met) add(*mode.slo_met ? "meets the objective" : "misses the objective");
  for (const std::string& why : mode.inconclusive) add("can't conclude: " + why);
  return cells;
}

std::vector<const analysis::ModesSummary*> light_agents(const analysis::ModesSummary& modes) {
  std::vector<const analysis::ModesSummary*> all{&modes};
  for (const analysis::ModesSummary& other : modes.others) all.push_back(&other);
  return all;
}

std::string own_advice(const analysis::ModesSummary& light, const analysis::ModesSummary& modes) {
  if (&light == &modes || light.companies.size() < 2) return {};
  return fmt::format("{}: {}", light.agent.name, light.advice);
}

ModeCells baseline_cells(const analysis::ModesSummary& modes) {
  ModeCells cells;
  cells.way = "alone (" + modes.baseline_sharing + ")";
  cells.p50 = bounded(modes.baseline.p50);
  cells.p95 = bounded(modes.baseline.p95);
  cells.p99 = bounded(modes.baseline.p99);
  cells.p999 = bounded(modes.baseline.p999);
  cells.df = cells.df_common = cells.neighbours = cells.memory = kAbsent;
  cells.samples = count(modes.baseline.n);
  return cells;
}

std::vector<std::pair<std::string, std::string>> modes_facts(const analysis::ModesSummary& modes) {
  std::vector<std::pair<std::string, std::string>> facts;
  const auto add = [&](std::string label, const std::string& value) {
    if (!value.empty()) facts.emplace_back(std::move(label), value);
  };
  add("comparison", modes.id);
  add("started", modes.started);
  add("agent", modes.agent.name +
                   (modes.agent.workload.empty() ? "" : ", " + modes.agent.workload) +
                   (modes.agent.arrival.empty() ? "" : ", " + modes.agent.arrival));
  if (modes.agent.slo_latency_ms && modes.agent.slo_quantile) {
    add("objective",
        fmt::format("{} of latency at most {} ms", quantile_name(*modes.agent.slo_quantile),
                    *modes.agent.slo_latency_ms));
  }
  std::string others;
  for (const analysis::ModesSummary& other : modes.others) {
    others += fmt::format("{}{}{}", others.empty() ? "" : "; ", other.agent.name,
                          other.agent.arrival.empty() ? "" : ", " + other.agent.arrival);
  }
  add("other light agents", others);
  add("device", modes.device.name.empty() ? modes.device.kind : modes.device.name);
  if (is_cpu(modes.device)) {
    add("measured on", "one CPU core, where the operating system's scheduler plays the GPU's part");
  }
  add("device id", modes.device.uuid);
  add("driver", modes.device.driver);
  add("rounds", fmt::format("{}", modes.rounds));
  return facts;
}

std::vector<std::string> modes_method(const analysis::ModesSummary& modes) {
  std::vector<std::string> names;
  bool exclusive = false;
  bool chain = false;
  for (const analysis::ModesSummary* light : light_agents(modes)) {
    names.push_back(light->agent.name);
    (light->baseline_sharing == "exclusive" ? exclusive : chain) = true;
  }
  const std::string alone =
      fmt::format("{}{}{}", exclusive ? "the agent alone in mode exclusive" : "",
                  exclusive && chain ? ", of a chain " : "",
                  chain ? "its chain alone, whose agents are a process each and take turns" : "");
  std::vector<std::string> said{
      fmt::format("Latency of {} when shared, from due to done, in ms, with 95 % intervals. DF is "
                  "that of p99: in the mode against its own solo blocks there, and against {} "
                  "(no neighbour's process{}).",
                  fmt::join(names, ", "), alone, is_cpu(modes.device) ? "" : ", no MPS daemon"),
      "What a neighbour keeps is its rate when shared over its rate alone, its interval by "
      "Student's t over blocks. The ways took turns in "
      "rounds, so that slow drift meets them alike."};
  if (any_way(modes, "streams")) {
    said.push_back(fmt::format(
        "streams: the agents are threads of one process{}. Neighbours in solo blocks are parked "
        "there, never absent.",
        is_cpu(modes.device) ? ""
                             : " with a stream each; what they wait for the process's common "
                               "launch lock is in their latency"));
  }
  if (any_way(modes, "mps")) {
    said.push_back(
        "mps: a thread percentage caps and reserves nothing, a client priority is a hint; one "
        "client's fault ends the others' work. The driver's memory figures of MPS clients are not "
        "used.");
  }
  if (any_way(modes, "mps-partitions")) {
    said.push_back(
        "mps-partitions: each agent has SMs of its own, alone too; L2 and the memory's bandwidth "
        "stay shared.");
  }
  return said;
}

}  // namespace kts::report
