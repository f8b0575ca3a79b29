// SPDX-License-Identifier: Apache-2.0
// trace.json against the format's rules and tests/golden/timeline. KTS_UPDATE_GOLDEN=1 rewrites it.
#include "kts/timeline/timeline.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <random>
#include <vector>

#include "kts/base/files.hpp"
#include "kts/kernel_trace/activity.hpp"
#include "kts/record/block_log.hpp"
#include "kts/record/codec.hpp"
#include "kts/timeline/chrome_trace.hpp"
#include "places.hpp"
#include "trace_rules.hpp"

namespace kts::timeline::timeline_test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using record::Iteration;
using record::kUnavailable;
using testing::broken_rules;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr std::int64_t kStart = 1'763'690'000'500'000'000;
constexpr std::int64_t kMs = 1'000'000;

std::string line_of(const std::string& agent, const Iteration& i) {
  char line[record::kMaxRecordLine];
  return {line, record::format_v2(line, agent, i)};
}

class MadeRun {
 public:
  void write(const std::string& name, const std::string& text) const {
    fs::create_directories((path() / name).parent_path());
    std::ofstream(path() / name, std::ios::binary) << text;
  }
  // A block of 100 ms; the agents' logs are the test's.
  void block(int number, const std::string& phase, const std::vector<std::string>& active) {
    const std::int64_t start = start_of(number);
    json object{{"phase", phase},
                {"active", active},
                {"cycle", 1},
                {"window_start_ns", start},
                {"window_stop_ns", start + 100 * kMs}};
    if (phase == "solo") object["neighbours"] = "parked";
    write(folder(number, phase) + "block.json", object.dump());
  }
  static std::int64_t start_of(int number) { return kStart + number * 200 * kMs; }
  static std::string folder(int number, const std::string& phase) {
    return "blocks/0" + std::to_string(number) + "-" + phase + "/";
  }
  void log(int number, const std::string& phase, const std::string& agent,
           const std::vector<Iteration>& iterations) const {
    record::BlockMeta meta;
    meta.agent = agent;
    meta.workload = "fft";
    meta.size = 4096;
    meta.arrival = "poisson";
    meta.rate_per_s = 200;
    record::BlockEnd end;
    end.agent = agent;
    end.iterations = end.emitted = iterations.size();
    std::string text = record::to_line(meta);
    for (const Iteration& i : iterations) text += line_of(agent, i);
    write(folder(number, phase) + agent + ".log", text + record::to_line(end));
  }

  [[nodiscard]] std::string trace(const TimelineOptions& options = {}) {
    const auto written = write_trace(path(), path(), options);
    EXPECT_TRUE(written) << to_line(written.error());
    if (written) warnings_ = *written;
    return read_file(path() / "trace.json").value_or("");
  }
  [[nodiscard]] const std::vector<std::string>& warnings() const { return warnings_; }
  [[nodiscard]] fs::path path() const { return directory_.path() / "run"; }

 private:
  TemporaryDirectory directory_ = *TemporaryDirectory::create("kts-timeline-test");
  std::vector<std::string> warnings_;
};

// due, submit, gpu_start, gpu_end, done: µs from the block's start.
Iteration iteration(std::uint64_t seq, std::int64_t base, std::array<std::int64_t, 5> us) {
  return {seq,
          base + us[0] * 1000,
          base + us[1] * 1000,
          base + us[2] * 1000,
          base + us[3] * 1000,
          base + us[4] * 1000};
}

json events(const std::string& trace, const std::string& name) {
  json found = json::array();
  const json parsed = json::parse(trace, nullptr, false);
  for (const json& event : parsed["traceEvents"]) {
    if (event["name"] == name) found.push_back(event);
  }
  return found;
}

