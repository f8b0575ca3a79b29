// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <limits>

#include "kts/analysis/datasheet.hpp"
#include "kts/analysis/matrix.hpp"
#include "load_fixtures.hpp"

namespace kts::analysis::load_run_test {
namespace {

using fixtures::block_json;
using fixtures::expect_error;
using fixtures::expect_left_out;
using fixtures::Folder;
using fixtures::join;
using fixtures::kEpoch;
using fixtures::kMillisecond;
using fixtures::mentions;
using fixtures::V2Log;
using fixtures::write_run;

constexpr auto kSoloLog = "blocks/00-solo-router/router.log";
constexpr auto kSharedLog = "blocks/02-shared/router.log";

const AgentBlock& block_of(const RunData& data, const std::string& agent, Phase phase) {
  const auto found = std::find_if(data.blocks.begin(), data.blocks.end(), [&](const auto& block) {
    return block.agent == agent && block.phase == phase;
  });
  EXPECT_NE(found, data.blocks.end());
  return *found;
}

std::uint64_t sum(const RunData& data, const std::string& agent, Phase phase,
                  const std::function<std::uint64_t(const AgentBlock&)>& of) {
  std::uint64_t total = 0;
  for (const AgentBlock& block : data.blocks) {
    if (block.agent == agent && block.phase == phase) total += of(block);
  }
  return total;
}

// A run whose first log has other lines.
struct ChangedRun : Folder {
  ChangedRun() { write_run(*this, 2); }
  [[nodiscard]] Result<RunData> load_with(const std::vector<std::string>& lines,
                                          const std::string& log = kSoloLog) const {
    write(log, join(lines));
    return load(path());
  }
};

TEST(LoadRun, PartsOfEverySampleAreWhatTheLogsSay) {
  const Folder folder;
  write_run(folder, 2);
  const auto data = load(folder.path());
  ASSERT_TRUE(data) << to_line(data.error());
  ASSERT_EQ(data->blocks.size(), 8u);
  const AgentBlock& block = block_of(*data, "router", Phase::kSolo);
  // 100 due in a second, of which the first 5 % are warm-up.
  ASSERT_EQ(block.latency.size(), 95u);
  EXPECT_EQ(block.trimmed, 5u);
  EXPECT_EQ(block.due_in_window, 100u);
  EXPECT_EQ(block.completed_in_window, 99u);
  EXPECT_EQ(block.lost, 0u);
  EXPECT_EQ(block.latency[0], 10 * kMillisecond);
  EXPECT_EQ(block.backlog[0], 1 * kMillisecond);
  EXPECT_EQ(block.gpu_wait[0], 2 * kMillisecond);
  EXPECT_EQ(block.gpu_time[0], 3 * kMillisecond);
  EXPECT_EQ(block.backlog_median_first_third_ns, 1e6);
  EXPECT_EQ(block.backlog_median_last_third_ns, 1e6);
  EXPECT_EQ(block.neighbours, Neighbours::kParked);
  EXPECT_EQ(block_of(*data, "router", Phase::kShared).neighbours, std::nullopt);
  ASSERT_TRUE(block.meta && block.end);
  EXPECT_EQ(block.end->iterations, 100u);
}

// A run whose first log is of LLM requests.
struct RequestRun : ChangedRun {
  fixtures::RequestLog log;
  [[nodiscard]] std::vector<std::string> lines() const { return log.lines(); }
  // Lines of one request: its record and its two tokens.
  static constexpr std::size_t kLines = 3;
  static std::size_t place(int k) { return 1 + static_cast<std::size_t>(k) * kLines; }
};

TEST(LoadRun, RequestsGiveFirstTokensAndGaps) {
  const RequestRun run;
  const auto data = run.load_with(run.lines());
  ASSERT_TRUE(data) << to_line(data.error());
  const AgentBlock& block = block_of(*data, "router", Phase::kSolo);
  ASSERT_EQ(block.latency.size(), 95U);
  ASSERT_EQ(block.ttft.size(), 95U);
  ASSERT_EQ(block.itl.size(), 190U);
  EXPECT_EQ(block.latency[0], 8 * kMillisecond);
  EXPECT_EQ(block.ttft[0], 4 * kMillisecond);
  EXPECT_EQ(block.itl[0], 2 * kMillisecond);
  EXPECT_EQ(block.output_tokens_in_window, 3 * block.completed_in_window);
  EXPECT_EQ(block.tokens_lost, 0U);
  const AgentBlock& other = block_of(*data, "thinker", Phase::kSolo);
  EXPECT_EQ(other.ttft.size() + other.itl.size(), 0U);
}

TEST(LoadRun, LostTokenTakesItsGapsWithItAndIsCounted) {
  const RequestRun run;
  auto lines = run.lines();
  lines.erase(lines.begin() + static_cast<std::ptrdiff_t>(RequestRun::place(50)) + 1);
  auto end = run.log.end();
  end.tokens_emitted = *end.tokens - 1;
  lines.back() = record::to_line(end);
  const auto data = run.load_with(lines);
  ASSERT_TRUE(data) << to_line(data.error());
  const AgentBlock& block = block_of(*data, "router", Phase::kSolo);
  EXPECT_EQ(block.itl.size(), 188U);
  EXPECT_EQ(block.ttft.size(), 95U);
  EXPECT_EQ(block.tokens_lost, 1U);
  EXPECT_TRUE(mentions(data->header.warnings, "router: 1 of 200 tokens lost (0.5 %)"));
}

TEST(LoadRun, TokensOfALostRecordAreNoSamples) {
  const RequestRun run;
  auto lines = run.lines();
  lines.erase(lines.begin() + static_cast<std::ptrdiff_t>(RequestRun::place(50)));
  const auto data = run.load_with(lines);
  ASSERT_TRUE(data) << to_line(data.error());
  const AgentBlock& block = block_of(*data, "router", Phase::kSolo);
  EXPECT_EQ(block.lost, 1U);
  EXPECT_EQ(block.tokens_lost, 0U);
  EXPECT_EQ(block.itl.size(), 188U);
}

TEST(LoadRun, RequestsInAnyOrderAndTwiceAreTheSame) {
  const RequestRun run;
  auto lines = run.lines();
  std::reverse(lines.begin() + 1, lines.end() - 1);
  lines.insert(lines.begin() + 5, lines[4]);  // a token
  const auto data = run.load_with(lines);
  ASSERT_TRUE(data) << to_line(data.error());
  const AgentBlock& block = block_of(*data, "router", Phase::kSolo);
  EXPECT_EQ(block.ttft.size(), 95U);
  EXPECT_EQ(block.itl.size(), 190U);
  EXPECT_EQ(data->header.duplicate_records, 1U);
}

TEST(LoadRun, DamagedTokensAreNamedAndCostALineOrTheBlock) {
  const RequestRun run;
  const auto with = [&](int request, const std::string& line) {
    auto lines = run.lines();
    lines[RequestRun::place(request) + 1] = line;
    return run.load_with(lines);
  };
  const std::string where = (run.path() / kSoloLog).string();
  auto line = run.log.token_line(50, 1);
  const auto twice = [&] {
    auto lines = run.lines();
    lines.insert(lines.begin() + 200, "KTS_TOKEN,v2,router,50,1,1\n");
    return run.load_with(lines);
  };
  EXPECT_TRUE(mentions(twice()->header.warnings, "token 1 of seq 50 stands here and in line"));
  const auto other = with(50, "KTS_TOKEN,v2,thinker,50,1,1\n");
  expect_left_out(other, where + ":153", "a token of agent 'thinker' in the log of 'router'");
  const auto backwards = with(50, "KTS_TOKEN,v2,router,50,1,1\n");
  expect_left_out(backwards, where + ":153", "token 1 of seq 50 comes before the one ahead of it");
  const auto malformed = with(50, "KTS_TOKEN,v2,router,50,x,1\n");
  ASSERT_TRUE(malformed) << to_line(malformed.error());
  EXPECT_EQ(malformed->header.malformed_lines, 1U);
  EXPECT_EQ(block_of(*malformed, "router", Phase::kSolo).tokens_lost, 1U);

  auto late = run.lines();
  auto request = run.log.iteration(50);
  request.first_token_ns = request.done_ns + 1;
  late[RequestRun::place(50)] = run.log.base.record_line(request);
  expect_left_out(run.load_with(late), where + ":152",
                  "the first token lies outside submit and done");

  auto more = run.lines();
  more.back() = record::to_line(run.log.base.end());
  expect_left_out(run.load_with(more), where,
                  "END counts 0 tokens and 0 lines of them, the log holds 200");
}

TEST(LoadRun, HeaderSaysWhatTheFolderSays) {
  const Folder folder;
  write_run(folder, 2);
  folder.write("environment.json",
               R"({"device":{"driver":"580.105"},"warnings":["clocks differ"],
                   "inconclusive":["a foreign process was on the card"],"kernel":{}})");
  const auto data = load(folder.path());
  ASSERT_TRUE(data) << to_line(data.error());
  const Summary& header = data->header;
  EXPECT_EQ(header.run_id, folder.path().filename().string());
  EXPECT_EQ(header.source, "kts.records/v2");
  EXPECT_EQ(header.started, "2025-11-21T01:53:20Z");
  EXPECT_NEAR(header.duration_s, 11.0, 0.001);
  EXPECT_EQ(header.sharing, "time-slicing");
  EXPECT_EQ(header.device.kind, "cuda");
  EXPECT_EQ(header.device.name, "NVIDIA H200");
  EXPECT_EQ(header.device.uuid, "GPU-1");
  EXPECT_EQ(header.device.driver, "580.105");
  EXPECT_FALSE(header.within_run_only);
  ASSERT_EQ(header.agents.size(), 2u);
  EXPECT_EQ(header.agents[0].name, "router");
  EXPECT_EQ(header.agents[0].workload, "fft 4096");
  EXPECT_TRUE(mentions(header.warnings, "clocks differ"));
  EXPECT_EQ(header.inconclusive, std::vector<std::string>{"a foreign process was on the card"});
  EXPECT_EQ(header.malformed_lines, 0u);
}

TEST(LoadRun, MemoryIsPredictedBesideMeasuredAndTheSumBesideTheCard) {
  const Folder folder;
  write_run(folder, 2);
  folder.write(
      "environment.json",
      R"({"device":{"kind":"cuda","memory_bytes":8000},"memory_in_use_bytes":2000,"memory":[
                   {"agent":"router","predicted_bytes":800,"predicted":{"operands":300,"context":500},
                    "allocated_bytes":300,"measured_bytes":1000,"measured_by":"nvml"},
                   {"agent":"thinker","predicted_bytes":800,"predicted":{"weights":800},
                    "missing":"nobody says"}]})");
  const auto data = load(folder.path());
  ASSERT_TRUE(data) << to_line(data.error());
  ASSERT_TRUE(data->header.memory);
  const MemoryUse& use = *data->header.memory;
  EXPECT_EQ(use.predicted, 1600U);
  EXPECT_EQ(use.measured, 2000U);
  EXPECT_EQ(use.device, 8000U);
  EXPECT_DOUBLE_EQ(use.measured_share.value(), 0.25);
  EXPECT_DOUBLE_EQ(use.error_ratio.value(), 0.25);
  ASSERT_EQ(use.agents.size(), 2U);
  EXPECT_DOUBLE_EQ(use.agents[0].error_ratio.value(), 0.25);
  EXPECT_EQ(use.agents[0].context, 500U);
  EXPECT_EQ(use.agents[0].weights, std::nullopt);
  EXPECT_EQ(use.agents[1].measured, std::nullopt);
  EXPECT_EQ(use.agents[1].error_ratio, std::nullopt);
  EXPECT_EQ(use.agents[1].missing, "nobody says");
}

