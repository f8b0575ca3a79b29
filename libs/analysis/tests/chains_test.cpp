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

namespace kts::analysis {
namespace {

using testing::block_json;
using ::testing::DoubleNear;
using testing::expect_error;
using testing::Folder;
using testing::join;
using testing::kEpoch;
using testing::kMillisecond;
using ::testing::Optional;
using testing::V2Log;

constexpr int kRequests = 25;  // a block, one every 40 ms
constexpr int kCycles = 6;

constexpr const char* kScenario =
    "schema: kts.scenario/1\nname: s\ndevice: cuda\nagents:\n"
    "  - {name: router, workload: {kind: fft, size: 64}, arrival: {process: chain}}\n"
    "  - {name: guard, workload: {kind: fft, size: 64}, arrival: {process: chain}}\n"
    "  - {name: batch, workload: {kind: gemm, size: 64}, arrival: {process: saturate}}\n"
    "chains:\n"
    "  - {name: answer, arrival: {process: uniform, rate: 25}, steps: [router, guard, router],\n"
    "     slo: {quantile: 0.5, latency: 31ms}}\n";

// What the agents of the chain router, guard, router say in one block: each step has 1 ms of
// backlog, 2 of waiting, 3 of device time and 4 of notifying; the guard waits `more` longer.
struct ChainLogs {
  int block = 0;
  std::string phase = "solo";
  std::int64_t start_ns = kEpoch;
  std::int64_t more_ns = 0;
  // Lets a step's lines out, or one of them.
  std::function<bool(int request, int step, bool is_step_line)> loses = [](int, int, bool) {
    return false;
  };

  [[nodiscard]] std::string log(const std::string& agent) const {
    const std::vector<std::string> steps{"router", "guard", "router"};
    struct Step {
      std::int64_t due;
      int request;
      int step;
    };
    std::vector<Step> all;
    for (int k = 0; k < kRequests; ++k) {
      for (int s = 0; s < 3; ++s) {
        const std::int64_t before = s * 10 * kMillisecond + (s == 2 ? more_ns : 0);
        if (steps[static_cast<std::size_t>(s)] == agent) {
          all.push_back({start_ns + k * 40 * kMillisecond + before, k, s});
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
      const std::int64_t wait = 2 * kMillisecond + (step.step == 1 ? more_ns : 0);
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
                                  static_cast<std::uint32_t>(step.step)};
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
void write_chain_run(const Folder& folder, const decltype(ChainLogs::loses)& loses = {}) {
  folder.write("scenario.yaml", kScenario);
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
    for (const std::string& agent : active) {
      const V2Log batch{.agent = "batch", .block = number, .phase = phase, .start_ns = start};
      folder.write(block + agent + ".log",
                   agent == "batch" ? join(batch.lines()) : logs.log(agent));
    }
    ++number;
    start += 2000 * kMillisecond;
  };
  for (int cycle = 0; cycle < kCycles; ++cycle) {
    add("solo", {"router", "guard"});
    add("solo", {"batch"});
    add("shared", {"router", "guard", "batch"});
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

TEST(ChainAnalysis, StepsThatDoNotFitTogetherAreRefused) {
  const Folder folder;
  write_chain_run(folder);
  ChainLogs later{0, "solo", kEpoch};
  later.start_ns += kMillisecond;
  folder.write("blocks/00-solo/guard.log", later.log("guard"));
  expect_error(load(folder.path()), folder.file("blocks/00-solo"),
               "step 1 is not due when step 0 was done");
}

TEST(ChainAnalysis, AStepThatTheChainDoesNotHaveIsRefused) {
  const Folder folder;
  write_chain_run(folder);
  std::string log = ChainLogs{0, "solo", kEpoch}.log("guard");
  log.replace(log.find(",answer,0,1\n"), 12, ",answer,0,2\n");
  folder.write("blocks/00-solo/guard.log", log);
  expect_error(load(folder.path()), folder.file("blocks/00-solo/guard.log") + ":3",
               "chain 'answer' has no step 2 of this agent");
}

}  // namespace
}  // namespace kts::analysis
