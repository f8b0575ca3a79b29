// SPDX-License-Identifier: Apache-2.0
// The real binary on the CPU: what it prints, how it ends. Nothing here depends on how fast it is.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "kts/base/clock.hpp"
#include "kts/base/files.hpp"
#include "kts/control/protocol.hpp"
#include "kts/record/block_log.hpp"
#include "kts/record/codec.hpp"
#include "places.hpp"
#include "worker_process.hpp"

namespace kts::worker_test {
namespace {

using control::Command;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::SizeIs;
using testing::StartsWith;

using Words = std::vector<std::string>;

Words small(Words more) {
  Words all{"fft", "--device", "cpu", "--size", "32"};
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

record::BlockEnd end_of(const std::string& line) {
  const auto parsed = record::parse_line(line);
  EXPECT_TRUE(std::holds_alternative<record::EndLine>(parsed)) << line;
  if (!std::holds_alternative<record::EndLine>(parsed)) return {};
  return record::parse_end(std::get<record::EndLine>(parsed).json).value();
}

// The whole of a v2 block: META, records with rising seq and ordered instants, END that agrees.
record::BlockEnd check_block(const Words& lines) {
  EXPECT_GE(lines.size(), 2U);
  if (lines.size() < 2) return {};
  EXPECT_THAT(lines.front(), StartsWith("KTS_META,v2,{"));
  std::uint64_t seq = 0;
  for (std::size_t k = 1; k + 1 < lines.size(); ++k) {
    const auto parsed = record::parse_line(lines[k]);
    const auto* record = std::get_if<record::V2Record>(&parsed);
    if (!record) {
      ADD_FAILURE() << "no record: " << lines[k];
      continue;
    }
    const record::Iteration& i = record->iteration;
    EXPECT_EQ(i.seq, seq++);
    EXPECT_LE(i.due_ns, i.submit_ns);
    EXPECT_LE(i.submit_ns, i.gpu_start_ns);
    EXPECT_LE(i.gpu_start_ns, i.gpu_end_ns);
    EXPECT_LE(i.gpu_end_ns, i.done_ns);
  }
  const auto end = end_of(lines.back());
  EXPECT_EQ(end.emitted, seq);
  EXPECT_EQ(end.out_of_bracket, 0U);
  EXPECT_TRUE(end.finite);
  return end;
}

void expect_failure(const Words& arguments, int status, const std::string& words) {
  WorkerProcess worker(arguments);
  worker.close_input();
  EXPECT_THAT(worker.lines(), testing::IsEmpty());
  const std::string error = worker.error_output();
  EXPECT_EQ(worker.wait(), status) << error;
  EXPECT_THAT(error, HasSubstr(words));
  EXPECT_THAT(error, StartsWith("kts-worker: "));
  EXPECT_EQ(std::ranges::count(error, '\n'), 1) << error;
}

TEST(Worker, StudysEnvironmentGivesTheStudysLines) {
  WorkerProcess worker({"gemm", "--device", "cpu", "--record", "v1", "--phase", "solo"},
                       {"ITERATIONS=3", "MATRIX_SIZE=16", "SLEEP_MS=0"});
  const auto lines = worker.lines();
  ASSERT_THAT(lines, SizeIs(3));
  for (std::size_t k = 0; k < lines.size(); ++k) {
    EXPECT_THAT(lines[k], MatchesRegex("KTS_APP,v1,GEMM," + std::to_string(k) +
                                       ",[0-9]{19},[0-9]{19},[0-9]+\\.[0-9]{6},solo"));
  }
  EXPECT_EQ(worker.wait(), 0);
}

TEST(Worker, PhaseMayBeEmptyInTheStudysLine) {
  WorkerProcess worker(small({"--record", "v1", "--iterations", "1"}));
  EXPECT_THAT(worker.line(), MatchesRegex("KTS_APP,v1,FFT,0,.*\\.[0-9]{6},"));
  EXPECT_EQ(worker.wait(), 0);
}

TEST(Worker, FlagsWinOverTheEnvironment) {
  WorkerProcess worker(small({"--iterations", "2", "--think", "0"}),
                       {"ITERATIONS=9", "MATRIX_SIZE=nonsense", "SLEEP_MS=1e8"});
  const auto lines = worker.lines();
  EXPECT_EQ(check_block(lines).iterations, 2U);
  EXPECT_THAT(lines.front(), HasSubstr("\"size\":32,"));
  EXPECT_EQ(worker.wait(), 0);
}

TEST(Worker, EnvironmentThatIsNoNumberIsNamed) {
  WorkerProcess worker({"fft", "--device", "cpu"}, {"MATRIX_SIZE=large"});
  EXPECT_EQ(worker.wait(), 2);
  EXPECT_THAT(worker.error_output(), HasSubstr("MATRIX_SIZE: 'large'"));
}

TEST(Worker, EveryArrivalProcessGivesACompleteBlock) {
  for (const Words& arrival :
       {Words{"--arrival", "closed", "--think", "10us"}, Words{"--arrival", "saturate"},
        Words{"--arrival", "saturate", "--in-flight", "4"},
        Words{"--arrival", "poisson", "--rate", "2000"},
        Words{"--arrival", "uniform", "--rate", "2000"},
        Words{"--arrival", "gamma", "--rate", "2000", "--cv", "2"},
        Words{"--arrival", "on-off", "--rate", "5000", "--on", "10ms", "--off", "5ms"}}) {
    Words arguments = small(arrival);
    arguments.insert(arguments.end(), {"--iterations", "50"});
    WorkerProcess worker(arguments);
    EXPECT_EQ(check_block(worker.lines()).iterations, 50U) << arrival[1];
    EXPECT_EQ(worker.wait(), 0);
  }
}

TEST(Worker, TraceIsReplayedToItsEnd) {
  const auto folder = TemporaryDirectory::create().value();
  const auto file = folder.path() / "t.csv";
  ASSERT_TRUE(write_file(file,
                         "timestamp_s,input_tokens,output_tokens\n"
                         "0,8,1\n0.01,8,2\n0.01,8,0\n0.03,8,3\n"));
  WorkerProcess worker(small(
      {"--arrival", "trace", "--trace", file.string(), "--wrap", "false", "--time-scale", "2"}));
  worker.close_input();
  const Words lines = worker.lines();
  EXPECT_THAT(worker.error_output(), HasSubstr("1 that failed (no output tokens) are left out"));
  EXPECT_EQ(worker.wait(), 0);
  EXPECT_EQ(check_block(lines).iterations, 3U);
  EXPECT_THAT(lines.front(), HasSubstr("\"trace_failed\":1"));

  ASSERT_TRUE(write_file(file, "timestamp_s,input_tokens,output_tokens\n0,8,1\nsoon,8,2\n"));
  expect_failure(small({"--arrival", "trace", "--trace", file.string()}), 2,
                 file.string() + ":3: 'soon' is no timestamp_s");
}

TEST(Worker, DurationEndsIt) {
  WorkerProcess worker(small({"--arrival", "poisson", "--rate", "500", "--duration", "300ms"}));
  const auto end = check_block(worker.lines());
  EXPECT_EQ(worker.wait(), 0);
  EXPECT_LE(end.generation_stop_ns - end.generation_start_ns, 300'000'000);
  EXPECT_THAT(worker.error_output(), HasSubstr("latency p50"));
}

TEST(Worker, SameSeedSameChecksumOnEveryRun) {
  std::vector<std::optional<double>> checksums;
  for (const char* seed : {"7", "7", "8"}) {
    WorkerProcess worker(small({"--seed", seed, "--iterations", "1"}));
    const auto lines = worker.lines();
    ASSERT_FALSE(lines.empty());
    const auto parsed = record::parse_line(lines.front());
    const auto meta = record::parse_meta(std::get<record::MetaLine>(parsed).json).value();
    checksums.push_back(meta.checksum);
    EXPECT_NEAR(*meta.checksum / *meta.checksum_reference, 1, *meta.checksum_tolerance);
  }
  EXPECT_EQ(checksums[0], checksums[1]);
  EXPECT_NE(checksums[0], checksums[2]);
}

TEST(Worker, SignalFinishesTheIterationAndWritesEnd) {
  for (const int number : {SIGINT, SIGTERM}) {
    WorkerProcess worker(small({"--arrival", "saturate", "--iterations", "1000000000"}));
    Words lines{worker.line(), worker.line()};  // it is at work
    worker.signal(number);
    for (auto& line : worker.lines()) lines.push_back(line);
    EXPECT_EQ(worker.wait(), 130);
    EXPECT_TRUE(check_block(lines).interrupted);
    EXPECT_THAT(worker.error_output(), HasSubstr("interrupted by SIG"));
  }
}

TEST(Worker, SignalWakesAThinkingAgent) {
  WorkerProcess worker(small({"--think", "1h"}));
  Words lines{worker.line(), worker.line()};
  worker.signal(SIGTERM);
  for (auto& line : worker.lines()) lines.push_back(line);
  EXPECT_EQ(worker.wait(), 130);
  EXPECT_EQ(check_block(lines).iterations, 1U);
}

TEST(Worker, ReaderThatWentEndsItQuietly) {
  WorkerProcess worker(small({"--arrival", "saturate", "--iterations", "1000000000"}));
  EXPECT_THAT(worker.line(), StartsWith("KTS_META"));
  worker.close_output();
  EXPECT_EQ(worker.wait(), 4);
  EXPECT_THAT(worker.error_output(), HasSubstr("Broken pipe"));
}

TEST(Worker, ControlledSessionRunsBlocksAndLeavesAtTheEndOfInput) {
  const auto offset = EpochOffset::measure();
  WorkerProcess worker(small({"--controlled", "--agent", "router", "--arrival", "poisson", "--rate",
                              "2000", "--epoch-offset-ns", std::to_string(offset.value.count())}));
  const auto ready = control::parse_answer(worker.line());
  ASSERT_TRUE(ready && *ready);
  EXPECT_EQ(std::get<control::Ready>(**ready).agent, "router");
  for (int block = 0; block < 2; ++block) {
    worker.send(to_line(Command(control::Prepare{block, "solo", "parked"})));
    Words lines{worker.line()};
    EXPECT_THAT(worker.line(), StartsWith("KTS_ACK,v1,{\"step\":\"prepared\""));
    const auto now = offset.to_epoch(MonotonicTimeline::now()).time_since_epoch().count();
    const control::Start start{now + 10'000'000, now + 110'000'000};
    worker.send(to_line(Command(start)));
    std::string line;
    while ((line = worker.line()).starts_with("KTS_APP")) lines.push_back(line);
    EXPECT_EQ(line, "KTS_ACK,v1,{\"step\":\"drained\",\"block\":" + std::to_string(block) + "}");
    worker.send(to_line(Command(control::Finish{})));
    lines.push_back(worker.line());
    EXPECT_THAT(worker.line(), StartsWith("KTS_ACK,v1,{\"step\":\"finished\""));
    const auto end = check_block(lines);
    EXPECT_EQ(end.block, block);
    EXPECT_GT(end.iterations, 0U);
    EXPECT_GE(end.first_due_ns, start.start_ns);
  }
  worker.close_input();
  EXPECT_THAT(worker.lines(), testing::IsEmpty());
  EXPECT_EQ(worker.wait(), 0);
}

TEST(Worker, StopEndsAnEndlessBlock) {
  WorkerProcess worker(small({"--controlled", "--arrival", "saturate", "--epoch-offset-ns", "0"}));
  worker.line();
  worker.send(to_line(Command(control::Prepare{0, "shared", ""})));
  worker.line();
  worker.line();
  worker.send(to_line(Command(control::Start{0, 3'000'000'000'000'000'000})));
  EXPECT_THAT(worker.line(), StartsWith("KTS_APP,v2,fft,0,"));
  worker.send(to_line(Command(control::Stop{})));
  std::string line;
  while ((line = worker.line()).starts_with("KTS_APP")) {
  }
  EXPECT_THAT(line, HasSubstr("drained"));
  worker.send(to_line(Command(control::Finish{})));
  EXPECT_FALSE(end_of(worker.line()).interrupted);
  worker.send(to_line(Command(control::Exit{})));
  worker.line();
  EXPECT_EQ(worker.wait(), 0);
}

TEST(Worker, EndOfInputInABlockIsAnEndAndSuccess) {
  WorkerProcess worker(small({"--controlled", "--arrival", "saturate", "--epoch-offset-ns", "0"}));
  worker.line();
  worker.send(to_line(Command(control::Prepare{0, "shared", ""})));
  worker.line();
  worker.line();
  worker.send(to_line(Command(control::Start{0, 3'000'000'000'000'000'000})));
  EXPECT_THAT(worker.line(), StartsWith("KTS_APP,v2,fft,0,"));
  worker.close_input();
  std::string last;
  for (const auto& line : worker.lines()) last = line;
  EXPECT_TRUE(end_of(last).interrupted);
  EXPECT_EQ(worker.wait(), 0);
}

TEST(Worker, SignalWhileParkedEndsIt) {
  WorkerProcess worker(small({"--controlled"}));
  EXPECT_THAT(worker.line(), StartsWith("KTS_READY"));
  worker.signal(SIGTERM);
  EXPECT_EQ(worker.wait(), 130);
}

TEST(Worker, NonsenseOnTheControlChannelIsBadInput) {
  WorkerProcess worker(small({"--controlled"}));
  worker.line();
  worker.send("start please\n");
  EXPECT_EQ(worker.wait(), 2);
  EXPECT_THAT(worker.error_output(), HasSubstr("KTS_CMD"));
}

TEST(Worker, OperandsThatDoNotFitAreNamedWithBytesWantedAndFree) {
  expect_failure({"fft", "--device", "cpu", "--size", "1048576"}, 4, "17592186044416 bytes");
}

TEST(Worker, CudaThatIsNotThereIsOneClearLine) {
  const bool built = std::filesystem::exists(in_build("bin/libkts_workload_cuda.so"));
  expect_failure({"fft", "--device", "cuda:99", "--size", "32"}, 4,
                 built ? "CUDA" : "libkts_workload_cuda.so");
}

TEST(Worker, CoreThatIsNotThereIsNamed) {
  expect_failure(small({"--device-core", "1000"}), 4, "core 1000");
  expect_failure(small({"--host-cores", "1000-1001"}), 4, "--host-cores");
}

TEST(Worker, BadUsageIsOneLineThatNamesTheFlag) {
  for (const auto& [arguments, words] : std::vector<std::pair<Words, std::string>>{
           {{}, "WORKLOAD"},
           {{"sort"}, "there is no workload 'sort'; choose one of fft, gemm"},
           {small({"--wrong"}), "--wrong"},
           {small({"--size", "0"}), "--size: 0 is out of range; give 1 to 1048576"},
           {small({"--size", "99999999999999999999"}), "--size"},
           {small({"--model", "tiny"}), "--model: fft has no parameter 'model'; it has size"},
           {{"decode", "--model", "tinny"}, "--model: 'tinny' is not one of tiny, "},
           {{"decode", "--size", "4"}, "--size: decode has no parameter 'size'; it has model, "},
           {{"request", "--input", "9", "--max-context", "10"},
            "--max-context: input and output are 13 tokens"},
           {small({"--iterations", "-1"}), "--iterations"},
           {small({"--duration", "5"}), "--duration: '5'"},
           {small({"--duration", "0s"}), "--duration"},
           {small({"--think", "-1s"}), "--think"},
           {small({"--seed", "x"}), "--seed"},
           {small({"--arrival", "burst"}), "--arrival: 'burst'"},
           {small({"--arrival", "poisson"}), "--rate"},
           {small({"--arrival", "poisson", "--rate", "0"}), "--rate"},
           {small({"--arrival", "poisson", "--rate", "nan"}), "--rate"},
           {small({"--arrival", "poisson", "--rate", "1e300"}), "--rate"},
           {small({"--rate", "5"}), "--rate: has no meaning for closed arrivals"},
           {small({"--arrival", "poison", "--rate", "5"}), "did you mean 'poisson'?"},
           {small({"--arrival", "gamma", "--rate", "5"}), "--cv: gamma arrivals need it"},
           {small({"--arrival", "gamma", "--rate", "5", "--cv", "0"}), "--cv: 0 is out of range"},
           {small({"--arrival", "on-off", "--rate", "5", "--on", "1s", "--off", "soon"}),
            "--off: 'soon' is no duration"},
           {small({"--arrival", "trace"}), "--trace: trace arrivals need it"},
           {small({"--arrival", "trace", "--trace", "/nowhere/t.csv"}), "/nowhere/t.csv"},
           {small({"--arrival", "trace", "--trace", "t.csv", "--wrap", "maybe"}),
            "--wrap: 'maybe' is neither true nor false"},
           {small({"--arrival", "saturate", "--think", "1s"}), "--think"},
           {small({"--arrival", "poisson", "--rate", "5", "--in-flight", "2"}), "--in-flight"},
           {small({"--in-flight", "0"}), "--in-flight"},
           {small({"--in-flight", "100000"}), "--in-flight"},
           {small({"--threads", "0"}), "--threads"},
           {small({"--threads", "2", "--device-core", "0"}), "--threads"},
           {small({"--sync", "poll"}), "--sync: 'poll'"},
           {{"idle-hold", "--arrival", "saturate"}, "--arrival: idle-hold does no work"},
           {{"idle-hold", "--think", "10us"}, "--think: idle-hold does no work"},
           {small({"--record", "v3"}), "--record: 'v3'"},
           {small({"--agent", "a,b"}), "--agent: 'a,b'"},
           {small({"--phase", "so lo"}), "--phase"},
           {small({"--host-cores", "3-1"}), "--host-cores"},
           {small({"--host-cores", "1,"}), "--host-cores"},
           {small({"--warm-up", "-1"}), "--warm-up"},
           {small({"--controlled", "--record", "v1"}), "--record"},
           {small({"--controlled", "--duration", "1s"}), "--controlled"},
           {small({"--epoch-offset-ns", "-1"}), "--epoch-offset-ns"},
           {{"fft", "--device", "gpu"}, "--device"},
           {{"fft", "--device", "cuda:x"}, "--device"},
       }) {
    SCOPED_TRACE(testing::PrintToString(arguments));
    expect_failure(arguments, 2, words);
  }
}

TEST(Worker, HelpAndVersionGoToStandardOutput) {
  for (const char* flag : {"--help", "--version"}) {
    WorkerProcess worker({flag});
    EXPECT_THAT(testing::PrintToString(worker.lines()), HasSubstr("kts-worker"));
    EXPECT_EQ(worker.wait(), 0);
    EXPECT_EQ(worker.error_output(), "");
  }
}

}  // namespace
}  // namespace kts::worker_test