TEST(LoadRun, WhatGrowsHasNoErrorOfItsPrediction) {
  const Folder folder;
  write_run(folder, 2);
  folder.write("environment.json", R"({"device":{"kind":"cuda","memory_bytes":8000},
    "memory_in_use_bytes":7000,"memory":[
    {"agent":"router","predicted_bytes":800,"predicted":{"operands":800},"measured_bytes":1000,
     "measured_by":"nvml"},
    {"agent":"thinker","predicted_bytes":100,"predicted":{"operands":100},"grows":true,
     "measured_bytes":6000,"measured_by":"nvml"}]})");
  const auto data = load(folder.path());
  ASSERT_TRUE(data) << to_line(data.error());
  ASSERT_TRUE(data->header.memory);
  const MemoryUse& use = *data->header.memory;
  EXPECT_FALSE(use.agents[0].grows);
  EXPECT_DOUBLE_EQ(use.agents[0].error_ratio.value(), 0.25);
  EXPECT_TRUE(use.agents[1].grows);
  EXPECT_EQ(use.agents[1].measured, 6000U);
  EXPECT_EQ(use.agents[1].error_ratio, std::nullopt);
  EXPECT_EQ(use.error_ratio, std::nullopt);
}

TEST(LoadRun, MemoryOfAnEarlierFormOrNoneIsNotMisread) {
  const Folder folder;
  write_run(folder, 2);
  folder.write("environment.json", R"({"memory":[{"agent":"router","predicted_bytes":300,
                                       "measured_bytes":1000,"measured_by":"nvml"}, 7]})");
  const auto data = load(folder.path());
  ASSERT_TRUE(data) << to_line(data.error());
  ASSERT_TRUE(data->header.memory);
  EXPECT_EQ(data->header.memory->agents[0].predicted, std::nullopt);
  EXPECT_EQ(data->header.memory->agents[0].measured, 1000U);
  EXPECT_EQ(data->header.memory->measured, std::nullopt);
  folder.write("environment.json", R"({"memory":{"router":1}})");
  EXPECT_EQ(load(folder.path())->header.memory, std::nullopt);
}