MadeRun small_run() {
  MadeRun run;
  run.block(1, "solo", {"router"});
  run.block(2, "shared", {"thinker", "router"});
  const std::int64_t solo = MadeRun::start_of(1);
  const std::int64_t shared = MadeRun::start_of(2);
  Iteration no_gpu = iteration(1, solo, {5000, 5001, 0, 0, 6000});
  no_gpu.gpu_start_ns = no_gpu.gpu_end_ns = kUnavailable;
  run.log(1, "solo", "router", {iteration(0, solo, {100, 110, 115, 335, 340}), no_gpu});
  Iteration request = iteration(1, shared, {3000, 3000, 3100, 6000, 6100});
  request.first_token_ns = shared + 3500 * 1000;
  request.input_tokens = 12;
  request.output_tokens = 3;
  run.log(2, "shared", "router", {iteration(0, shared, {100, 130, 2000, 2220, 2225}), request});
  run.log(2, "shared", "thinker",
          {iteration(0, shared, {0, 0, 10, 2000, 2010}),
           iteration(1, shared, {0, 0, 2000, 4000, 4010})});
  std::string kernels =
      std::string(kernel_trace::kCsvSchema) + std::string(kernel_trace::kCsvHeader);
  kernel_trace::append_csv(kernels, {kernel_trace::Kind::kKernel,
                                     "_Z4gemmIfLi128EEvPKT_",
                                     shared + 10'500,
                                     shared + 900'250,
                                     7,
                                     3,
                                     {},
                                     kernel_trace::Dim{32, 4, 1},
                                     kernel_trace::Dim{256, 1, 1}});
  kernel_trace::append_csv(kernels, {kernel_trace::Kind::kCopy,
                                     "host to device",
                                     shared + 950'000,
                                     shared + 960'000,
                                     7,
                                     4,
                                     4096,
                                     {},
                                     {}});
  kernel_trace::append_csv(
      kernels,
      {kernel_trace::Kind::kSync, "stream", shared + 20'000, shared + 2'000'000, 7, 5, {}, {}, {}});
  run.write(MadeRun::folder(2, "shared") + "thinker.kernels.csv", kernels);
  run.write("telemetry/nvml.csv", "epoch_ns,gpu,sm_clock_mhz,power_watts,clock_event_reasons\n" +
                                      std::to_string(solo) + ",0,1980,345.125,0x4\n" +
                                      std::to_string(shared) + ",0,,300,\nnonsense\n");
  return run;
}

TEST(Timeline, IsAsTheGoldenFile) {
  MadeRun run = small_run();
  const std::string trace = run.trace();
  EXPECT_THAT(broken_rules(trace), IsEmpty());
  EXPECT_THAT(run.warnings(), IsEmpty());
  const fs::path golden = in_source("tests/golden/timeline/trace.json");
  const char* update = std::getenv("KTS_UPDATE_GOLDEN");
  if (update != nullptr && std::string_view(update) == "1") {
    fs::create_directories(golden.parent_path());
    ASSERT_TRUE(write_file(golden, trace));
  }
  EXPECT_EQ(read_file(golden).value_or(""), trace) << "KTS_UPDATE_GOLDEN=1 rewrites it";
  EXPECT_EQ(run.trace(), trace) << "the same input gives the same bytes";
}

TEST(Timeline, InstantsAndLengthsInTelemetryAreNoCounters) {
  MadeRun run = small_run();
  run.write("telemetry/gpm.csv", "epoch_ns,gpu,interval_ns,sm_percent\n" +
                                     std::to_string(MadeRun::start_of(1)) + ",0,200000000,91.5\n");
  const std::string trace = run.trace();
  EXPECT_THAT(trace, HasSubstr("gpm GPU 0 sm_percent"));
  EXPECT_THAT(trace, Not(HasSubstr("interval_ns")));
}

TEST(Timeline, PartsOfARequestAddUpToIt) {
  MadeRun run = small_run();
  const std::string trace = run.trace({.blocks = {1}});
  const json request = events(trace, "request").at(0);
  // The origin is the second before the one in which the first block begins; block 1 begins 1.7 s
  // after it.
  EXPECT_DOUBLE_EQ(request["ts"], 1'700'110.0);
  EXPECT_DOUBLE_EQ(request["dur"], 230.0);
  EXPECT_DOUBLE_EQ(events(trace, "gpu_wait").at(0)["dur"], 5.0);
  EXPECT_DOUBLE_EQ(events(trace, "gpu_time").at(0)["dur"], 220.0);
  EXPECT_DOUBLE_EQ(events(trace, "notify").at(0)["dur"], 5.0);
  EXPECT_EQ(events(trace, "gpu_time").size(), 1U) << "what is unavailable is not drawn";
  EXPECT_EQ(events(trace, "request").size(), 2U);
  const json backlog = events(trace, "backlog");
  EXPECT_DOUBLE_EQ(backlog.at(1)["ts"].get<double>() - backlog.at(0)["ts"].get<double>(), 10.0);
}

TEST(Timeline, OverlappingRequestsStandOnRowsOfTheirOwn) {
  MadeRun run;
  run.block(1, "solo", {"a"});
  const std::int64_t base = MadeRun::start_of(1);
  std::vector<Iteration> all;
  for (int round = 0; round < 5; ++round) {
    for (int slot = 0; slot < 4; ++slot) {
      const std::int64_t at = round * 5000;
      all.push_back(iteration(all.size(), base,
                              {at, at + slot, at + 1000 * slot + 10, at + 1000 * (slot + 1),
                               at + 1000 * (slot + 1) + 5}));
    }
  }
  run.log(1, "solo", "a", all);
  const std::string trace = run.trace();
  EXPECT_THAT(broken_rules(trace), IsEmpty());
  std::set<int> rows;
  for (const json& request : events(trace, "request")) rows.insert(request["tid"].get<int>());
  EXPECT_EQ(rows.size(), 4U);
}

TEST(Timeline, WhatTakesNoTimeStandsBesideWhatBeginsWithIt) {
  MadeRun run;
  run.block(1, "solo", {"a"});
  const std::int64_t base = MadeRun::start_of(1);
  run.log(1, "solo", "a",
          {iteration(0, base, {5, 5, 5, 5, 5}), iteration(1, base, {5, 5, 6, 8, 9}),
           iteration(2, base, {9, 9, 10, 11, 12})});
  const std::string trace = run.trace();
  EXPECT_THAT(broken_rules(trace), IsEmpty());
  const json requests = events(trace, "request");
  ASSERT_EQ(requests.size(), 3U);
  EXPECT_NE(requests[0]["tid"], requests[1]["tid"]) << "else one would be part of the other";
  EXPECT_EQ(requests[0]["tid"], requests[2]["tid"]);
}

TEST(Timeline, NegativePartsAreCutToTheirRequestAndKeptInItsArguments) {
  MadeRun run;
  run.block(1, "solo", {"a"});
  const std::int64_t base = MadeRun::start_of(1);
  run.log(1, "solo", "a", {iteration(0, base, {0, 10, 8, 20, 19})});
  const std::string trace = run.trace();
  EXPECT_THAT(broken_rules(trace), IsEmpty());
  const json args = events(trace, "request").at(0)["args"];
  EXPECT_EQ(args["gpu_wait_ns"], -2000);
  EXPECT_EQ(args["gpu_time_ns"], 12000);
  EXPECT_EQ(args["notify_ns"], -1000);
  EXPECT_DOUBLE_EQ(events(trace, "gpu_time").at(0)["dur"], 9.0);
  EXPECT_TRUE(events(trace, "gpu_wait").empty());
  EXPECT_EQ(json::parse(trace)["otherData"]["clipped_to_their_request"], 1);
}

TEST(Timeline, WhateverTheInstantsAreTheRulesHold) {
  std::mt19937_64 random(5);
  for (int round = 0; round < 50; ++round) {
    MadeRun run;
    run.block(1, "solo", {"a"});
    run.block(2, "shared", {"a", "b"});
    std::vector<Iteration> all;
    const auto instant = [&]() -> std::int64_t {
      if (random() % 6 == 0) return kUnavailable;
      return MadeRun::start_of(1) - 2'000'000'000 +
             static_cast<std::int64_t>(random() % 3'000'000'000);
    };
    for (std::uint64_t k = 0; k < 200; ++k) {
      Iteration i{k, instant(), instant(), instant(), instant(), instant()};
      // Mostly in order, or nothing would be drawn.
      if (random() % 4 != 0) {
        std::vector<std::int64_t> host{i.due_ns, i.submit_ns, i.done_ns};
        std::sort(host.begin(), host.end());
        i.due_ns = host[0];
        i.submit_ns = host[1];
        i.done_ns = host[2];
      }
      for (std::int64_t* host : {&i.due_ns, &i.submit_ns, &i.done_ns}) {
        if (*host == kUnavailable) *host = 0;
      }
      if (random() % 8 == 0) i.first_token_ns = std::max<std::int64_t>(0, instant());
      all.push_back(i);
    }
    run.log(1, "solo", "a", all);
    run.log(2, "shared", "a", all);
    run.log(2, "shared", "b", {});
    run.write(MadeRun::folder(2, "shared") + "b.kernels.csv", "kernel,f,1\nkernel,f,9,1,,,,,\n");
    run.write("telemetry/odd.csv", "# comment\nepoch_ns,x\n9,nan\n" +
                                       std::to_string(MadeRun::start_of(1)) + ",inf\n" +
                                       std::to_string(MadeRun::start_of(1)) + ",1e400\n-5,3\n");
    ASSERT_THAT(broken_rules(run.trace()), IsEmpty());
    ASSERT_THAT(broken_rules(run.trace({.limit_bytes = 200'000, .blocks = {}})), IsEmpty());
  }
}

TEST(Timeline, ALimitCutsTheEndsOfBlocksAndSaysSo) {
  MadeRun run;
  for (int number = 1; number <= 3; ++number) {
    run.block(number, "solo", {"a"});
    std::vector<Iteration> all;
    for (int k = 0; k < 2000; ++k) {
      const std::int64_t at = k * 50;
      all.push_back(
          iteration(all.size(), MadeRun::start_of(number), {at, at, at + 5, at + 35, at + 40}));
    }
    run.log(number, "solo", "a", all);
  }
  const std::string whole = run.trace({.limit_bytes = std::nullopt, .blocks = {}});
  EXPECT_EQ(events(whole, "request").size(), 6000U);
  EXPECT_THAT(run.warnings(), IsEmpty());

  constexpr std::uint64_t kLimit = 400'000;
  const std::string cut = run.trace({.limit_bytes = kLimit, .blocks = {}});
  EXPECT_LE(cut.size(), kLimit);
  EXPECT_GT(cut.size(), kLimit / 2);
  EXPECT_THAT(broken_rules(cut), IsEmpty());
  EXPECT_THAT(run.warnings(), ElementsAre(HasSubstr("the beginning of 3 of 3 block logs")));
  const json other = json::parse(cut)["otherData"];
  ASSERT_EQ(other["cut"].size(), 3U);
  EXPECT_EQ(other["cut"][0]["of"], 2000);
  EXPECT_EQ(other["cut"][0]["file"], "blocks/01-solo/a.log");
  std::uint64_t drawn = 0;
  for (const json& file : other["cut"]) drawn += file["drawn"].get<std::uint64_t>();
  EXPECT_EQ(events(cut, "request").size(), drawn);

  const std::string one = run.trace({.limit_bytes = 2'000'000, .blocks = {2}});
  EXPECT_EQ(events(one, "request").size(), 2000U);
  EXPECT_EQ(events(one, "request")[0]["ts"], events(whole, "request")[2000]["ts"]);
}

TEST(Timeline, CountersNameCardProcessAndAgent) {
  MadeRun run = small_run();
  run.write("telemetry/processes.csv", "epoch_ns,gpu,pid,agent,name,sm_percent,use_epoch_ns\n" +
                                           std::to_string(MadeRun::start_of(1)) +
                                           ",0,12,router,kts-worker,41," +
                                           std::to_string(MadeRun::start_of(1)) + "\n");
  const std::string trace = run.trace();
  EXPECT_THAT(broken_rules(trace), IsEmpty());
  const json counter = events(trace, "processes GPU 0 12 router kts-worker sm_percent");
  ASSERT_EQ(counter.size(), 1U);
  EXPECT_EQ(counter[0]["args"]["value"], 41);
  EXPECT_THAT(trace, Not(HasSubstr("use_epoch_ns")));
}

TEST(Timeline, UnknownBlockIsNamed) {
  MadeRun run = small_run();
  const auto written = write_trace(run.path(), run.path(), {.blocks = {7}});
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, ErrorCode::kBadInput);
  EXPECT_EQ(written.error().message, "the run has no finished block 7");
}

TEST(Timeline, AFolderWithoutBlocksGetsNoTraceAndKeepsNone) {
  const TemporaryDirectory folder = *TemporaryDirectory::create("kts-timeline-test");
  std::ofstream(folder.path() / "trace.json") << "of before";
  EXPECT_THAT(write_trace(folder.path(), folder.path()).value(), IsEmpty());
  EXPECT_FALSE(fs::exists(folder.path() / "trace.json"));
}

TEST(Timeline, NothingPartialStaysWhenItCannotBeWritten) {
  MadeRun run = small_run();
  fs::create_directories(run.path() / "out" / "trace.json" / "in the way");
  const auto written = write_trace(run.path(), run.path() / "out");
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, ErrorCode::kEnvironment);
  EXPECT_FALSE(fs::exists(run.path() / "out" / ".trace.json.partial"));
}

// The events that check_trace.py is tried with as well.
TEST(TraceRules, FindWhatIsWrong) {
  const json cases =
      json::parse(read_file(in_source("libs/timeline/tests/data/wrong_events.json")).value());
  const auto with = [&](const json& more) {
    json trace{{"otherData", json::object()}, {"traceEvents", cases["good"]}};
    for (const json& event : more) trace["traceEvents"].push_back(event);
    return broken_rules(trace.dump());
  };
  EXPECT_THAT(with(json::array()), IsEmpty());
  for (const json& right : cases["right"]) {
    EXPECT_THAT(with(right["events"]), IsEmpty()) << right["what"];
  }
  for (const json& wrong : cases["wrong"]) {
    EXPECT_THAT(with(wrong["events"]), Not(IsEmpty())) << wrong["what"];
  }
  EXPECT_THAT(broken_rules(R"({"otherData":{},"traceEvents":[,]})"), Not(IsEmpty()));
  EXPECT_THAT(broken_rules(R"({"displayTimeUnit":"ns","otherData":{},"traceEvents":[]})"),
              Not(IsEmpty()));
}

}  // namespace
}  // namespace kts::timeline::timeline_test
