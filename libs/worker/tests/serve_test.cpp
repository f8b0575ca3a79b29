// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <csignal>
#include <optional>
#include <string>
#include <thread>

#include "fakes.hpp"
#include "kts/record/block_log.hpp"
#include "kts/record/codec.hpp"
#include "kts/worker/agent.hpp"
#include "pipe.hpp"

namespace kts::worker::serve_test {
namespace {

using control::Command;
using control::Step;

// Remembers what it was told.
class FakeTracer final : public kernel_trace::Tracer {
 public:
  std::string name() const override { return "fake tracer"; }
  std::string limits() const override { return {}; }
  Status begin_block() override {
    ++begun;
    return {};
  }
  Result<kernel_trace::TraceCounts> end_block(const std::filesystem::path& csv,
                                              const EpochOffset& epoch) override {
    file = csv;
    offset = epoch.value;
    if (full) return environment_lacks("no room", {}, csv.string());
    return kernel_trace::TraceCounts{40, 2, 1};
  }
  int begun = 0;
  std::filesystem::path file;
  Nanoseconds offset{0};
  bool full = false;
};

// A worker on a fake device and a fake clock, driven as the runner drives a real one.
class ServeTest : public testing::Test {
 protected:
  ServeTest() {
    std::signal(SIGPIPE, SIG_IGN);
    spec_.name = "router";
    spec_.sharing = "time-slicing";
    spec_.engine.workload = workload::complete("fft", {{"size", "64"}}).value();
    spec_.engine.seed = 5;
    spec_.arrival = {workload::ArrivalProcess::kUniform, 1000, 0ns};
    spec_.epoch.value = kEpoch;
  }
  ~ServeTest() override {
    if (worker_.joinable()) worker_.join();
  }

  void start() {
    auto attention = Attention::start(commands_.reader(), stop_);
    ASSERT_TRUE(attention);
    attention_ = std::move(*attention);
    writer_.emplace(output_.writer(),
                    RecordFormat{RecordVersion::kV2, spec_.name, "FFT", "", spec_.epoch}, stop_);
    agent_.emplace(spec_, engine_, pacing_, *writer_, tracer_);
    ASSERT_TRUE(agent_->warm_up(5));
    worker_ = std::thread([this] {
      status_ = serve(*agent_, spec_.epoch, *attention_, stop_, *writer_);
      output_.close_writer();
    });
  }
  void send(const Command& command) { commands_.put(to_line(command)); }
  template <typename Kind>
  Kind answer() {
    const auto parsed = control::parse_answer(output_.line());
    EXPECT_TRUE(parsed && *parsed);
    return parsed && *parsed ? std::get<Kind>(**parsed) : Kind{};
  }
  record::BlockMeta meta() {
    const std::string line = output_.line();
    const auto parsed = record::parse_line(line);
    return record::parse_meta(std::get<record::MetaLine>(parsed).json).value();
  }
  // Reads the block's records up to the next other line.
  std::string records() {
    std::string line;
    while ((line = output_.line()).starts_with("KTS_APP,")) {
      const auto parsed = record::parse_line(line);
      const auto& record = std::get<record::V2Record>(parsed);
      EXPECT_EQ(record.agent, "router");
      EXPECT_EQ(record.iteration.seq, records_++);
      last_ = record.iteration;
    }
    return line;
  }
  record::BlockEnd end(const std::string& line) {
    const auto parsed = record::parse_line(line);
    EXPECT_TRUE(std::holds_alternative<record::EndLine>(parsed)) << line;
    return record::parse_end(std::get<record::EndLine>(parsed).json).value();
  }
  Status join() {
    worker_.join();
    return status_;
  }
  // Up to the drained block.
  void one_block(int block, std::int64_t start_ns, std::int64_t stop_ns) {
    send(control::Prepare{block, "solo", "parked"});
    EXPECT_EQ(meta().block, block);
    EXPECT_EQ(answer<control::Ack>().step, Step::kPrepared);
    records_ = 0;
    send(control::Start{kEpoch.count() + start_ns, kEpoch.count() + stop_ns});
  }

  static constexpr Nanoseconds kEpoch{1'000'000'000'000};