TEST(LoadRun, ArrivalsAreDescribedFromMetaToo) {
  const ChangedRun run;
  const V2Log log;
  auto lines = log.lines();
  auto meta = log.meta();
  meta.arrival = "trace";
  meta.trace = "traces/code.csv";
  meta.trace_scale = 2;
  meta.trace_requests = 90;
  meta.trace_failed = 10;
  meta.trace_clamped = 3;
  lines.front() = record::to_line(meta);
  const auto data = run.load_with(lines);
  ASSERT_TRUE(data) << to_line(data.error());
  EXPECT_EQ(data->header.agents[0].arrival, "trace code.csv, 2x");
  EXPECT_TRUE(mentions(data->header.warnings, "router: 10 of 100 requests of its trace failed"));
  EXPECT_TRUE(
      mentions(data->header.warnings,
               "router: 3 of 90 requests of its trace are cut down to the model's context"));
  meta.arrival = "gamma";
  meta.rate_per_s = 50;
  meta.cv = 3;
  lines.front() = record::to_line(meta);
  EXPECT_EQ(run.load_with(lines)->header.agents[0].arrival, "gamma 50/s, cv 3");
}

TEST(LoadRun, SparseAgentsOfABlockNeedNotMeet) {
  const ChangedRun run;
  // One request at the beginning of the block; the other agent has one near its end.
  V2Log early{
      .agent = "router", .block = 2, .phase = "shared", .start_ns = kEpoch + 4000 * kMillisecond};
  V2Log late = early;
  late.agent = "thinker";
  const auto with_one = [&](const V2Log& log, int k) {
    record::Iteration i = log.iteration(k);
    i.seq = 0;
    auto end = log.end();
    end.iterations = end.emitted = 1;
    return std::vector<std::string>{record::to_line(log.meta()), log.record_line(i),
                                    record::to_line(end)};
  };
  run.write("blocks/02-shared/thinker.log", join(with_one(late, 90)));
  const auto data = run.load_with(with_one(early, 10), kSharedLog);
  ASSERT_TRUE(data) << to_line(data.error());
  EXPECT_EQ(data->header.inconclusive, std::vector<std::string>{});
}

TEST(LoadRun, ThirdOfABlockWithoutRequestsHasNoBacklog) {
  const ChangedRun run;
  V2Log log;
  std::vector<std::string> lines{record::to_line(log.meta())};
  for (int k = 0; k < 20; ++k) {
    record::Iteration i = log.iteration(75 + k);
    i.seq = static_cast<std::uint64_t>(k);
    lines.push_back(log.record_line(i));
  }
  auto end = log.end();
  end.iterations = end.emitted = 20;
  lines.push_back(record::to_line(end));
  const auto data = run.load_with(lines);
  ASSERT_TRUE(data) << to_line(data.error());
  const AgentBlock& block = block_of(*data, "router", Phase::kSolo);
  EXPECT_EQ(block.backlog_median_first_third_ns, std::nullopt);
  EXPECT_EQ(block.backlog_median_last_third_ns, 1e6);
}

TEST(LoadRun, ScenarioNamesAgentsAndObjectives) {
  const Folder folder;
  write_run(folder);
  folder.write("scenario.yaml", R"(schema: kts.scenario/1
name: tiny
sharing: time-slicing
agents:
  - name: thinker
    workload: {kind: gemm, size: 4096}
    arrival: {process: saturate}
  - name: router
    workload: {kind: fft, size: 4096}
    arrival: {process: poisson, rate: 200}
    slo: {quantile: 0.99, latency: 5ms}
)");
  const auto data = load(folder.path());
  ASSERT_TRUE(data) << to_line(data.error());
  EXPECT_EQ(data->header.scenario, "tiny");
  ASSERT_EQ(data->header.agents.size(), 2u);
  EXPECT_EQ(data->header.agents[0].name, "thinker");
  EXPECT_EQ(data->header.agents[1].slo_latency_ms, 5.0);
  EXPECT_EQ(data->header.agents[1].slo_quantile, 0.99);
}

