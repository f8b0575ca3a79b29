// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <utility>

#include "format.hpp"
#include "kts/report/report.hpp"

namespace kts::report {
namespace {

using analysis::Estimate;

struct CsvRow {
  std::string agent, phase, neighbours, measure, statistic, unit, n, blocks, trimmed, lost, verdict;
};

void append(std::string& out, const CsvRow& row, const Estimate& e) {
  out += fmt::format("{},{},{},{},{},{},{},{},{},{},{},{},{},{}\n", escape_csv(row.agent),
                     row.phase, row.neighbours, row.measure, escape_csv(row.statistic), row.unit,
                     exact(e.value), exact(e.ci_low), exact(e.ci_high), row.n, row.blocks,
                     row.trimmed, row.lost, row.verdict);
}

void append_result(std::string& out, const analysis::MeasureResult& r) {
  CsvRow row;
  row.agent = r.agent;
  row.phase = name(r.phase);
  row.neighbours = r.neighbours ? name(*r.neighbours) : "";
  row.measure = record::info(r.measure).name;
  row.n = fmt::format("{}", r.n);
  row.blocks = fmt::format("{}", r.blocks);
  row.trimmed = fmt::format("{}", r.trimmed);
  row.lost = fmt::format("{}", r.lost);
  const auto add = [&](std::string_view statistic, std::string_view unit, const Estimate& e) {
    row.statistic = statistic;
    row.unit = unit;
    append(out, row, e);
  };
  const auto plain = [](const std::optional<double>& value) { return Estimate{value, {}, {}}; };
  add("mean", "ms", plain(r.mean));
  add("p50", "ms", r.p50);
  add("p95", "ms", r.p95);
  add("p99", "ms", r.p99);
  add("p99.9", "ms", r.p999);
  add("max", "ms", plain(r.max));
  add("jitter", "ratio", plain(r.jitter));
  add("rate_proxy", "1/s", plain(r.rate_proxy_per_s));
  if (r.measure == analysis::Measure::kLatency) {
    add("rate_achieved", "1/s", r.rate_achieved);
    if (r.output_tokens_per_s) add("output_tokens", "1/s", plain(r.output_tokens_per_s));
  }
}

void append_degradation(std::string& out, const analysis::Degradation& d) {
  CsvRow row;
  row.agent = d.agent;
  row.phase = "shared/solo";
  row.neighbours = d.baseline ? name(*d.baseline) : "";
  row.measure = record::info(d.measure).name;
  row.statistic = "df_" + quantile_name(d.quantile);
  row.unit = "ratio";
  if (d.measure == analysis::Measure::kLatency && d.quantile == 0.99) row.verdict = name(d.verdict);
  append(out, row, d.ratio);
}

void append_attribution(std::string& out, const analysis::Attribution& a) {
  CsvRow row;
  row.agent = a.agent;
  row.phase = "shared-solo";
  row.statistic = "growth_" + a.at;
  row.unit = "ms";
  row.measure = "latency";
  append(out, row, {a.latency_growth_ms, a.latency_interval.low, a.latency_interval.high});
  for (const auto& part : a.parts) {
    row.measure = record::info(part.part).name;
    append(out, row, {part.growth_ms, part.interval.low, part.interval.high});
  }
  row.measure = "residue";
  append(out, row, {a.residue_ms, a.residue_interval.low, a.residue_interval.high});
  for (const auto& e : a.explained) {
    row.measure = record::info(e.part).name;
    row.statistic = fmt::format("growth_{}_{}", a.at, name(e.cause));
    append(out, row, e.ms);
  }
}

void append_wait(std::string& out, const analysis::Wait& w) {
  CsvRow row;
  row.agent = w.agent;
  row.phase = "shared";
  row.measure = "latency";
  row.statistic = fmt::format("wait_{}_for_{}", w.at, w.on);
  row.unit = "ms";
  append(out, row, w.ms);
  row.phase = "shared-solo";
  row.statistic = fmt::format("growth_{}_wait_for_{}", w.at, w.on);
  append(out, row, w.growth);
}

// "step3_mean" of latency, wait and work; where the chain forks also of own, and how often the step
// was on the critical path.
void append_chain(std::string& out, const analysis::ChainPhase& c) {
  CsvRow row;
  row.agent = c.chain;
  row.phase = name(c.phase);
  row.unit = "ms";
  for (const auto& division : c.divisions) {
    row.n = fmt::format("{}", division.n);
    for (std::size_t k = 0; k < division.steps.size(); ++k) {
      const analysis::ChainStep& step = division.steps[k];
      row.statistic = fmt::format("step{}_{}", k + 1, division.at);
      for (const auto& [measure, value] :
           {std::pair("latency", step.latency_ms), std::pair("wait", step.wait_ms),
            std::pair("work", step.work_ms)}) {
        row.measure = measure;
        append(out, row, {value, {}, {}});
      }
      if (division.forks.empty()) continue;
      row.measure = "own";
      append(out, row, {step.own_ms, {}, {}});
      row.measure = "critical";
      row.unit = "requests";
      append(out, row, {static_cast<double>(step.critical), {}, {}});
      row.unit = "ms";
    }
  }
}

// "predicted", "allocated" and "measured" of an agent.
void append_memory(std::string& out, const analysis::AgentMemory& m) {
  CsvRow row;
  row.agent = m.agent;
  row.measure = "memory";
  row.unit = "bytes";
  for (const auto& [statistic, bytes] :
       {std::pair("predicted", m.predicted), std::pair("allocated", m.allocated),
        std::pair("measured", m.measured)}) {
    row.statistic = statistic;
    append(out, row, {bytes ? std::optional(static_cast<double>(*bytes)) : std::nullopt, {}, {}});
  }
}

}  // namespace

std::string summary_csv(const Summary& summary) {
  std::string out =
      "agent,phase,neighbours,measure,statistic,unit,value,ci_low,ci_high,n,blocks,trimmed,lost,"
      "verdict\n";
  for (const auto& r : summary.results) append_result(out, r);
  for (const auto& d : summary.degradation) append_degradation(out, d);
  for (const auto& a : summary.attribution) append_attribution(out, a);
  for (const auto& w : summary.waits) append_wait(out, w);
  for (const auto& c : summary.chains) append_chain(out, c);
  if (summary.memory) {
    for (const auto& m : summary.memory->agents) append_memory(out, m);
  }
  return out;
}

std::string kernels_csv(const Summary& summary) {
  std::string out =
      "agent,kernel,symbol,phase,statistic,unit,value,ci_low,ci_high,launches,iterations,blocks\n";
  for (const auto& change : summary.kernel_changes) {
    const auto add = [&](std::string_view phase, std::string_view statistic, std::string_view unit,
                         const Estimate& e, const analysis::KernelMeans* in) {
      out += fmt::format(
          "{},{},{},{},{},{},{},{},{},{},{},{}\n", escape_csv(change.agent),
          escape_csv(change.name), escape_csv(change.symbol), phase, statistic, unit,
          exact(e.value), exact(e.ci_low), exact(e.ci_high), in ? fmt::format("{}", in->n) : "",
          in ? fmt::format("{}", in->iterations) : "", in ? fmt::format("{}", in->blocks) : "");
    };
    for (const auto& [phase, means] :
         {std::pair("solo", &change.solo), std::pair("shared", &change.shared)}) {
      if (!*means) continue;
      const analysis::KernelMeans& in = **means;
      add(phase, "launches", "1/iteration", {in.launches_per_iteration, {}, {}}, &in);
      add(phase, "launch", "ms", in.launch_ms, &in);
      add(phase, "iteration", "ms", in.iteration_ms, &in);
    }
    add("shared/solo", "launch", "ratio", change.launch_ratio, nullptr);
    add("shared-solo", "iteration", "ms", change.added_ms, nullptr);
  }
  return out;
}

std::string covariates_csv(const Summary& summary) {
  std::string out = "block,phase,agent,source,process,field,readings,mean,min,max\n";
  for (const auto& [block, c] : summary.block_covariates) {
    out += fmt::format("{},{},{},{},{},{},{},{},{},{}\n", escape_csv(block), name(c.phase),
                       escape_csv(c.agent), c.source, escape_csv(c.process), c.field, c.readings,
                       exact(c.mean), exact(c.min), exact(c.max));
  }
  return out;
}

}  // namespace kts::report
