// SPDX-License-Identifier: Apache-2.0
#include "format.hpp"
#include "json_values.hpp"
#include "kts/report/report.hpp"

namespace kts::report {
namespace {

Json result(const analysis::MeasureResult& r) {
  return {{"agent", r.agent},
          {"phase", name(r.phase)},
          {"neighbours", r.neighbours ? Json(name(*r.neighbours)) : Json(nullptr)},
          {"measure", record::info(r.measure).name},
          {"unit", "ms"},
          {"n", r.n},
          {"blocks", r.blocks},
          {"trimmed", r.trimmed},
          {"lost", r.lost},
          {"mean", optional(r.mean)},
          {"p50", estimate_json(r.p50)},
          {"p95", estimate_json(r.p95)},
          {"p99", estimate_json(r.p99)},
          {"p999", estimate_json(r.p999)},
          {"max", optional(r.max)},
          {"jitter", optional(r.jitter)},
          {"rate_proxy_per_s", optional(r.rate_proxy_per_s)},
          {"rate_achieved_per_s", optional(r.rate_achieved.value)},
          {"rate_achieved_ci_low", optional(r.rate_achieved.ci_low)},
          {"rate_achieved_ci_high", optional(r.rate_achieved.ci_high)},
          {"output_tokens_per_s", optional(r.output_tokens_per_s)}};
}

Json degradation(const analysis::Degradation& d) {
  const bool judged = d.measure == analysis::Measure::kLatency && d.quantile == 0.99;
  return {{"agent", d.agent},
          {"measure", record::info(d.measure).name},
          {"quantile", quantile_name(d.quantile)},
          {"value", optional(d.ratio.value)},
          {"ci_low", optional(d.ratio.ci_low)},
          {"ci_high", optional(d.ratio.ci_high)},
          {"baseline", d.baseline ? Json(name(*d.baseline)) : Json(nullptr)},
          {"verdict", judged ? Json(name(d.verdict)) : Json(nullptr)},
          {"samples_needed", optional(d.samples_needed)}};
}

Json change(const analysis::Finding& f) {
  return {{"agent", f.agent},
          {"rate_achieved_ratio", optional(f.rate_achieved_ratio)},
          {"rate_proxy_ratio", optional(f.rate_proxy_ratio)},
          {"mean_latency_ratio", optional(f.mean_latency_ratio)},
          {"latency_p99_ratio", optional(f.latency_p99_ratio)},
          {"gpu_time_p99_ratio", optional(f.gpu_time_p99_ratio)},
          {"event_time_misses_it", f.event_time_misses_it}};
}

Json explanation(const analysis::Explanation& e) {
  return {{"part", record::info(e.part).name}, {"cause", name(e.cause)},
          {"ms", optional(e.ms.value)},        {"ci_low", optional(e.ms.ci_low)},
          {"ci_high", optional(e.ms.ci_high)}, {"basis", e.estimated ? "estimated" : "measured"},
          {"missing", text(e.missing)}};
}

Json attribution(const analysis::Attribution& a) {
  Json parts = Json::array();
  for (const auto& part : a.parts) {
    parts.push_back({{"part", record::info(part.part).name},
                     {"solo_ms", optional(part.solo_ms)},
                     {"shared_ms", optional(part.shared_ms)},
                     {"growth_ms", optional(part.growth_ms)},
                     {"growth_ci_low", optional(part.interval.low)},
                     {"growth_ci_high", optional(part.interval.high)}});
  }
  return {{"agent", a.agent},
          {"at", a.at},
          {"solo_n", a.solo_n},
          {"shared_n", a.shared_n},
          {"latency_growth_ms", optional(a.latency_growth_ms)},
          {"latency_growth_ci_low", optional(a.latency_interval.low)},
          {"latency_growth_ci_high", optional(a.latency_interval.high)},
          {"parts", std::move(parts)},
          {"residue_ms", optional(a.residue_ms)},
          {"residue_ci_low", optional(a.residue_interval.low)},
          {"residue_ci_high", optional(a.residue_interval.high)},
          {"explained", array(a.explained, explanation)}};
}

Json wait(const analysis::Wait& w) {
  return {{"agent", w.agent},
          {"on", w.on},
          {"at", w.at},
          {"ms", estimate_json(w.ms)},
          {"backlog_ms", optional(w.backlog_ms)},
          {"gpu_wait_ms", optional(w.gpu_wait_ms)},
          {"gpu_time_ms", optional(w.gpu_time_ms)},
          {"alone_ms", optional(w.alone_ms)},
          {"solo_ms", optional(w.solo_ms)},
          {"growth", estimate_json(w.growth)},
          {"growth_ratio", optional(w.growth_ratio)}};
}

Json left_out(const analysis::LeftOut& l) {
  return {{"agent", l.agent},
          {"left_out", l.left_out},
          {"at", l.at},
          {"n", l.n},
          {"blocks", l.blocks},
          {"drop", estimate_json(l.drop)},
          {"waited", estimate_json(l.waited)},
          {"predicted", estimate_json(l.predicted)},
          {"predicted_by", l.by_model ? "turns" : "waits"},
          {"agreement", name(l.agreement)},
          {"missing", text(l.missing)},
          {"cycles_needed", optional(l.cycles_needed)}};
}

Json turn_check(const analysis::TurnCheck& c) {
  const auto pair = [](const analysis::TurnCheck::Pair& p) {
    return Json{{"measured_ms", optional(p.measured_ms)}, {"model_ms", optional(p.model_ms)}};
  };
  return {{"agent", c.agent},
          {"n", c.n},
          {"p50", pair(c.p50)},
          {"p95", pair(c.p95)},
          {"p99", pair(c.p99)}};
}

Json turns(const Summary& s) {
  if (!s.turns) return nullptr;
  return {{"source", s.turns->source},
          {"slice_ms", optional(s.turns->slice_ms)},
          {"switch_ms", optional(s.turns->switch_ms)},
          {"missing", text(s.turns->missing)},
          {"gpu_wait", array(s.turn_checks, turn_check)}};
}

Json load(const analysis::Load& l) {
  return {{"agent", l.agent},
          {"phase", name(l.phase)},
          {"offered_per_s", l.offered_per_s},
          {"completed_per_s", l.completed_per_s},
          {"abandoned", l.abandoned},
          {"overloaded", l.overloaded},
          {"why", text(l.why)}};
}

Json slo(const analysis::SloOutcome& s) {
  return {{"agent", s.agent},         {"quantile", s.quantile},
          {"target_ms", s.target_ms}, {"shared", estimate_json(s.shared)},
          {"missed", s.missed},       {"met", s.met}};
}

Json chain_step(const analysis::ChainStep& s) {
  return {{"agent", s.agent},
          {"after", s.after},
          {"latency_ms", optional(s.latency_ms)},
          {"wait_ms", optional(s.wait_ms)},
          {"work_ms", optional(s.work_ms)},
          {"own_ms", optional(s.own_ms)},
          {"critical", s.critical}};
}

Json chain_branch(const analysis::ChainFork::Branch& b) {
  return {{"branch", b.words},
          {"critical", b.critical},
          {"critical_ratio", optional(b.critical_ratio)}};
}

Json chain_fork(const analysis::ChainFork& f) {
  return {{"branches", array(f.branches, chain_branch)}};
}

Json chain_division(const analysis::ChainDivision& d) {
  return {{"at", d.at},
          {"n", d.n},
          {"steps", array(d.steps, chain_step)},
          {"forks", array(d.forks, chain_fork)}};
}

Json chain(const analysis::ChainPhase& c) {
  return {{"chain", c.chain},
          {"phase", name(c.phase)},
          {"finished", c.finished},
          {"unfinished", c.unfinished},
          {"divisions", array(c.divisions, chain_division)}};
}

Json covariate(const analysis::Covariate& c) {
  return {{"source", c.source},
          {"field", c.field},
          {"process", text(c.process)},
          {"phase", name(c.phase)},
          {"agent", text(c.agent)},
          {"blocks", c.blocks},
          {"readings", c.readings},
          {"mean", c.mean},
          {"min", c.min},
          {"max", c.max}};
}

Json kernel_use(const analysis::KernelUse& k) {
  Json top = Json::array();
  for (const auto& kernel : k.top) {
    top.push_back({{"name", kernel.name}, {"n", kernel.n}, {"total_ms", kernel.total_ms}});
  }
  return {{"agent", k.agent},
          {"phase", name(k.phase)},
          {"blocks", k.blocks},
          {"iterations", k.iterations},
          {"n", k.n},
          {"unjoined", k.unjoined},
          {"lost", k.lost},
          {"gpu_time_ms", optional(k.gpu_time_ms)},
          {"busy_ms", optional(k.busy_ms)},
          {"gap_ms", optional(k.gap_ms)},
          {"overhang_ms", optional(k.overhang_ms)},
          {"top", std::move(top)}};
}

Json kernel_means(const std::optional<analysis::KernelMeans>& m) {
  if (!m) return nullptr;
  return {{"n", m->n},
          {"iterations", m->iterations},
          {"blocks", m->blocks},
          {"launches_per_iteration", m->launches_per_iteration},
          {"launch_ms", estimate_json(m->launch_ms)},
          {"iteration_ms", estimate_json(m->iteration_ms)}};
}

Json kernel_change(const analysis::KernelChange& k) {
  return {{"agent", k.agent},
          {"name", k.name},
          {"symbol", k.symbol},
          {"solo", kernel_means(k.solo)},
          {"shared", kernel_means(k.shared)},
          {"launch_ratio", estimate_json(k.launch_ratio)},
          {"added_ms", estimate_json(k.added_ms)}};
}

}  // namespace

std::string summary_json(const Summary& summary) {
  const Json document{{"schema", "kts.summary/1"},
                      {"run", run_json(summary)},
                      {"agents", array(summary.agents, agent_json)},
                      {"results", array(summary.results, result)},
                      {"degradation", array(summary.degradation, degradation)},
                      {"findings", array(summary.findings, change)},
                      {"attribution", array(summary.attribution, attribution)},
                      {"waits", array(summary.waits, wait)},
                      {"left_out", array(summary.left_out, left_out)},
                      {"chains", array(summary.chains, chain)},
                      {"kernels", array(summary.kernels, kernel_use)},
                      {"kernel_changes", array(summary.kernel_changes, kernel_change)},
                      {"turns", turns(summary)},
                      {"loads", array(summary.loads, load)},
                      {"slos", array(summary.slos, slo)},
                      {"memory", memory_json(summary.memory)},
                      {"covariates", array(summary.covariates, covariate)},
                      {"covariates_missing", text(summary.covariates_missing)},
                      {"conditions", summary.conditions},
                      {"lines",
                       {{"malformed", summary.malformed_lines},
                        {"duplicate", summary.duplicate_records},
                        {"foreign", summary.foreign_lines}}},
                      {"headline", finding(summary)},
                      {"warnings", summary.warnings},
                      {"inconclusive", summary.inconclusive}};
  // Log text may hold broken UTF-8, which the strict handler would throw on.
  return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace kts::report