TEST(LoadRun, AgentThatTheScenarioDoesNotHaveIsBadInput) {
  const Folder folder;
  write_run(folder);
  folder.write("scenario.yaml", R"(schema: kts.scenario/1
name: tiny
agents:
  - name: router
    workload: {kind: fft, size: 4096}
    arrival: {process: saturate}
)");
  expect_error(load(folder.path()), folder.file("blocks/01-solo-thinker/block.json"),
               "scenario.yaml has no agent 'thinker'");
}

TEST(LoadRun, OneBlockOfAPhaseIsSplitIntoSegmentsThatAddUp) {
  const Folder folder;
  write_run(folder);
  const auto data = load(folder.path());
  ASSERT_TRUE(data) << to_line(data.error());
  EXPECT_TRUE(data->header.within_run_only);
  EXPECT_EQ(data->blocks.size(), 4u * kSegments);
  const auto total = [&](const std::function<std::uint64_t(const AgentBlock&)>& of) {
    return sum(*data, "router", Phase::kShared, of);
  };
  EXPECT_EQ(total([](const auto& b) { return b.latency.size(); }), 95u);
  EXPECT_EQ(total([](const auto& b) { return b.trimmed; }), 5u);
  EXPECT_EQ(total([](const auto& b) { return b.due_in_window; }), 100u);
  EXPECT_EQ(total([](const auto& b) { return b.completed_in_window; }), 99u);
  EXPECT_EQ(total([](const auto& b) {
              return static_cast<std::uint64_t>(b.window_stop_ns - b.window_start_ns);
            }),
            1'000'000'000u);
  for (const AgentBlock& block : data->blocks) {
    EXPECT_GE(block.latency.size(), 4u);
    EXPECT_LE(block.latency.size(), 6u);
  }
}

TEST(LoadRun, EqualAgentsShareABaseline) {
  const Folder folder;
  write_run(folder, 2);
  const V2Log twin{
      .agent = "twin", .block = 2, .phase = "shared", .start_ns = kEpoch + 4000 * kMillisecond};
  folder.write("blocks/02-shared/twin.log", join(twin.lines()));
  folder.write("blocks/02-shared/block.json",
               block_json("shared", {"router", "thinker", "twin"}, twin.start_ns,
                          twin.start_ns + 1000 * kMillisecond));
  const auto data = load(folder.path());
  ASSERT_TRUE(data) << to_line(data.error());
  EXPECT_EQ(data->baseline.at("twin"), "router");
  EXPECT_EQ(data->baseline.at("router"), "router");
  EXPECT_EQ(data->baseline.at("thinker"), "thinker");
}

TEST(LoadRun, EmptyDeviceFieldsAreUnavailableNotZero) {
  const ChangedRun run;
  const V2Log log;
  std::vector<std::string> lines = log.lines();
  for (int k = 0; k < log.n; ++k) {
    record::Iteration i = log.iteration(k);
    i.gpu_start_ns = i.gpu_end_ns = record::kUnavailable;
    lines[static_cast<std::size_t>(k) + 1] = log.record_line(i);
  }
  const auto data = run.load_with(lines);
  ASSERT_TRUE(data) << to_line(data.error());
  const AgentBlock& block = block_of(*data, "router", Phase::kSolo);
  EXPECT_EQ(block.gpu_time[3], record::kUnavailable);
  EXPECT_EQ(block.gpu_wait[3], record::kUnavailable);
  EXPECT_EQ(block.latency[3], 10 * kMillisecond);
}

TEST(LoadRun, MalformedLinesAreCountedAndNamed) {
  const ChangedRun run;
  std::vector<std::string> lines = V2Log{}.lines();
  lines[10] = "KTS_APP,v2,router,9,17636\n";
  lines[20] = "KTS_APP,v2,router,19,17x,1,1,1,1\n";
  lines[30] = "KTS_APP,v2,router,29,nan,1,1,1,1\n";
  lines[40] = "KTS_WHAT\n";
  lines.insert(lines.begin() + 50, "cuFFT says hello\n");
  const auto data = run.load_with(lines);
  ASSERT_TRUE(data) << to_line(data.error());
  EXPECT_EQ(data->header.malformed_lines, 4u);
  EXPECT_EQ(data->header.foreign_lines, 1u);
  EXPECT_TRUE(mentions(data->header.warnings,
                       "4 malformed lines left out: blocks/00-solo-router/router.log:11 (cut "
                       "short), blocks/00-solo-router/router.log:21 (a field that is not a whole "
                       "number)"));
  EXPECT_TRUE(mentions(data->header.warnings, "router: 4 of 400 records lost (1 %)"));
  EXPECT_EQ(block_of(*data, "router", Phase::kSolo).lost, 4u);
}

TEST(LoadRun, LostRecordsAreHolesAndAMissingTail) {
  const ChangedRun run;
  std::vector<std::string> lines = V2Log{}.lines();
  lines.erase(lines.begin() + 100);
  lines.erase(lines.begin() + 50);
  const auto data = run.load_with(lines);
  ASSERT_TRUE(data) << to_line(data.error());
  EXPECT_EQ(block_of(*data, "router", Phase::kSolo).lost, 2u);
  EXPECT_TRUE(mentions(data->header.warnings, "router: 2 of 400 records lost"));
}

TEST(LoadRun, IdenticalDuplicatesAreDroppedAndCounted) {
  const ChangedRun run;
  std::vector<std::string> lines = V2Log{}.lines();
  lines.insert(lines.begin() + 60, lines[40]);
  lines.insert(lines.begin() + 60, lines[0]);
  const auto data = run.load_with(lines);
  ASSERT_TRUE(data) << to_line(data.error());
  EXPECT_EQ(data->header.duplicate_records, 2u);
  EXPECT_EQ(block_of(*data, "router", Phase::kSolo).latency.size(), 95u);
  EXPECT_EQ(block_of(*data, "router", Phase::kSolo).lost, 0u);
  EXPECT_TRUE(mentions(data->header.warnings, "2 duplicate records"));
}

TEST(LoadRun, DifferingDuplicatesAreLeftOut) {
  const ChangedRun run;
  const V2Log log;
  std::vector<std::string> lines = log.lines();
  record::Iteration changed = log.iteration(40);
  ++changed.done_ns;
  lines.insert(lines.begin() + 60, log.record_line(changed));
  expect_left_out(run.load_with(lines), run.file(kSoloLog) + ":61",
                  "seq 40 stands here and in line 42, with different instants");
}

TEST(LoadRun, RecordsOutOfOrderAreSorted) {
  const ChangedRun run;
  const auto straight = run.load_with(V2Log{}.lines());
  std::vector<std::string> lines = V2Log{}.lines();
  std::reverse(lines.begin() + 1, lines.end() - 1);
  const auto data = run.load_with(lines);
  ASSERT_TRUE(straight && data) << to_line(data.error());
  const AgentBlock& a = block_of(*straight, "router", Phase::kSolo);
  const AgentBlock& b = block_of(*data, "router", Phase::kSolo);
  EXPECT_EQ(a.latency.size(), b.latency.size());
  EXPECT_EQ(a.trimmed, b.trimmed);
  EXPECT_EQ(data->header.duplicate_records, 0u);
}

TEST(LoadRun, ClockThatRunsBackwardsIsLeftOut) {
  const V2Log log;
  const auto with = [&](const std::function<void(record::Iteration&)>& change) {
    std::vector<std::string> lines = log.lines();
    record::Iteration i = log.iteration(40);
    change(i);
    lines[41] = log.record_line(i);
    return lines;
  };
  const ChangedRun run;
  expect_left_out(run.load_with(with([](auto& i) { i.done_ns = i.submit_ns - 1; })),
                  run.file(kSoloLog) + ":42",
                  "the clock runs backwards: done comes before submit at seq 40");
  expect_left_out(run.load_with(with([](auto& i) { i.submit_ns = i.due_ns - 1; })),
                  run.file(kSoloLog) + ":42", "submit comes before due at seq 40");
  expect_left_out(run.load_with(with([](auto& i) { i.due_ns -= 20 * kMillisecond; })),
                  run.file(kSoloLog) + ":42", "due comes before the previous due at seq 40");
}

TEST(LoadRun, DeviceInstantsOutOfOrderWithinTheBoundPass) {
  const ChangedRun run;
  const V2Log log;
  std::vector<std::string> lines = log.lines();
  record::Iteration i = log.iteration(40);
  i.gpu_start_ns = i.submit_ns - 2000;
  lines[41] = log.record_line(i);
  const auto data = run.load_with(lines);
  ASSERT_TRUE(data) << to_line(data.error());
  EXPECT_EQ(block_of(*data, "router", Phase::kSolo).gpu_wait[35], -2000);
  for (const auto& warning : data->header.warnings) {
    EXPECT_EQ(warning.find("bound"), std::string::npos) << warning;
  }
}

TEST(LoadRun, DeviceInstantsOutOfOrderBeyondTheBoundAreCountedNeverClamped) {
  const ChangedRun run;
  const V2Log log;
  std::vector<std::string> lines = log.lines();
  record::Iteration i = log.iteration(40);
  i.gpu_start_ns = i.submit_ns - 2001;
  lines[41] = log.record_line(i);
  const auto data = run.load_with(lines);
  ASSERT_TRUE(data) << to_line(data.error());
  EXPECT_EQ(block_of(*data, "router", Phase::kSolo).gpu_wait[35], -2001);
  EXPECT_TRUE(mentions(data->header.warnings,
                       "router: 1 of 400 iterations have device instants out of order"));
}

TEST(LoadRun, EndThatCountsFewerThanTheLogHoldsIsLeftOut) {
  const ChangedRun run;
  const V2Log log;
  std::vector<std::string> lines = log.lines();
  record::BlockEnd end = log.end();
  end.iterations = end.emitted = 99;
  lines.back() = record::to_line(end);
  expect_left_out(
      run.load_with(lines), run.file(kSoloLog),
      "END counts 99 iterations and 99 records, the log holds 100 records up to seq 99");
}

TEST(LoadRun, SeqBeyondEndsCountIsLeftOut) {
  const ChangedRun run;
  const V2Log log;
  std::vector<std::string> lines = log.lines();
  record::Iteration i = log.iteration(99);
  i.seq = std::numeric_limits<std::int64_t>::max();
  lines[100] = log.record_line(i);
  expect_left_out(run.load_with(lines), run.file(kSoloLog), "END counts 100 iterations");
}

TEST(LoadRun, LogWithoutEndIsKeptAndWarnedOf) {
  const ChangedRun run;
  std::vector<std::string> lines = V2Log{}.lines();
  lines.pop_back();
  lines.back() = lines.back().substr(0, lines.back().size() - 3);
  const auto data = run.load_with(lines);
  ASSERT_TRUE(data) << to_line(data.error());
  EXPECT_EQ(block_of(*data, "router", Phase::kSolo).latency.size(), 94u);
  EXPECT_TRUE(mentions(data->header.warnings, "router.log has no END line"));
  EXPECT_TRUE(mentions(data->header.warnings, "router.log:101 (cut short)"));
}

TEST(LoadRun, MalformedMetaIsCountedNamedAndLeftOut) {
  const ChangedRun run;
  std::vector<std::string> lines = V2Log{}.lines();
  lines[0] = "KTS_META,v2,{\"agent\":3}\n";
  const auto data = run.load_with(lines);
  ASSERT_TRUE(data) << to_line(data.error());
  EXPECT_EQ(data->header.malformed_lines, 1u);
  EXPECT_TRUE(mentions(data->header.warnings, "router.log:1 (META has a 'agent' of the wrong"));
  EXPECT_TRUE(mentions(data->header.warnings, "router.log has no META line"));
}

TEST(LoadRun, SecondMetaThatDiffersIsLeftOut) {
  const ChangedRun run;
  const V2Log log;
  std::vector<std::string> lines = log.lines();
  record::BlockMeta other = log.meta();
  other.block = 7;
  lines.insert(lines.begin() + 5, record::to_line(other));
  expect_left_out(run.load_with(lines), run.file(kSoloLog) + ":6", "a second META that differs");
}

TEST(LoadRun, LinesOfAnotherAgentAreLeftOut) {
  const ChangedRun run;
  std::vector<std::string> lines = V2Log{}.lines();
  lines[10] = V2Log{.agent = "thinker"}.record_line(9);
  expect_left_out(run.load_with(lines), run.file(kSoloLog) + ":11",
                  "a record of agent 'thinker' in the log of 'router'");
  lines = V2Log{}.lines();
  lines[0] = record::to_line(V2Log{.agent = "thinker"}.meta());
  expect_left_out(run.load_with(lines), run.file(kSoloLog) + ":1", "META of agent 'thinker'");
}

TEST(LoadRun, MixedVersionsAreLeftOut) {
  const ChangedRun run;
  std::vector<std::string> lines = V2Log{}.lines();
  lines[10] = "KTS_APP,v1,FFT,9,1,2,3.5,solo\n";
  expect_left_out(run.load_with(lines), run.file(kSoloLog) + ":11",
                  "a v1 record among the v2 records");
}

TEST(LoadRun, EmptyLogIsLeftOut) {
  const ChangedRun run;
  expect_left_out(run.load_with({}), run.file(kSoloLog), "holds no records");
  expect_left_out(run.load_with({"Loading cuFFT\n"}), run.file(kSoloLog), "holds no records");
}

TEST(LoadRun, AnAgentThatHadNothingToDoIsNoEmptyLog) {
  const ChangedRun run;
  const V2Log idle{.block = 2, .phase = "shared", .start_ns = kEpoch + 4000 * kMillisecond};
  record::BlockEnd end = idle.end();
  end.iterations = end.emitted = 0;
  const auto data = run.load_with({record::to_line(idle.meta()), record::to_line(end)}, kSharedLog);
  ASSERT_TRUE(data) << to_line(data.error());
  EXPECT_TRUE(data->header.inconclusive.empty());
  EXPECT_EQ(data->header.started, "2025-11-21T01:53:20Z");
  EXPECT_EQ(block_of(*data, "router", Phase::kShared).latency.size(), 0u);
  end.iterations = end.emitted = 1;
  expect_left_out(run.load_with({record::to_line(idle.meta()), record::to_line(end)}, kSharedLog),
                  run.file(kSharedLog), "holds no records");
}

TEST(LoadRun, AbandonedRequestsWereDueButNotDone) {
  const ChangedRun run;
  const V2Log log;
  std::vector<std::string> lines = log.lines();
  record::BlockEnd end = log.end();
  end.abandoned = 40;
  lines.back() = record::to_line(end);
  const auto data = run.load_with(lines);
  ASSERT_TRUE(data) << to_line(data.error());
  const AgentBlock& block = block_of(*data, "router", Phase::kSolo);
  EXPECT_EQ(block.abandoned, 40u);
  EXPECT_EQ(block.due_in_window, 140u);
  EXPECT_EQ(block.completed_in_window, 99u);
  EXPECT_EQ(block.lost, 0u);
}

TEST(LoadRun, MissingLogIsLeftOut) {
  const Folder folder;
  write_run(folder);
  std::filesystem::remove(folder.path() / kSoloLog);
  expect_left_out(load(folder.path()), folder.file(kSoloLog), "cannot read the log");
}

TEST(LoadRun, FirstBadLogIsNamedWhicheverThreadMetIt) {
  const Folder folder;
  write_run(folder, 2);
  folder.write(kSharedLog, "");
  folder.write("blocks/02-shared/thinker.log", "");
  expect_left_out(load(folder.path()), folder.file(kSharedLog), "holds no records");
}

TEST(LoadRun, ARunOfDamagedBlocksAloneIsBadInput) {
  const Folder folder;
  write_run(folder);
  folder.write("blocks/00-solo-router/block.json", "{");
  folder.write("blocks/01-solo-thinker/thinker.log", "");
  std::filesystem::remove(folder.path() / kSharedLog);
  expect_error(load(folder.path()), folder.file("blocks/00-solo-router/block.json"),
               "is not a JSON object");
}

TEST(LoadRun, EveryDamagedBlockIsNamedAndTheRestReadAsIfTheyHadNotBeen) {
  const Folder folder;
  write_run(folder, 2);
  folder.write("blocks/05-shared/block.json", R"({"phase":"sha)");
  folder.write("blocks/00-solo-router/router.log", "");
  const auto data = load(folder.path());
  ASSERT_TRUE(data) << to_line(data.error());
  EXPECT_TRUE(mentions(data->header.warnings,
                       "blocks/00-solo-router left out: router.log: holds no records; "));
  EXPECT_TRUE(mentions(data->header.warnings,
                       "blocks/05-shared left out: block.json: is not a JSON object; "));
  EXPECT_EQ(data->damage, (std::vector<std::string>{"2 of 6 blocks are damaged and left out: "
                                                    "blocks/00-solo-router, blocks/05-shared"}));
  EXPECT_TRUE(mentions(data->header.inconclusive, data->damage[0]));
  // One block of the router alone, and one shared, are left: each stands for its phase.
  const auto segments = [&](const std::string& agent, Phase phase) {
    return std::ranges::count_if(data->blocks, [&](const AgentBlock& block) {
      return block.agent == agent && block.phase == phase;
    });
  };
  EXPECT_EQ(segments("router", Phase::kSolo), kSegments);
  EXPECT_EQ(segments("thinker", Phase::kSolo), 2);
  EXPECT_EQ(segments("thinker", Phase::kShared), kSegments);
}

TEST(LoadRun, DamagedEnvironmentIsNamedAndCannotConclude) {
  const Folder folder;
  write_run(folder, 2);
  folder.write("environment.json", R"({"device":)");
  const auto data = load(folder.path());
  ASSERT_TRUE(data) << to_line(data.error());
  EXPECT_TRUE(mentions(data->header.warnings, "environment.json left out: is not a JSON object; "));
  EXPECT_TRUE(mentions(data->header.inconclusive, "environment.json is damaged"));
  EXPECT_EQ(data->damage, data->header.inconclusive);
  EXPECT_EQ(data->header.device.kind, "cuda");
  // What is damaged of a matrix is why it ends with 5, too.
  EXPECT_EQ(contention(*data).damage, data->damage);

  // Nor is it known where the run has gone on since.
  std::filesystem::rename(folder.path() / "environment.json",
                          folder.path() / kDamagedEnvironmentFile);
  folder.write("environment.json", "{}");
  const auto resumed = load(folder.path());
  ASSERT_TRUE(resumed) << to_line(resumed.error());
  EXPECT_TRUE(mentions(resumed->damage, "environment.json.damaged is of earlier blocks"));
  EXPECT_EQ(exit_code(resumed->header), 5);
}

TEST(LoadRun, RunWithoutABlockIsBadInput) {
  const Folder folder;
  folder.write("blocks/readme", "");
  expect_error(load(folder.path()), folder.file("blocks"), "holds no finished block");
}

TEST(LoadRun, UnfinishedBlockIsLeftOutWithAWarning) {
  const Folder folder;
  write_run(folder, 2);
  std::filesystem::remove(folder.path() / "blocks/05-shared/block.json");
  const auto data = load(folder.path());
  ASSERT_TRUE(data) << to_line(data.error());
  EXPECT_TRUE(mentions(data->header.warnings, "blocks/05-shared left out"));
  EXPECT_EQ(sum(*data, "router", Phase::kShared, [](const auto& b) { return b.latency.size(); }),
            95u);
}

TEST(LoadRun, DamagedBlockJsonNamesTheField) {
  const Folder folder;
  write_run(folder);
  const std::string path = "blocks/00-solo-router/block.json";
  const auto with = [&](const std::string& text) {
    folder.write(path, text);
    return load(folder.path());
  };
  expect_left_out(with("{"), folder.file(path), "is not a JSON object");
  expect_left_out(with("{}"), folder.file(path), "'phase' is neither");
  expect_left_out(with(block_json("solo", {}, 1, 2)), folder.file(path), "'active' names no agent");
  expect_left_out(with(block_json("solo", {"router", "router"}, 1, 2)), folder.file(path),
                  "'active' names an agent twice");
  expect_left_out(with(R"({"phase":"solo","active":["router"],"window_start_ns":-1})"),
                  folder.file(path), "'window_start_ns' is not an instant");
  expect_left_out(with(block_json("solo", {"router"}, 2, 1)), folder.file(path),
                  "'window_stop_ns' comes before");
}

// As on a machine that is too busy to begin in time.
TEST(LoadRun, ASoloBlockThatBeganWhenItWasOverIsLeftOut) {
  const Folder folder;
  write_run(folder);
  folder.write("blocks/00-solo-router/block.json", block_json("solo", {"router"}, 2, 2));
  const auto data = load(folder.path());
  ASSERT_TRUE(data) << to_line(data.error());
  EXPECT_TRUE(mentions(data->header.warnings,
                       "blocks/00-solo-router left out: its agents began when it was over"));
}

TEST(LoadRun, TwoBlocksOfOneNumberAreBadInput) {
  const Folder folder;
  write_run(folder);
  std::filesystem::copy(folder.path() / "blocks/00-solo-router", folder.path() / "blocks/0-copy");
  expect_error(load(folder.path()), folder.file("blocks/00-solo-router"),
               "has the number of blocks/0-copy");
}

TEST(LoadRun, PhaseThatMetaContradictsIsLeftOut) {
  const ChangedRun run;
  expect_left_out(run.load_with(V2Log{.phase = "shared"}.lines()), run.file(kSoloLog),
                  "META says phase 'shared', block.json says 'solo'");
}

struct NotShared : testing::Test {
  Folder folder;
  const std::int64_t start = kEpoch + 4000 * kMillisecond;
  void SetUp() override { write_run(folder, 2); }
  void shared_log(const V2Log& log) {
    folder.write("blocks/02-shared/" + log.agent + ".log", join(log.lines()));
  }
  void expect_left_out(const std::string& why) {
    const auto data = load(folder.path());
    ASSERT_TRUE(data) << to_line(data.error());
    ASSERT_EQ(data->header.inconclusive.size(), 1u)
        << testing::PrintToString(data->header.inconclusive);
    EXPECT_EQ(data->header.inconclusive[0], "blocks/02-shared was not shared: " + why);
    EXPECT_EQ(exit_code(data->header), 5);
    for (const AgentBlock& block : data->blocks) EXPECT_NE(block.block, 2);
    ASSERT_EQ(data->not_shared.size(), 1u);
    EXPECT_EQ(data->not_shared[0].block, 2);
    EXPECT_EQ(data->not_shared[0].why, why);
    EXPECT_FALSE(data->not_shared[0].active.empty());
  }
};

TEST_F(NotShared, WindowsThatDoNotOverlap) {
  folder.write("blocks/02-shared/block.json",
               block_json("shared", {"router", "thinker"}, start, start - 5));
  expect_left_out("its agents never ran at the same time");
}

TEST_F(NotShared, RecordsThatDoNotOverlap) {
  V2Log late{
      .agent = "router", .block = 2, .phase = "shared", .start_ns = start + 5000 * kMillisecond};
  std::vector<std::string> lines = late.lines();
  lines.pop_back();
  folder.write(kSharedLog, join(lines));
  expect_left_out("its agents never ran at the same time");
}

TEST_F(NotShared, AgentThatDidNotRunForAllOfTheWindow) {
  shared_log(
      {.agent = "router", .block = 2, .phase = "shared", .start_ns = start + 500 * kMillisecond});
  expect_left_out("router did not run for all of its window");
}

TEST_F(NotShared, DifferentDevices) {
  V2Log other{.agent = "thinker", .block = 2, .phase = "shared", .start_ns = start};
  other.device_uuid = "GPU-2";
  other.workload = "gemm";
  shared_log(other);
  const auto data = load(folder.path());
  ASSERT_TRUE(data) << to_line(data.error());
  EXPECT_TRUE(mentions(data->header.inconclusive,
                       "blocks/02-shared was not shared: its agents ran on different devices "
                       "(GPU-1, GPU-2)"));
  EXPECT_TRUE(mentions(data->header.inconclusive, "thinker ran on 2 different devices"));
  EXPECT_EQ(exit_code(data->header), 5);
}

TEST_F(NotShared, ForeignProcessOnTheDevice) {
  folder.write("blocks/02-shared/block.json",
               block_json("shared", {"router", "thinker"}, start, start + 1000 * kMillisecond,
                          R"(,"foreign":[{"pid":7,"name":"python"}])"));
  expect_left_out("a foreign process was on the device");
}

TEST_F(NotShared, OneAgentOnly) {
  folder.write("blocks/02-shared/block.json",
               block_json("shared", {"router"}, start, start + 1000 * kMillisecond));
  expect_left_out("only one agent was active");
}

TEST_F(NotShared, DeviceThreadsThatUsedMoreThanOneCore) {
  const auto write_with_cpu = [&](std::int64_t device_cpu_ns) {
    for (const auto* agent : {"router", "thinker"}) {
      const V2Log log{.agent = agent, .block = 2, .phase = "shared", .start_ns = start};
      std::vector<std::string> lines = log.lines();
      record::BlockEnd end = log.end();
      end.device_cpu_ns = device_cpu_ns;
      lines.back() = record::to_line(end);
      folder.write(std::string("blocks/02-shared/") + agent + ".log", join(lines));
    }
  };
  write_with_cpu(520 * kMillisecond);
  const auto fine = load(folder.path());
  ASSERT_TRUE(fine) << to_line(fine.error());
  EXPECT_TRUE(fine->header.inconclusive.empty());
  write_with_cpu(530 * kMillisecond);
  expect_left_out("the device threads used 1.06 cores, so they did not share one");
}

TEST(Load, FolderThatIsNotThereIsBadInput) {
  expect_error(load("/no/such/run"), "/no/such/run", "there is no such folder");
}

TEST(Load, FileInTheFoldersPlaceIsBadInput) {
  const Folder folder;
  folder.write("run", "");
  expect_error(load(folder.path() / "run"), folder.file("run"), "is not a folder");
}

TEST(Load, FlagsOfV1LogsAreRefusedForARun) {
  const Folder folder;
  write_run(folder);
  expect_error(load(folder.path(), {.phases = {"x.log=solo"}, .agents = {}}),
               folder.path().string(), "says phases and agents by itself");
}

TEST(Load, SameFolderGivesTheSameWarningsAgain) {
  const ChangedRun run;
  std::vector<std::string> lines = V2Log{}.lines();
  lines[10] = "KTS_APP,v2,router\n";
  run.write("blocks/01-solo-thinker/thinker.log",
            join(V2Log{.agent = "thinker", .workload = "gemm"}.lines()) + "KTS_WHAT\n");
  const auto first = run.load_with(lines);
  ASSERT_TRUE(first) << to_line(first.error());
  EXPECT_EQ(first->header.malformed_lines, 2u);
  for (int k = 0; k < 20; ++k) {
    const auto again = load(run.path());
    ASSERT_TRUE(again);
    EXPECT_EQ(first->header.warnings, again->header.warnings);
  }
}

DataSheet sheet_of(const std::string& device) {
  DataSheet sheet;
  sheet.device.name = device;
  sheet.figures = {{"time_slice_ms", "ms", {2.091, {}, {}}, 240, "gaps", ""},
                   {"context_switch_ms", "ms", {0.152, {}, {}}, 240, "gaps", ""}};
  return sheet;
}

TEST(LoadDataSheet, OfTheFolderIsUsed) {
  const Folder folder;
  write_run(folder);
  EXPECT_FALSE(load(folder.path())->turns);
  folder.write("datasheet.json", to_json(sheet_of("NVIDIA H200")));
  const auto run = load(folder.path());
  ASSERT_TRUE(run) << to_line(run.error());
  ASSERT_TRUE(run->turns);
  EXPECT_EQ(run->turns->slice_ms, 2.091);
  EXPECT_EQ(run->turns->switch_ms, 0.152);
  EXPECT_EQ(run->turns->source, "data sheet datasheet.json");
}

TEST(LoadDataSheet, ThatWasAskedForMustSayHowLongTurnsAre) {
  const Folder folder;
  write_run(folder);
  DataSheet sheet = sheet_of("NVIDIA H200");
  sheet.figures.pop_back();
  folder.write("other.json", to_json(sheet));
  expect_error(
      load(folder.path(), {.phases = {}, .agents = {}, .datasheet = folder.file("other.json")}),
      folder.file("other.json"), "has no context_switch_ms");
  expect_error(
      load(folder.path(), {.phases = {}, .agents = {}, .datasheet = folder.file("none.json")}),
      folder.file("none.json"), "No such file");
  // One that only lies there is warned of.
  folder.write("datasheet.json", to_json(sheet));
  const auto run = load(folder.path());
  ASSERT_TRUE(run);
  EXPECT_FALSE(run->turns);
  EXPECT_TRUE(mentions(run->header.warnings, "has no context_switch_ms"));
  folder.write("datasheet.json", "{");
  const auto damaged = load(folder.path());
  ASSERT_TRUE(damaged) << to_line(damaged.error());
  EXPECT_FALSE(damaged->turns);
  EXPECT_TRUE(mentions(damaged->header.warnings, "datasheet.json left out: "));
  EXPECT_TRUE(damaged->header.inconclusive.empty());
  expect_error(
      load(folder.path(), {.phases = {}, .agents = {}, .datasheet = folder.file("datasheet.json")}),
      folder.file("datasheet.json"), "");
}

TEST(LoadDataSheet, OfAnotherDeviceIsWarnedOf) {
  const Folder folder;
  write_run(folder);
  folder.write("datasheet.json", to_json(sheet_of("NVIDIA GeForce GTX 1080")));
  const auto run = load(folder.path());
  ASSERT_TRUE(run);
  EXPECT_TRUE(run->turns);
  EXPECT_TRUE(mentions(run->header.warnings, "may not hold here"));
}

}  // namespace
}  // namespace kts::analysis::load_run_test
