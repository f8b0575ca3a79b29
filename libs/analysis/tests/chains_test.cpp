// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "kts/analysis/load.hpp"
#include "kts/analysis/summarize.hpp"
#include "load_fixtures.hpp"

namespace kts::analysis::chains_test {
namespace {

using fixtures::block_json;
using fixtures::expect_left_out;
using fixtures::Folder;
using fixtures::join;
using fixtures::kEpoch;
using fixtures::kMillisecond;
using fixtures::V2Log;
using testing::DoubleNear;
using testing::Optional;

constexpr int kRequests = 25;  // a block, one every 40 ms
constexpr int kCycles = 6;

constexpr const char* kForked =
    "schema: kts.scenario/1\nname: s\ndevice: cuda\nagents:\n"
    "  - {name: router, workload: {kind: fft, size: 64}, arrival: {process: chain}}\n"
    "  - {name: guard, workload: {kind: fft, size: 64}, arrival: {process: chain}}\n"
    "  - {name: scout, workload: {kind: fft, size: 64}, arrival: {process: chain}}\n"
    "  - {name: batch, workload: {kind: gemm, size: 64}, arrival: {process: saturate}}\n"
    "chains:\n"
    "  - {name: answer, arrival: {process: uniform, rate: 25},\n"
    "     steps: [router, [guard, scout], router]}\n";
constexpr const char* kScenario =
    "schema: kts.scenario/1\nname: s\ndevice: cuda\nagents:\n"
    "  - {name: router, workload: {kind: fft, size: 64}, arrival: {process: chain}}\n"
    "  - {name: guard, workload: {kind: fft, size: 64}, arrival: {process: chain}}\n"
    "  - {name: batch, workload: {kind: gemm, size: 64}, arrival: {process: saturate}}\n"
    "chains:\n"
    "  - {name: answer, arrival: {process: uniform, rate: 25}, steps: [router, guard, router],\n"
    "     slo: {quantile: 0.5, latency: 31ms}}\n";

// What the agents of the chain router, guard, router say in one block: each step has 1 ms of
// backlog, 2 of waiting, 3 of device time and 4 of notifying; the guard waits `more` longer. Where
// it forks the scout is beside the guard and waits 2 ms longer.
struct ChainLogs {
  int block = 0;
  std::string phase = "solo";
  std::int64_t start_ns = kEpoch;
  std::int64_t more_ns = 0;
  // Lets a step's lines out, or one of them.
  std::function<bool(int request, int step, bool is_step_line)> loses = [](int, int, bool) {
    return false;
  };
  bool forks = false;
  int given_up_from = kRequests;        // these come to the first step alone
  std::int32_t last = record::kNoStep;  // what the join says, instead of the truth

  struct Planned {
    std::string agent;
    std::int64_t after_ns;  // the request's due instant
    std::int64_t more_ns = 0;
    std::int32_t last = record::kNoStep;
  };
  [[nodiscard]] std::vector<Planned> planned() const {
    constexpr std::int64_t kStep = 10 * kMillisecond;
    if (!forks) {
      return {{"router", 0}, {"guard", kStep, more_ns}, {"router", 2 * kStep + more_ns}};
    }
    constexpr std::int64_t kScout = 2 * kMillisecond;
    const std::int32_t truth = more_ns > kScout ? 1 : 2;
    return {{"router", 0},
            {"guard", kStep, more_ns},
            {"scout", kStep, kScout},
            {"router", 2 * kStep + std::max(more_ns, kScout), 0,
             last == record::kNoStep ? truth : last}};
  }