  AgentSpec spec_;
  FakeClock clock_;
  FakeEngine engine_{clock_, {3us, 10us, 2us}};
  FakePacing pacing_{clock_};
  Pipe commands_;
  Pipe output_;
  StopFlag stop_;
  std::unique_ptr<Attention> attention_;
  std::optional<RecordWriter> writer_;
  std::optional<Agent> agent_;
  kernel_trace::Tracer* tracer_ = nullptr;
  std::thread worker_;
  Status status_;
  std::uint64_t records_ = 0;
  record::Iteration last_;
};

TEST_F(ServeTest, ReadySaysWhoItIsAndHowLongAnIterationTakes) {
  start();
  const auto ready = answer<control::Ready>();
  EXPECT_EQ(ready.agent, "router");
  EXPECT_EQ(ready.pid, getpid());
  EXPECT_EQ(ready.device, "cpu");
  EXPECT_EQ(ready.device_name, "fake device");
  EXPECT_EQ(ready.device_uuid, "cpu:7");
  EXPECT_EQ(ready.median_iteration_ns, 15'000);
  EXPECT_EQ(ready.operand_bytes, 1024U);
  EXPECT_EQ(engine_.warmed_up, 5);
  send(control::Exit{});
  EXPECT_TRUE(join());
}

TEST_F(ServeTest, PodsPlaceStandsInReadyAndMeta) {
  spec_.placement = {"6f1c", "worker-1", "GPU-7"};
  start();
  const auto ready = answer<control::Ready>();
  EXPECT_EQ(ready.gpu_uuid, "GPU-7");
  EXPECT_EQ(ready.uuid_source, "visible-devices");
  send(control::Prepare{1, "solo", "parked"});
  const auto head = meta();
  EXPECT_EQ(head.pod_uid, "6f1c");
  EXPECT_EQ(head.node, "worker-1");
  EXPECT_EQ(head.gpu_uuid, "GPU-7");
  EXPECT_EQ(head.uuid_source, "visible-devices");
  send(control::Exit{});
  EXPECT_TRUE(join());
}

TEST_F(ServeTest, PrepareMayBringTheRunsTimeLine) {
  constexpr std::int64_t kOther = 2'000'000'000'000;
  start();
  answer<control::Ready>();
  send(control::Prepare{1, "solo", "parked", kOther});
  EXPECT_EQ(meta().epoch_offset_ns, kOther);
  EXPECT_EQ(answer<control::Ack>().step, Step::kPrepared);
  records_ = 0;
  const std::int64_t now = clock_.now().time_since_epoch().count();
  send(control::Start{kOther + now + 1'000'000, kOther + now + 11'000'000});
  records();
  EXPECT_GT(records_, 0U);
  EXPECT_GE(last_.due_ns, kOther + now + 1'000'000);
  EXPECT_LT(last_.due_ns, kOther + now + 11'000'000);
  send(control::Finish{});
  EXPECT_GE(end(output_.line()).generation_start_ns, kOther + now + 1'000'000);
  EXPECT_EQ(answer<control::Ack>().step, Step::kFinished);
  send(control::Exit{});
  EXPECT_TRUE(join());
}

TEST_F(ServeTest, BlockIsPreparedRunDrainedAndFinished) {
  engine_.calibration = {1'500, -200, 0.5};
  start();
  answer<control::Ready>();
  send(control::Prepare{4, "solo", "absent"});
  const auto head = meta();
  EXPECT_EQ(head.agent, "router");
  EXPECT_EQ(head.block, 4);
  EXPECT_EQ(head.phase, "solo");
  EXPECT_EQ(head.neighbours, "absent");
  EXPECT_EQ(head.workload, "fft");
  EXPECT_EQ(head.size, 64);
  EXPECT_EQ(head.arrival, "uniform");
  EXPECT_EQ(head.rate_per_s, 1000);
  EXPECT_EQ(head.think_ns, std::nullopt);
  EXPECT_EQ(head.seed, 5U);
  EXPECT_EQ(head.sharing, "time-slicing");
  EXPECT_EQ(head.epoch_offset_ns, kEpoch.count());
  EXPECT_EQ(head.checksum, 1.0);
  EXPECT_EQ(head.clock_bound_ns, 1'500);
  const auto prepared = answer<control::Ack>();
  EXPECT_EQ(prepared.step, Step::kPrepared);
  EXPECT_EQ(prepared.block, 4);
  EXPECT_EQ(prepared.clock_bound_ns, 1'500);

  send(control::Start{kEpoch.count() + 1'000'000'000, kEpoch.count() + 2'000'000'000});
  const auto drained = control::parse_answer(records());
  ASSERT_TRUE(drained && *drained);
  EXPECT_EQ(std::get<control::Ack>(**drained).step, Step::kDrained);
  EXPECT_EQ(records_, 1000U);

  send(control::Finish{});
  const auto tail = end(output_.line());
  EXPECT_EQ(tail.block, 4);
  EXPECT_EQ(tail.iterations, 1000U);
  EXPECT_EQ(tail.emitted, 1000U);
  EXPECT_EQ(tail.last_done_ns, last_.done_ns);
  EXPECT_EQ(tail.generation_start_ns, kEpoch.count() + 1'000'000'000);
  EXPECT_EQ(tail.generation_stop_ns, kEpoch.count() + 2'000'000'000);
  EXPECT_EQ(tail.pacing_late_max_ns, 0);
  EXPECT_EQ(tail.device_cpu_ns, 1000 * 10'000);
  EXPECT_EQ(tail.clock_bound_ns, 1'700);  // what is proven now, and the error until now
  EXPECT_EQ(tail.clock_error_ns, -200);
  EXPECT_EQ(tail.clock_drift_ppm, 0.5);
  EXPECT_TRUE(tail.finite);
  EXPECT_FALSE(tail.interrupted);
  EXPECT_EQ(tail.tokens, std::nullopt);
  EXPECT_EQ(answer<control::Ack>().step, Step::kFinished);
  EXPECT_EQ(engine_.calibrations, 2);

  send(control::Exit{});
  EXPECT_TRUE(join());
}

TEST_F(ServeTest, KernelsGoWherePrepareSaysAndEndCountsThem) {
  FakeTracer tracer;
  tracer_ = &tracer;
  start();
  answer<control::Ready>();
  control::Prepare prepare{1, "solo", "parked"};
  prepare.kernels = "/run/a.kernels.csv";
  send(prepare);
  EXPECT_EQ(meta().kernel_tracer, "fake tracer");
  EXPECT_EQ(answer<control::Ack>().step, Step::kPrepared);
  EXPECT_EQ(tracer.begun, 1);
  records_ = 0;
  send(control::Start{kEpoch.count() + 1'000'000, kEpoch.count() + 3'000'000});
  records();
  EXPECT_EQ(tracer.file, "") << "nothing is written while neighbours may run";
  send(control::Finish{});
  const auto tail = end(output_.line());
  EXPECT_EQ(tail.kernels, 40U);
  EXPECT_EQ(tail.kernels_lost, 2U);
  EXPECT_EQ(tail.kernels_outside, 1U);
  EXPECT_EQ(tracer.file, "/run/a.kernels.csv");
  EXPECT_EQ(tracer.offset, kEpoch);
  EXPECT_EQ(answer<control::Ack>().step, Step::kFinished);

  tracer.full = true;
  prepare.block = 2;
  send(prepare);
  meta();
  answer<control::Ack>();
  records_ = 0;
  send(control::Start{kEpoch.count() + 4'000'000'000, kEpoch.count() + 4'003'000'000});
  records();
  send(control::Finish{});
  EXPECT_EQ(end(output_.line()).kernels, std::nullopt);
  EXPECT_EQ(join().error().code, ErrorCode::kEnvironment);
}

TEST_F(ServeTest, KernelsThatNobodyTracesAreRefused) {
  start();
  answer<control::Ready>();
  control::Prepare prepare{1, "solo", "parked"};
  prepare.kernels = "/run/a.kernels.csv";
  send(prepare);
  EXPECT_EQ(join().error().code, ErrorCode::kBadInput);
}

TEST_F(ServeTest, ArrivalsStandInMetaWithAllTheirParameters) {
  workload::Trace trace;
  trace.rows = {{0, 10, 3}, {5'000'000, 20, 4}};
  trace.period_ns = 10'000'000;
  trace.failed = 7;
  spec_.arrival = {};
  spec_.arrival.process = workload::ArrivalProcess::kTrace;
  spec_.arrival.trace.file = "traces/t.csv";
  spec_.arrival.trace.scale = 2.5;
  spec_.trace = std::make_shared<const workload::Trace>(trace);
  start();
  answer<control::Ready>();
  send(control::Prepare{1, "solo", "parked", {}, 3});
  const auto head = meta();
  EXPECT_EQ(head.cycle, 3);
  EXPECT_EQ(head.arrival, "trace");
  EXPECT_EQ(head.rate_per_s, std::nullopt);
  EXPECT_EQ(head.trace, "traces/t.csv");
  EXPECT_EQ(head.trace_scale, 2.5);
  EXPECT_EQ(head.trace_wrap, true);
  EXPECT_EQ(head.trace_from_ns, 0);
  EXPECT_EQ(head.trace_length_ns, std::nullopt);
  EXPECT_EQ(head.trace_requests, 2U);
  EXPECT_EQ(head.trace_failed, 7U);
  EXPECT_EQ(answer<control::Ack>().step, Step::kPrepared);
  records_ = 0;
  send(control::Start{kEpoch.count() + 1'000'000'000, kEpoch.count() + 1'040'000'000});
  records();
  EXPECT_EQ(records_, 20U);
  send(control::Finish{});
  end(output_.line());
  answer<control::Ack>();
  send(control::Exit{});
  EXPECT_TRUE(join());
}

TEST_F(ServeTest, BlocksOfOneCycleSeeEqualArrivals) {
  spec_.arrival = {};
  spec_.arrival.process = workload::ArrivalProcess::kGamma;
  spec_.arrival.rate_per_s = 1000;
  spec_.arrival.cv = 2;
  start();
  answer<control::Ready>();
  std::vector<std::int64_t> first_due;
  for (const int cycle : {1, 1, 2}) {
    const auto block = static_cast<int>(first_due.size());
    send(control::Prepare{block, "solo", "parked", {}, cycle});
    meta();
    answer<control::Ack>();
    records_ = 0;
    const std::int64_t start_ns = std::int64_t{1'000'000'000} * (block + 1);
    send(control::Start{kEpoch.count() + start_ns, kEpoch.count() + start_ns + 100'000'000});
    records();
    send(control::Finish{});
    first_due.push_back(end(output_.line()).first_due_ns - kEpoch.count() - start_ns);
    answer<control::Ack>();
  }
  EXPECT_EQ(first_due[0], first_due[1]);
  EXPECT_NE(first_due[0], first_due[2]);
  send(control::Exit{});
  EXPECT_TRUE(join());
}

TEST_F(ServeTest, RequestsAreFollowedByTheirTokens) {
  engine_.output_tokens = 5;
  start();
  answer<control::Ready>();
  one_block(0, 1'000'000'000, 1'003'000'000);
  std::vector<record::Token> tokens;
  std::string line;
  while (!(line = output_.line()).starts_with("KTS_ACK")) {
    const auto parsed = record::parse_line(line);
    if (const auto* v2 = std::get_if<record::V2Record>(&parsed)) {
      last_ = v2->iteration;
      EXPECT_EQ(last_.output_tokens, 5);
      EXPECT_EQ(last_.first_token_ns, last_.gpu_start_ns + 2'000);
    } else {
      tokens.push_back(std::get<record::TokenRecord>(parsed).token);
      EXPECT_EQ(tokens.back().seq, last_.seq);
      EXPECT_EQ(tokens.back().index, (tokens.size() - 1) % 4 + 1);
    }
  }
  ASSERT_EQ(tokens.size(), 12U);
  EXPECT_EQ(tokens.back().done_ns, last_.gpu_end_ns);
  send(control::Finish{});
  const auto tail = end(output_.line());
  EXPECT_EQ(tail.iterations, 3U);
  EXPECT_EQ(tail.tokens, 12U);
  EXPECT_EQ(tail.tokens_emitted, 12U);
  answer<control::Ack>();
  send(control::Exit{});
  EXPECT_TRUE(join());
}

TEST_F(ServeTest, OneWorkerLivesThroughManyBlocks) {
  start();
  answer<control::Ready>();
  for (int block = 0; block < 3; ++block) {
    const std::int64_t start_ns = std::int64_t{1'000'000'000} * (block + 1);
    one_block(block, start_ns, start_ns + 100'000'000);
    records();
    EXPECT_EQ(records_, 100U);
    send(control::Finish{});
    EXPECT_EQ(end(output_.line()).device_cpu_ns, 100 * 10'000);
    EXPECT_EQ(answer<control::Ack>().block, block);
  }
  commands_.close_writer();
  EXPECT_TRUE(join());
}

TEST_F(ServeTest, DrainIsTheTimeFromTheStopToTheLastDone) {
  engine_.times = {0us, 1500us, 0us};  // requests every millisecond
  start();
  answer<control::Ready>();
  one_block(0, 1'000'000'000, 1'100'000'000);
  records();
  send(control::Finish{});
  const auto tail = end(output_.line());
  EXPECT_EQ(tail.drain_ns, last_.done_ns - tail.generation_stop_ns);
  EXPECT_GT(tail.drain_ns, 40'000'000);
  send(control::Exit{});
  answer<control::Ack>();
  EXPECT_TRUE(join());
}

TEST_F(ServeTest, EndCountsWhatWasGivenUpAndANextBlockIsNotConcerned) {
  engine_.times = {0us, 1500us, 0us};  // requests every millisecond
  start();
  answer<control::Ready>();
  pacing_.stop_at = at(1120ms);
  pacing_.request = StopRequest::kGiveUp;
  one_block(0, 1'000'000'000, 1'100'000'000);
  EXPECT_TRUE(records().starts_with("KTS_ACK,v1,{\"step\":\"drained\""));
  send(control::Finish{});
  const auto tail = end(output_.line());
  EXPECT_EQ(tail.iterations, records_);
  EXPECT_GT(tail.abandoned, 0U);
  EXPECT_EQ(tail.iterations + tail.abandoned, 100U);
  EXPECT_FALSE(tail.interrupted);
  answer<control::Ack>();
  send(control::GiveUp{});
  while (stop_.get() != StopRequest::kGiveUp) std::this_thread::yield();
  send(control::Prepare{1, "solo", "parked"});
  meta();
  answer<control::Ack>();
  EXPECT_EQ(stop_.get(), StopRequest::kNone);
  send(control::Exit{});
  EXPECT_TRUE(join());
}

TEST_F(ServeTest, StopEndsABlockAndANextOneIsNotConcerned) {
  spec_.arrival = {workload::ArrivalProcess::kSaturate, 0, 0ns};
  start();
  answer<control::Ready>();
  pacing_.stop_at = at(1050ms);
  pacing_.request = StopRequest::kStop;
  one_block(0, 1'000'000'000, 9'000'000'000);
  records();
  send(control::Finish{});
  const auto tail = end(output_.line());
  EXPECT_FALSE(tail.interrupted);
  EXPECT_LT(tail.generation_stop_ns, kEpoch.count() + 1'051'000'000);
  answer<control::Ack>();
  // Late in the channel: it belongs to the block before.
  send(control::Stop{});
  while (stop_.get() != StopRequest::kStop) std::this_thread::yield();
  send(control::Prepare{1, "solo", "parked"});
  meta();
  answer<control::Ack>();
  EXPECT_EQ(stop_.get(), StopRequest::kNone);
  send(control::Exit{});
  EXPECT_TRUE(join());
}

TEST_F(ServeTest, InterruptedBlockStillHasItsEnd) {
  start();
  answer<control::Ready>();
  pacing_.stop_at = at(1050ms);
  pacing_.request = StopRequest::kInterrupt;
  one_block(0, 1'000'000'000, 9'000'000'000);
  const auto tail = end(records());
  EXPECT_TRUE(tail.interrupted);
  EXPECT_EQ(tail.iterations, records_);
  EXPECT_TRUE(join());
}

TEST_F(ServeTest, DeviceFailureMidBlockIsReportedAfterItsEnd) {
  engine_.fails_at = 5 + 50;  // after the five timed ones of the warm-up
  start();
  answer<control::Ready>();
  one_block(0, 1'000'000'000, 2'000'000'000);
  const auto tail = end(records());
  EXPECT_EQ(tail.iterations, 49U);
  const auto status = join();
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().message, "the device fell off the bus");
}

TEST_F(ServeTest, ResultsThatAreNotFiniteEndTheWorker) {
  engine_.finite = false;
  start();
  answer<control::Ready>();
  one_block(0, 1'000'000'000, 1'010'000'000);
  records();
  send(control::Finish{});
  EXPECT_FALSE(end(output_.line()).finite);
  const auto status = join();
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kInternal);
}

TEST_F(ServeTest, CommandsOutOfOrderAreBadInput) {
  start();
  answer<control::Ready>();
  send(control::Start{kEpoch.count(), kEpoch.count() + 1});
  const auto status = join();
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kBadInput);
  EXPECT_EQ(status.error().message, "START out of order");
}

TEST_F(ServeTest, WrongResultIsToldBeforeReady) {
  class WrongEngine final : public FakeEngine {
   public:
    using FakeEngine::FakeEngine;
    Result<workload::Verification> verify() override {
      return fail(ErrorCode::kInternal, "the fft result is wrong");
    }
  };
  WrongEngine wrong(clock_, {3us, 10us, 2us});
  RecordWriter writer(output_.writer(), {}, stop_);
  Agent agent(spec_, wrong, pacing_, writer);
  const auto status = agent.warm_up(5);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kInternal);
}

}  // namespace
}  // namespace kts::worker::serve_test
