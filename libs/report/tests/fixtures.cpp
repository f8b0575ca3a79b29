// SPDX-License-Identifier: Apache-2.0
#include "fixtures.hpp"

#include <array>
#include <cmath>
#include <string>

namespace kts::report::fixtures {
namespace {

using namespace analysis;

Estimate around(double value, double relative_half_width) {
  return {value, value * (1 - relative_half_width), value * (1 + relative_half_width)};
}

MeasureResult result(std::string agent, Phase phase, Measure measure, double p50, double p95,
                     double p99) {
  MeasureResult r;
  r.agent = std::move(agent);
  r.phase = phase;
  if (phase == Phase::kSolo) r.neighbours = Neighbours::kParked;
  r.measure = measure;
  r.n = phase == Phase::kSolo ? 3800 : 3802;
  r.blocks = 10;
  r.trimmed = 200;
  r.mean = (p50 * 0.9 + p99 * 0.1);
  r.p50 = around(p50, 0.02);
  r.p95 = around(p95, 0.04);
  r.p99 = around(p99, 0.07);
  r.p999 = {p99 * 1.3, p99 * 1.1, {}};
  r.max = p99 * 1.5;
  r.jitter = p99 / p50;
  r.rate_proxy_per_s = 1000 / *r.mean;
  return r;
}

void latencies(Summary& s, const std::string& agent, std::array<double, 3> solo,
               std::array<double, 3> shared, double solo_rate, double shared_rate) {
  s.results.push_back(result(agent, Phase::kSolo, Measure::kLatency, solo[0], solo[1], solo[2]));
  s.results.back().rate_achieved = around(solo_rate, 0.02);
  s.results.push_back(
      result(agent, Phase::kShared, Measure::kLatency, shared[0], shared[1], shared[2]));
  s.results.back().rate_achieved = around(shared_rate, 0.02);
}

void part(Summary& s, const std::string& agent, Measure measure, std::array<double, 3> solo,
          std::array<double, 3> shared) {
  s.results.push_back(result(agent, Phase::kSolo, measure, solo[0], solo[1], solo[2]));
  s.results.push_back(result(agent, Phase::kShared, measure, shared[0], shared[1], shared[2]));
}

void degradation(Summary& s, const std::string& agent, Measure measure, Estimate p99,
                 Verdict verdict = Verdict::kCannotConclude) {
  for (const double quantile : {0.5, 0.95}) {
    s.degradation.push_back({agent,
                             measure,
                             quantile,
                             around(1 + (*p99.value - 1) * quantile, 0.05),
                             Neighbours::kParked,
                             Verdict::kCannotConclude,
                             {}});
  }
  s.degradation.push_back({agent, measure, 0.99, p99, Neighbours::kParked, verdict, {}});
}

Ccdf ccdf(const std::string& agent, Phase phase, double p50, double p99) {
  Ccdf c{agent, phase, {}, {}};
  // A log-logistic tail through both quantiles.
  const double shape = std::log(99.0) / std::log(p99 / p50);
  for (int i = 0; i <= 120; ++i) {
    const double share = std::pow(10, -3.5 * i / 120);
    const double odds = share >= 1 ? 1e-3 : (1 - share) / share;
    c.latency_ms.push_back(p50 * std::pow(odds, 1 / shape));
    c.share_above.push_back(share);
  }
  return c;
}

Finding finding_of(const std::string& agent, double rate, double mean, double p99,
                   std::optional<double> gpu_time, bool misses) {
  return {agent, rate, 1 / mean, mean, p99, gpu_time, misses};
}

Summary base(std::string scenario) {
  Summary s;
  s.run_id = "20260117T101500Z-" + scenario;
  s.scenario = std::move(scenario);
  s.started = "2026-01-17T10:15:00Z";
  s.duration_s = 61.25;
  s.sharing = "time-slicing";
  s.device = {"cuda", "NVIDIA H200", "GPU-00000000-1111-2222-3333-444444444444", "580.105.08"};
  s.source = "kts.records/v2";
  return s;
}

AgentInfo agent(std::string name, std::string workload, std::string arrival) {
  AgentInfo info{name, std::move(workload), std::move(arrival), {}, {}, name};
  return info;
}

// As on an H200: operands, cuBLAS' workspace, and the two processes by the driver's word.
analysis::MemoryUse memory_on_h200() {
  using analysis::AgentMemory;
  constexpr std::uint64_t kContext = std::uint64_t{560} << 20;
  AgentMemory router{"router", 0,           0,           0,           268'435'456, 0,
                     kContext, 855'638'016, 268'435'456, 824'180'736, "nvml"};
  router.error_ratio = -0.0368;
  AgentMemory thinker{"thinker", 0,           0,           0,           201'326'592, 33'554'432,
                      kContext,  822'083'584, 234'881'024, 851'443'712, "nvml"};
  thinker.error_ratio = 0.0357;
  return {{router, thinker}, 1'677'721'600, 1'675'624'448, 150'754'820'096,
          0.01113,           0.01111,       -0.00125,      "processes"};
}

}  // namespace

Summary one_agent() {
  Summary s = base("alone");
  s.sharing = "exclusive";
  s.agents = {agent("router", "fft 4096", "poisson 200/s")};
  s.results = {result("router", Phase::kSolo, Measure::kLatency, 0.403, 0.431, 0.443),
               result("router", Phase::kSolo, Measure::kGpuTime, 0.211, 0.24, 0.255)};
  s.results[0].rate_achieved = around(199.8, 0.02);
  s.ccdfs = {ccdf("router", Phase::kSolo, 0.403, 0.443)};
  return s;
}

Summary two_agents() {
  Summary s = base("study");
  s.covariates = {{"nvml", "sm_clock_mhz", "", Phase::kSolo, "router", 200, 10, 1980, 1980, 1980},
                  {"nvml", "sm_clock_mhz", "", Phase::kShared, "", 180, 9, 1755, 1410, 1980},
                  {"processes", "sm_percent", "router", Phase::kShared, "", 9, 9, 12.5, 9, 15},
                  {"dcgm", "gpu_util_percent", "", Phase::kSolo, "router", 10, 10, 4.6, 4, 6},
                  {"dcgm", "power_watts", "", Phase::kSolo, "router", 10, 10, 148.25, 140.5, 160},
                  {"dcgm", "gpu_util_percent", "", Phase::kShared, "", 9, 9, 100, 100, 100}};
  s.block_covariates = {{"01-solo-router", s.covariates[0]}, {"03-shared", s.covariates[2]}};
  s.conditions = {
      "GPU 0 throttled: its clocks were held down in 0 of 200 readings in solo and 41 of "
      "180 in shared blocks (power cap)"};
  s.agents = {agent("router", "fft 4096", "poisson 200/s"),
              agent("thinker", "gemm 4096", "saturate")};
  s.agents[0].slo_quantile = 0.99;
  s.agents[0].slo_latency_ms = 5;
  latencies(s, "router", {0.403, 0.431, 0.443}, {1.66, 4.50, 7.61}, 199.8, 199.4);
  part(s, "router", Measure::kBacklog, {0.0021, 0.0034, 0.0048}, {0.0023, 1.9, 4.31});
  part(s, "router", Measure::kGpuWait, {0.018, 0.022, 0.029}, {1.31, 2.4, 3.02});
  part(s, "router", Measure::kGpuTime, {0.211, 0.24, 0.255}, {0.203, 0.212, 0.22});
  part(s, "router", Measure::kNotify, {0.011, 0.013, 0.016}, {0.012, 0.015, 0.021});
  latencies(s, "thinker", {20.677, 20.896, 20.985}, {24.1, 27.4, 29.6}, 48.4, 41.1);
  part(s, "thinker", Measure::kGpuTime, {20.6, 20.8, 20.9}, {24.0, 27.3, 29.5});
  degradation(s, "router", Measure::kLatency, {17.18, 15.91, 18.62}, Verdict::kHurt);
  degradation(s, "router", Measure::kGpuTime, {0.863, 0.841, 0.886});
  degradation(s, "thinker", Measure::kLatency, {1.41, 1.36, 1.46}, Verdict::kHurt);
  degradation(s, "thinker", Measure::kGpuTime, {1.411, 1.362, 1.461});
  s.findings = {finding_of("router", 0.998, 4.1, 17.18, 0.863, true),
                finding_of("thinker", 0.849, 1.18, 1.41, 1.411, false)};
  s.attribution = {{"router",
                    "mean",
                    3800,
                    3802,
                    1.42,
                    {{Measure::kBacklog, 0.002, 0.22, 0.218},
                     {Measure::kGpuWait, 0.018, 1.22, 1.202},
                     {Measure::kGpuTime, 0.211, 0.204, -0.007},
                     {Measure::kNotify, 0.011, 0.012, 0.001}},
                    0.006},
                   {"router",
                    "p99",
                    114,
                    114,
                    7.167,
                    {{Measure::kBacklog, 0.005, 4.21, 4.205},
                     {Measure::kGpuWait, 0.029, 3.01, 2.981},
                     {Measure::kGpuTime, 0.255, 0.219, -0.036},
                     {Measure::kNotify, 0.016, 0.022, 0.006}},
                    0.011},
                   {"thinker",
                    "p99",
                    100,
                    100,
                    8.615,
                    {{Measure::kBacklog, 0.0, 0.0, 0.0},
                     {Measure::kGpuWait, 0.04, 0.05, 0.01},
                     {Measure::kGpuTime, 20.9, 29.5, 8.6},
                     {Measure::kNotify, 0.012, 0.014, 0.002}},
                    0.003}};
  s.attribution[0].latency_interval = {1.35, 1.49};
  s.attribution[0].parts[1].interval = {1.17, 1.23};
  s.attribution[0].residue_interval = {-0.002, 0.014};
  using analysis::Cause;
  s.attribution[1].explained = {
      {Measure::kBacklog, Cause::kEarlierWaits, {3.9, 3.4, 4.4}},
      {Measure::kBacklog, Cause::kEarlierWork, {0.305, {}, {}}},
      {Measure::kGpuWait, Cause::kTurns, {2.83, 2.6, 3.06}},
      {Measure::kGpuWait, Cause::kSwitches, {0.152, 0.15, 0.154}},
      {Measure::kGpuWait, Cause::kLaunch, {-0.001, {}, {}}, false},
      {Measure::kGpuTime, Cause::kExecution, {}, true, "nearly all of its work was interrupted"}};
  s.waits = {{"router", "thinker", "mean", {1.3, 1.21, 1.39}, 0.2, 1.1, 0.0, 1.1, 0.915},
             {"router", "thinker", "p99", {6.9, {}, {}}, 3.9, 3.0, 0.0, 3.0, 0.963},
             {"thinker", "router", "mean", {0.41, 0.39, 0.43}, 0.0, 0.01, 0.4, 0.01, {}}};
  s.left_out = {{"router",
                 "thinker",
                 "mean",
                 3790,
                 10,
                 {1.36, 1.27, 1.45},
                 {1.3, 1.21, 1.39},
                 {1.3, 1.21, 1.39},
                 true,
                 LeftOutCheck::kAgrees},
                {"router",
                 "thinker",
                 "p95",
                 3790,
                 10,
                 {3.1, 2.8, 3.4},
                 {4.2, 3.9, 4.5},
                 {4.2, 3.9, 4.5},
                 true,
                 LeftOutCheck::kDiffers},
                {"thinker",
                 "router",
                 "mean",
                 3790,
                 4,
                 {0.4, {}, {}},
                 {0.41, 0.39, 0.43},
                 {0.41, 0.39, 0.43},
                 true,
                 LeftOutCheck::kCannotTell,
                 "there is no interval",
                 5}};
  s.turns = analysis::TurnFigures{2.091, 0.152, "data sheet datasheet.json", ""};
  s.turn_checks = {{"router", 3802, {1.31, 1.28}, {2.4, 2.39}, {3.02, 2.41}}};
  s.memory = memory_on_h200();
  s.loads = {{"router", Phase::kSolo, 199.9, 199.8, 0, false, ""},
             {"router", Phase::kShared, 199.7, 199.4, 0, false, ""}};
  s.slos = {{"router", 0.99, 5, {7.61, 7.08, 8.14}, true, false}};
  s.ccdfs = {ccdf("router", Phase::kSolo, 0.403, 0.443), ccdf("router", Phase::kShared, 1.66, 7.61),
             ccdf("thinker", Phase::kSolo, 20.677, 20.985),
             ccdf("thinker", Phase::kShared, 24.1, 29.6)};
  s.foreign_lines = 3;
  s.warnings = {"router: lost 2 of 7,804 records (0.03 %)"};
  return s;
}

Summary six_agents() {
  Summary s = base("crowd");
  const std::array<std::string, 6> names{
      "router",    "guardrail",   "classifier-of-incoming-requests-by-tenant-and-by-their-language",
      "retriever", "tool-caller", "thinker"};
  for (std::size_t i = 0; i < names.size(); ++i) {
    const double scale = std::pow(3.0, static_cast<double>(i));
    const double ratio = i == 3 ? 1.0 : 1.2 * static_cast<double>(i + 1);
    s.agents.push_back(
        agent(names[i], i == 5 ? "gemm 4096" : "fft 1024", i == 5 ? "saturate" : "poisson 120/s"));
    latencies(s, names[i], {0.05 * scale, 0.06 * scale, 0.07 * scale},
              {0.05 * scale * ratio, 0.065 * scale * ratio, 0.07 * scale * ratio}, 120, 119.5);
    degradation(s, names[i], Measure::kLatency, around(ratio, 0.03),
                i == 3 ? Verdict::kFree : Verdict::kHurt);
    s.findings.push_back(finding_of(names[i], 0.996, ratio, ratio, {}, false));
    s.ccdfs.push_back(ccdf(names[i], Phase::kSolo, 0.05 * scale, 0.07 * scale));
    s.ccdfs.push_back(ccdf(names[i], Phase::kShared, 0.05 * scale * ratio, 0.08 * scale * ratio));
  }
  // guardrail is router's equal, so router's solo blocks are its baseline.
  s.agents[1].baseline = "router";
  std::erase_if(s.results, [](const MeasureResult& r) {
    return r.agent == "guardrail" && r.phase == Phase::kSolo;
  });
  s.agents[0].slo_quantile = 0.95;
  s.agents[0].slo_latency_ms = 0.1;
  s.agents[3].slo_quantile = 0.99;
  s.agents[3].slo_latency_ms = 4;
  s.slos = {{"router", 0.95, 0.1, {0.078, 0.075, 0.081}, false, true},
            {"retriever", 0.99, 4, {1.89, 1.76, {}}, false, false}};
  return s;
}

Summary missing_values() {
  Summary s;
  s.run_id = "logs";
  s.source = "KTS_APP v1";
  s.agents = {AgentInfo{"FFT", "", "", {}, {}, ""}, AgentInfo{"GEMM", "", "", {}, {}, ""}};
  MeasureResult r;
  r.agent = "FFT";
  r.n = 1;
  s.results.push_back(r);
  r.phase = Phase::kShared;
  s.results.push_back(r);
  Degradation d;
  d.agent = "FFT";
  s.degradation = {d};
  s.findings = {Finding{"FFT", {}, {}, {}, {}, {}, false}};
  s.attribution = {Attribution{"FFT", "p99", 0, 0, {}, {{Measure::kGpuWait, {}, {}, {}}}, {}}};
  s.ccdfs = {Ccdf{"FFT", Phase::kSolo, {}, {}}};
  return s;
}

Summary cannot_conclude() {
  Summary s = base("short");
  s.covariates_missing = "the DCGM exporter renewed its values every 30.0 s, blocks are 2.0 s long";
  s.agents = {agent("router", "fft 4096", "poisson 200/s"),
              agent("thinker", "gemm 4096", "saturate")};
  latencies(s, "router", {0.403, 0.431, 0.443}, {0.42, 0.47, 0.521}, 199.8, 199.9);
  latencies(s, "thinker", {20.6, 20.8, 20.9}, {20.7, 21.0, 21.2}, 48.4, 48.1);
  degradation(s, "router", Measure::kLatency, {1.176, 0.93, 1.49});
  s.degradation.back().samples_needed = 21'400;
  degradation(s, "thinker", Measure::kLatency, {1.014, {}, {}});
  for (auto& r : s.results) {
    r.n = 240;
    r.p99.ci_high = {};  // too few samples for an upper bound
    if (r.agent == "thinker") r.p50 = {*r.p50.value, {}, {}};
  }
  s.memory = memory_on_h200();
  for (analysis::AgentMemory& agent : s.memory->agents) {
    agent.context = agent.measured = std::nullopt;
    agent.measured_by.clear();
    agent.error_ratio = std::nullopt;
    agent.predicted = agent.allocated;
    agent.missing = "under MPS the driver's figures are the server's";
  }
  s.memory->predicted = 503'316'480;
  s.memory->predicted_share = 0.00334;
  s.memory->measured = std::nullopt;
  s.memory->measured_by.clear();
  s.memory->measured_share = s.memory->error_ratio = std::nullopt;
  s.findings = {finding_of("router", 1.0005, 1.06, 1.176, {}, false),
                finding_of("thinker", 0.994, 1.006, 1.014, {}, false)};
  s.ccdfs = {ccdf("router", Phase::kSolo, 0.403, 0.443),
             ccdf("router", Phase::kShared, 0.42, 0.521)};
  s.inconclusive = {"router: p99 of latency has too few samples (240 of about 21,400 a phase)",
                    "thinker: 3 shared blocks, and an interval takes 5; run more cycles"};
  return s;
}

Summary within_run_only() {
  Summary s;
  s.run_id = "run-20250924";
  s.started = "2025-09-24T08:00:00Z";
  s.duration_s = 318;
  s.source = "KTS_APP v1";
  s.within_run_only = true;
  s.agents = {AgentInfo{"fft", "", "", {}, {}, "fft"}, AgentInfo{"gemm", "", "", {}, {}, "gemm"}};
  const auto add = [&](const std::string& name, std::array<double, 3> solo,
                       std::array<double, 3> shared) {
    for (const Measure measure : {Measure::kLatency, Measure::kGpuTime}) {
      part(s, name, measure, solo, shared);
    }
  };
  add("fft", {3.598, 3.645, 3.679}, {3.593, 5.868, 6.101});
  add("gemm", {20.677, 20.896, 20.985}, {20.669, 24.505, 24.690});
  for (auto& r : s.results) {
    r.neighbours = {};
    r.n = 760;
    r.blocks = 20;
    r.trimmed = 40;
  }
  degradation(s, "fft", Measure::kLatency, {1.658, 1.61, 1.71}, Verdict::kHurt);
  degradation(s, "fft", Measure::kGpuTime, {1.658, 1.61, 1.71});
  degradation(s, "gemm", Measure::kLatency, {1.177, 1.15, 1.2}, Verdict::kHurt);
  degradation(s, "gemm", Measure::kGpuTime, {1.177, 1.15, 1.2});
  for (auto& d : s.degradation) d.baseline = {};
  s.findings = {{"fft", {}, 0.927, 1.078, 1.658, 1.658, false},
                {"gemm", {}, 0.986, 1.014, 1.177, 1.177, false}};
  s.ccdfs = {ccdf("fft", Phase::kSolo, 3.598, 3.679), ccdf("fft", Phase::kShared, 3.593, 6.101),
             ccdf("gemm", Phase::kSolo, 20.677, 20.985),
             ccdf("gemm", Phase::kShared, 20.669, 24.69)};
  s.malformed_lines = 1;
  s.warnings = {"shared-gemm.log:17: a record cut short was left out"};
  return s;
}

Summary overloaded() {
  Summary s = two_agents();
  s.scenario = "too-much";
  std::erase_if(s.degradation, [](const Degradation& d) { return d.agent == "router"; });
  s.slos.clear();
  s.loads[1] = {"router",
                Phase::kShared,
                199.7,
                151.3,
                968,
                true,
                "its queue had to be given up in 10 of 10 blocks, with 968 requests never begun"};
  s.findings.erase(s.findings.begin());
  std::erase_if(s.attribution, [](const Attribution& a) { return a.agent == "router"; });
  s.inconclusive = {"router was overloaded in its shared blocks"};
  return s;
}

Summary special_characters() {
  Summary s = two_agents();
  const std::string odd = "a|b,\"c\" <i>&'d' *e* `f` _g_ [h](i) \xC3\xA9";
  const auto rename = [&](auto& items) {
    for (auto& item : items) {
      if (item.agent == "router") item.agent = odd;
    }
  };
  rename(s.results);
  rename(s.degradation);
  rename(s.findings);
  rename(s.attribution);
  rename(s.waits);
  rename(s.left_out);
  rename(s.loads);
  rename(s.slos);
  rename(s.ccdfs);
  s.agents[0].name = s.agents[0].baseline = odd;
  s.agents[1].workload = "gemm\n4096";
  s.scenario = "</title><script>alert(1)</script>";
  s.warnings = {"solo.log:3: '=1+1,\"x\"' | <b>bold</b>\nsecond line\x1b[31m red\x1b[0m",
                "broken \xFF\xC3 UTF-8", "# no heading, 100 % & more"};
  return s;
}

Summary llm_requests() {
  Summary s = base("agents");
  s.agents = {agent("router", "encoder bert-base", "gamma 50/s, cv 2.5"),
              agent("thinker", "request llama-3.1-8b", "trace azure-code.csv, 2x")};
  latencies(s, "router", {1.2, 1.4, 1.6}, {3.1, 9.8, 14.2}, 50.1, 49.9);
  latencies(s, "thinker", {310, 820, 1040}, {330, 900, 1190}, 1.9, 1.85);
  s.results[2].output_tokens_per_s = 52.3;
  s.results[3].output_tokens_per_s = 50.75;
  part(s, "thinker", Measure::kGpuTime, {300, 800, 1010}, {320, 880, 1150});
  part(s, "thinker", Measure::kTtft, {42, 130, 210}, {47, 150, 260});
  part(s, "thinker", Measure::kItl, {9.1, 9.3, 9.6}, {9.4, 12.1, 14.7});
  for (auto& r : s.results) {
    if (r.measure == Measure::kItl) r.n = 48'201;
  }
  degradation(s, "router", Measure::kLatency, {8.87, 7.9, 9.9}, Verdict::kHurt);
  degradation(s, "thinker", Measure::kLatency, {1.144, 1.07, 1.22}, Verdict::kHurt);
  degradation(s, "thinker", Measure::kGpuTime, {1.139, 1.06, 1.21});
  degradation(s, "thinker", Measure::kTtft, {1.238, 1.11, 1.38});
  degradation(s, "thinker", Measure::kItl, {1.531, 1.48, 1.59});
  s.findings = {finding_of("router", 0.996, 3.4, 8.87, {}, false),
                finding_of("thinker", 0.974, 1.07, 1.144, 1.139, false)};
  s.ccdfs = {ccdf("router", Phase::kSolo, 1.2, 1.6),   ccdf("router", Phase::kShared, 3.1, 14.2),
             ccdf("thinker", Phase::kSolo, 310, 1040), ccdf("thinker", Phase::kShared, 330, 1190),
             ccdf("thinker", Phase::kSolo, 42, 210),   ccdf("thinker", Phase::kShared, 47, 260),
             ccdf("thinker", Phase::kSolo, 9.1, 9.6),  ccdf("thinker", Phase::kShared, 9.4, 14.7)};
  for (const std::size_t i : {4U, 5U}) s.ccdfs[i].measure = Measure::kTtft;
  for (const std::size_t i : {6U, 7U}) s.ccdfs[i].measure = Measure::kItl;
  s.warnings = {
      "thinker: 26 of 8819 requests of its trace failed when it was recorded (no output "
      "tokens) and are left out"};
  return s;
}

Summary traced() {
  Summary s = one_agent();
  const std::string agent = s.agents.front().name;
  s.kernels = {{agent,
                Phase::kSolo,
                3,
                570,
                2280,
                12,
                0,
                0.25,
                0.21,
                0.04,
                0.0015,
                {{"void_kernel<float, 4096>", 1140, 70.5}, {"transpose|pad", 1140, 49.2}}},
               {agent, Phase::kShared, 3, 0, 0, 40, 7, {}, {}, {}, {}, {}}};
  // Another agent's that was traced beside others, too.
  s.kernel_changes = {{"thinker",
                       "spin",
                       "_Z4spinPxi",
                       KernelMeans{1140, 570, 6, 2, {0.06, 0.05, 0.07}, {0.12, 0.1, 0.14}},
                       KernelMeans{1100, 550, 6, 2, {0.11, 0.1, 0.12}, {0.22, 0.2, 0.24}},
                       {1.833, 1.55, 2.18},
                       {0.1, 0.072, 0.128}},
                      {"thinker",
                       "transpose|pad",
                       "transpose|pad",
                       KernelMeans{1140, 570, 6, 2, {0.04, 0.03, 0.05}, {0.08, 0.06, 0.1}},
                       KernelMeans{0, 550, 6, 0, {}, {0, 0, 0}},
                       {},
                       {-0.08, -0.1, -0.06}},
                      {agent,
                       "void_kernel<float, 4096>",
                       "void_kernel<float, 4096>",
                       KernelMeans{1140, 570, 3, 2, {0.0618, {}, {}}, {0.124, {}, {}}},
                       {},
                       {},
                       {}}};
  return s;
}

const std::vector<Fixture>& all() {
  static const std::vector<Fixture> kAll{{"one_agent", one_agent},
                                         {"two_agents", two_agents},
                                         {"six_agents", six_agents},
                                         {"missing_values", missing_values},
                                         {"cannot_conclude", cannot_conclude},
                                         {"within_run_only", within_run_only},
                                         {"overloaded", overloaded},
                                         {"special_characters", special_characters},
                                         {"llm_requests", llm_requests},
                                         {"traced", traced}};
  return kAll;
}

}  // namespace kts::report::fixtures