  [[nodiscard]] std::string log(const std::string& agent) const {
    const std::vector<Planned> steps = planned();
    struct Step {
      std::int64_t due;
      int request;
      int step;
    };
    std::vector<Step> all;
    for (int k = 0; k < kRequests; ++k) {
      for (std::size_t s = 0; s < steps.size(); ++s) {
        if (steps[s].agent == agent && (s == 0 || k < given_up_from)) {
          all.push_back(
              {start_ns + k * 40 * kMillisecond + steps[s].after_ns, k, static_cast<int>(s)});
        }
      }
    }
    std::ranges::sort(all, {}, &Step::due);
    V2Log base{.agent = agent, .block = block, .phase = phase, .start_ns = start_ns};
    base.n = static_cast<int>(all.size());
    record::BlockMeta meta = base.meta();
    meta.arrival = "chain";
    std::vector<std::string> lines{record::to_line(meta)};
    record::BlockEnd end = base.end();
    end.generation_stop_ns = start_ns + 1000 * kMillisecond;
    std::uint64_t seq = 0;
    for (const Step& step : all) {
      const Planned& plan = steps[static_cast<std::size_t>(step.step)];
      const std::int64_t wait = 2 * kMillisecond + plan.more_ns;
      const std::int64_t submit = step.due + kMillisecond;
      const record::Iteration i{seq,
                                step.due,
                                submit,
                                submit + wait,
                                submit + wait + 3 * kMillisecond,
                                submit + wait + 7 * kMillisecond};
      if (!loses(step.request, step.step, false)) lines.push_back(base.record_line(i));
      if (!loses(step.request, step.step, true)) {
        char line[record::kMaxRecordLine];
        const record::Step record{seq, static_cast<std::uint64_t>(step.request), 0,
                                  static_cast<std::uint32_t>(step.step), plan.last};
        lines.emplace_back(line, record::format_step(line, agent, "answer", record));
      }
      ++seq;
    }
    end.steps = end.steps_emitted = all.size();
    if (agent == "router") end.chain_requests = {{"answer", std::int64_t{kRequests}}};
    lines.push_back(record::to_line(end));
    return join(lines);
  }
};

// Cycles of the chain alone, the other agent alone, and all, in which the guard waits 5 ms longer.
void write_chain_run(const Folder& folder, const decltype(ChainLogs::loses)& loses = {},
                     bool forks = false) {
  folder.write("scenario.yaml", forks ? kForked : kScenario);
  folder.write("environment.json", R"({"device":{"driver":"580.105"},"sharing":"time-slicing"})");
  int number = 0;
  std::int64_t start = kEpoch;
  const auto add = [&](const std::string& phase, const std::vector<std::string>& active) {
    const std::string block = "blocks/" + std::string(number < 10 ? "0" : "") +
                              std::to_string(number) + "-" + phase + "/";
    folder.write(block + "block.json",
                 block_json(phase, active, start, start + 1000 * kMillisecond,
                            phase == "solo" ? R"(,"neighbours":"parked","parked":["x"])" : ""));
    ChainLogs logs{number, phase, start, phase == "shared" ? 5 * kMillisecond : 0};
    if (loses) logs.loses = loses;
    logs.forks = forks;
    for (const std::string& agent : active) {
      const V2Log batch{.agent = "batch", .block = number, .phase = phase, .start_ns = start};
      folder.write(block + agent + ".log",
                   agent == "batch" ? join(batch.lines()) : logs.log(agent));
    }
    ++number;
    start += 2000 * kMillisecond;
  };
  std::vector<std::string> chained{"router", "guard"};
  if (forks) chained.emplace_back("scout");
  std::vector<std::string> all = chained;
  all.emplace_back("batch");
  for (int cycle = 0; cycle < kCycles; ++cycle) {
    add("solo", chained);
    add("solo", {"batch"});
    add("shared", all);
  }
}

TEST(ChainAnalysis, TheWholeWayIsOneMoreAgentOfTheResults) {
  const Folder folder;
  write_chain_run(folder);
  const Summary summary = summarize(load(folder.path()).value());
  ASSERT_EQ(summary.agents.size(), 4U);
  EXPECT_EQ(summary.agents[3].name, "answer");
  EXPECT_EQ(summary.agents[3].workload, "router → guard → router");
  EXPECT_EQ(summary.agents[3].arrival, "uniform 25/s");
  const auto* solo = find_result(summary, "answer", Phase::kSolo, Measure::kLatency);
  const auto* shared = find_result(summary, "answer", Phase::kShared, Measure::kLatency);
  ASSERT_TRUE(solo && shared);
  EXPECT_EQ(solo->n, 23U * kCycles);  // the first 50 ms of each block are left out
  EXPECT_THAT(solo->p50.value, Optional(DoubleNear(30, 1e-9)));
  EXPECT_THAT(shared->p50.value, Optional(DoubleNear(35, 1e-9)));
  EXPECT_THAT(shared->p99.value, Optional(DoubleNear(35, 1e-9)));
  EXPECT_THAT(find_degradation(summary, "answer", Measure::kLatency, 0.5)->ratio.value,
              Optional(DoubleNear(35.0 / 30, 1e-9)));
  ASSERT_EQ(summary.slos.size(), 1U);
  EXPECT_EQ(summary.slos[0].agent, "answer");
}

TEST(ChainAnalysis, ItsPartsAreTheSumsOfTheStepsParts) {
  const Folder folder;
  write_chain_run(folder);
  const Summary summary = summarize(load(folder.path()).value());
  const auto mean = [&](Phase phase, Measure measure) {
    return *find_result(summary, "answer", phase, measure)->mean;
  };
  EXPECT_NEAR(mean(Phase::kSolo, Measure::kBacklog), 3, 1e-9);
  EXPECT_NEAR(mean(Phase::kSolo, Measure::kGpuWait), 6, 1e-9);
  EXPECT_NEAR(mean(Phase::kShared, Measure::kGpuWait), 11, 1e-9);
  EXPECT_NEAR(mean(Phase::kSolo, Measure::kGpuTime), 9, 1e-9);
  EXPECT_NEAR(mean(Phase::kSolo, Measure::kNotify), 12, 1e-9);
}

TEST(ChainAnalysis, NobodyWaitsForTheChainBesideItsAgents) {
  const Folder folder;
  write_chain_run(folder);
  const Summary summary = summarize(load(folder.path()).value());
  EXPECT_TRUE(std::ranges::any_of(summary.waits, [](const Wait& w) { return w.on == "guard"; }));
  EXPECT_FALSE(std::ranges::any_of(
      summary.waits, [](const Wait& w) { return w.on == "answer" || w.agent == "answer"; }));
}

TEST(ChainAnalysis, LatencyDividesAmongTheSteps) {
  const Folder folder;
  write_chain_run(folder);
  const Summary summary = summarize(load(folder.path()).value());
  ASSERT_EQ(summary.chains.size(), 2U);
  const ChainPhase& shared = summary.chains[1];
  EXPECT_EQ(shared.phase, Phase::kShared);
  EXPECT_EQ(shared.finished, std::uint64_t{kRequests} * kCycles);
  EXPECT_EQ(shared.unfinished, 0U);
  const ChainDivision& mean = shared.divisions.at(0);
  EXPECT_EQ(mean.at, "mean");
  EXPECT_EQ(mean.n, 23U * kCycles);
  ASSERT_EQ(mean.steps.size(), 3U);
  EXPECT_EQ(mean.steps[1].agent, "guard");
  EXPECT_THAT(mean.steps[0].latency_ms, Optional(DoubleNear(10, 1e-9)));
  EXPECT_THAT(mean.steps[1].latency_ms, Optional(DoubleNear(15, 1e-9)));
  EXPECT_THAT(mean.steps[1].work_ms, Optional(DoubleNear(3, 1e-9)));
  EXPECT_THAT(mean.steps[1].wait_ms, Optional(DoubleNear(12, 1e-9)));
}

TEST(ChainAnalysis, AForksLatencyIsThatOfItsCriticalPath) {
  const Folder folder;
  write_chain_run(folder, {}, true);
  const Summary summary = summarize(load(folder.path()).value());
  EXPECT_EQ(summary.agents.back().workload, "router → (guard | scout) → router");
  const auto* solo = find_result(summary, "answer", Phase::kSolo, Measure::kLatency);
  const auto* shared = find_result(summary, "answer", Phase::kShared, Measure::kLatency);
  ASSERT_TRUE(solo && shared);
  // Alone the scout is done last, shared the guard.
  EXPECT_THAT(solo->p50.value, Optional(DoubleNear(32, 1e-9)));
  EXPECT_THAT(shared->p50.value, Optional(DoubleNear(35, 1e-9)));
  EXPECT_NEAR(*find_result(summary, "answer", Phase::kSolo, Measure::kGpuTime)->mean, 9, 1e-9);
  EXPECT_NEAR(*find_result(summary, "answer", Phase::kSolo, Measure::kGpuWait)->mean, 8, 1e-9);
  EXPECT_NEAR(*find_result(summary, "answer", Phase::kShared, Measure::kGpuWait)->mean, 11, 1e-9);

  ASSERT_EQ(summary.chains.size(), 2U);
  for (const ChainPhase& phase : summary.chains) {
    const ChainDivision& mean = phase.divisions.at(0);
    const bool alone = phase.phase == Phase::kSolo;
    ASSERT_EQ(mean.steps.size(), 4U);
    double sum = 0;
    for (const ChainStep& step : mean.steps) sum += *step.latency_ms;
    EXPECT_NEAR(sum, alone ? 32 : 35, 1e-9);
    EXPECT_EQ(mean.steps[1].critical, alone ? 0U : mean.n);
    EXPECT_EQ(mean.steps[2].critical, alone ? mean.n : 0U);
    EXPECT_THAT(mean.steps[1].latency_ms, Optional(DoubleNear(alone ? 0 : 15, 1e-9)));
    EXPECT_THAT(mean.steps[2].own_ms, Optional(DoubleNear(12, 1e-9)));
    EXPECT_THAT(mean.steps[2].work_ms, Optional(DoubleNear(alone ? 3 : 0, 1e-9)));
    EXPECT_THAT(mean.steps[3].after, testing::ElementsAre(1, 2));
    ASSERT_EQ(mean.forks.size(), 1U);
    const auto& branches = mean.forks[0].branches;
    ASSERT_EQ(branches.size(), 2U);
    EXPECT_EQ(branches[1].words, "scout");
    EXPECT_EQ(branches[1].critical, alone ? mean.n : 0U);
    EXPECT_THAT(branches[0].critical_ratio, Optional(DoubleNear(alone ? 0 : 1, 1e-12)));
  }
}

TEST(ChainAnalysis, AloneItsAgentsWaitForEachOtherAndThatIsNotCalledLaunch) {
  const Folder folder;
  write_chain_run(folder, {}, true);
  const Summary summary = summarize(load(folder.path()).value());
  const auto solo = [&](const std::string& agent, Cause cause) -> std::optional<double> {
    for (const Attribution& a : summary.attribution) {
      if (a.agent != agent || a.at != "mean") continue;
      const auto found = std::ranges::find(a.explained, cause, &Explanation::cause);
      return found == a.explained.end() ? std::nullopt : found->solo_ms;
    }
    return std::nullopt;
  };
  // Side by side with the guard, which has the device for the last 2 of the scout's 4 ms.
  EXPECT_THAT(solo("scout", Cause::kTurns), Optional(DoubleNear(2, 1e-9)));
  EXPECT_THAT(solo("scout", Cause::kLaunch), Optional(DoubleNear(2, 1e-9)));
  EXPECT_THAT(solo("guard", Cause::kTurns), Optional(DoubleNear(0, 1e-9)));
  EXPECT_THAT(solo("batch", Cause::kTurns), Optional(DoubleNear(0, 1e-9)));
  // What the scout waits for the guard alone is no growth of its wait, whoever else is there.
  const auto wait = [&](const std::string& agent, const std::string& on) {
    return *std::ranges::find_if(summary.waits, [&](const Wait& w) {
      return w.agent == agent && w.on == on && w.at == "mean";
    });
  };
  const Wait scout = wait("scout", "guard");
  EXPECT_THAT(scout.solo_ms, Optional(DoubleNear(2, 1e-9)));
  EXPECT_THAT(scout.growth.value, Optional(DoubleNear(*scout.ms.value - 2, 1e-9)));
  EXPECT_THAT(wait("scout", "batch").solo_ms, Optional(0.0));
  EXPECT_THAT(wait("batch", "scout").solo_ms, Optional(0.0));
  EXPECT_EQ(wait("batch", "scout").growth.value, wait("batch", "scout").ms.value);
  // The whole way's causes are its agents'.
  for (const Attribution& a : summary.attribution) {
    EXPECT_EQ(a.explained.empty(), a.agent == "answer") << a.agent << a.at;
  }
}

TEST(ChainAnalysis, AJoinThatDoesNotFitItsBranchesIsLeftOut) {
  const Folder folder;
  write_chain_run(folder, {}, true);
  ChainLogs logs{0, "solo", kEpoch};
  logs.forks = true;
  // Not the branch that the join was due with.
  logs.last = 1;
  folder.write("blocks/00-solo/router.log", logs.log("router"));
  expect_left_out(load(folder.path()), folder.file("blocks/00-solo"),
                  "step 3 is not due when the last of steps 1, 2 was done");
  logs.last = 0;
  folder.write("blocks/00-solo/router.log", logs.log("router"));
  expect_left_out(load(folder.path()), folder.file("blocks/00-solo/router.log") + ":5",
                  "step 3 of chain 'answer' doesn't wait for step 0");
  // A branch that was done later than the join was due.
  logs.last = record::kNoStep;
  folder.write("blocks/00-solo/router.log", logs.log("router"));
  logs.more_ns = 4 * kMillisecond;
  folder.write("blocks/00-solo/guard.log", logs.log("guard"));
  expect_left_out(load(folder.path()), folder.file("blocks/00-solo"),
                  "step 3 is not due when the last of steps 1, 2 was done");
}

TEST(ChainAnalysis, ARequestWithoutABranchIsUnfinished) {
  const Folder folder;
  write_chain_run(
      folder, [](int request, int step, bool) { return request == 9 && step == 1; }, true);
  const Summary summary = summarize(load(folder.path()).value());
  EXPECT_EQ(summary.chains.at(0).unfinished, std::uint64_t{kCycles});
  EXPECT_EQ(find_result(summary, "answer", Phase::kSolo, Measure::kLatency)->n, 22U * kCycles);
}

TEST(ChainAnalysis, WhatWasGivenUpOnItsWayIsNotCalledNeverBegun) {
  const Folder folder;
  write_chain_run(folder, {}, true);
  for (int cycle = 0; cycle < kCycles; ++cycle) {
    const int number = 3 * cycle;
    ChainLogs logs{number, "solo", kEpoch + number * 2000 * kMillisecond};
    logs.forks = true;
    logs.given_up_from = 22;
    for (const std::string agent : {"router", "guard", "scout"}) {
      folder.write("blocks/" + std::string(number < 10 ? "0" : "") + std::to_string(number) +
                       "-solo/" + agent + ".log",
                   logs.log(agent));
    }
  }
  const Summary summary = summarize(load(folder.path()).value());
  const auto load = std::ranges::find_if(
      summary.loads, [](const Load& l) { return l.agent == "answer" && l.phase == Phase::kSolo; });
  ASSERT_NE(load, summary.loads.end());
  EXPECT_EQ(load->why, "18 requests had to be given up before or on their way, in 6 of 6 blocks");
  ASSERT_FALSE(summary.inconclusive.empty());
  EXPECT_THAT(summary.inconclusive[0],
              testing::StartsWith("answer is overloaded in its solo blocks: 18 requests had"));
}

TEST(ChainAnalysis, WithoutAnSloTheChainIsWhatTheRunConcludesAbout) {
  const Folder folder;
  write_chain_run(
      folder, [](int request, int step, bool) { return request == 9 && step == 1; }, true);
  const Summary summary = summarize(load(folder.path()).value());
  ASSERT_EQ(summary.inconclusive.size(), 1U);
  EXPECT_THAT(summary.inconclusive[0], testing::StartsWith("answer "));
}

TEST(ChainAnalysis, ARequestWithoutAStepIsUnfinishedAndTakesTheTailWithIt) {
  const Folder folder;
  // Given up before its last step: 1 of 25 in each block.
  write_chain_run(folder, [](int request, int step, bool) { return request == 9 && step == 2; });
  // END counts it as done: so it was lost.
  const Summary summary = summarize(load(folder.path()).value());
  EXPECT_EQ(summary.chains.at(0).unfinished, std::uint64_t{kCycles});
  const auto* solo = find_result(summary, "answer", Phase::kSolo, Measure::kLatency);
  EXPECT_EQ(solo->lost, std::uint64_t{kCycles});
  EXPECT_EQ(solo->n, 22U * kCycles);
  EXPECT_FALSE(solo->p99.ci_high);
}

TEST(ChainAnalysis, AStepWhoseRecordIsLostIsNotTakenForAnother) {
  const Folder folder;
  write_chain_run(folder, [](int request, int step, bool is_step_line) {
    return request == 9 && step == 1 && !is_step_line;
  });
  const Summary summary = summarize(load(folder.path()).value());
  EXPECT_EQ(summary.chains.at(0).unfinished, std::uint64_t{kCycles});
  EXPECT_THAT(find_result(summary, "answer", Phase::kSolo, Measure::kLatency)->max,
              Optional(DoubleNear(30, 1e-9)));
}

TEST(ChainAnalysis, StepsThatDoNotFitTogetherAreLeftOut) {
  const Folder folder;
  write_chain_run(folder);
  ChainLogs later{0, "solo", kEpoch};
  later.start_ns += kMillisecond;
  folder.write("blocks/00-solo/guard.log", later.log("guard"));
  expect_left_out(load(folder.path()), folder.file("blocks/00-solo"),
                  "step 1 is not due when step 0 was done");
}

TEST(ChainAnalysis, AStepThatTheChainDoesNotHaveIsLeftOut) {
  const Folder folder;
  write_chain_run(folder);
  std::string log = ChainLogs{0, "solo", kEpoch}.log("guard");
  log.replace(log.find(",answer,0,1\n"), 12, ",answer,0,2\n");
  folder.write("blocks/00-solo/guard.log", log);
  expect_left_out(load(folder.path()), folder.file("blocks/00-solo/guard.log") + ":3",
                  "chain 'answer' has no step 2 of this agent");
}

}  // namespace
}  // namespace kts::analysis::chains_test
