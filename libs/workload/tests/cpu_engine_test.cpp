// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sched.h>

#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "kts/base/clock.hpp"
#include "kts/workload/registry.hpp"

namespace kts::workload::cpu_engine_test {
namespace {

std::int64_t now_ns() { return MonotonicTimeline::now().time_since_epoch().count(); }

int first_allowed_core() {
  cpu_set_t set;
  CPU_ZERO(&set);
  EXPECT_EQ(sched_getaffinity(0, sizeof set, &set), 0);
  int core = 0;
  while (!CPU_ISSET(static_cast<unsigned>(core), &set)) ++core;
  return core;
}

EngineSpec small(const std::string& kind) {
  EngineSpec spec;
  spec.workload = complete(kind, {{"size", "48"}}).value();
  return spec;
}

class CpuEngineModes : public testing::TestWithParam<std::tuple<const char*, SyncMode, int>> {
 protected:
  [[nodiscard]] static EngineSpec spec() {
    EngineSpec spec = small(std::get<0>(GetParam()));
    spec.sync = std::get<1>(GetParam());
    spec.in_flight = std::get<2>(GetParam());
    return spec;
  }
};
INSTANTIATE_TEST_SUITE_P(All, CpuEngineModes,
                         testing::Combine(testing::Values("fft", "gemm"),
                                          testing::Values(SyncMode::kSpin, SyncMode::kBlock),
                                          testing::Values(1, 3)));

TEST_P(CpuEngineModes, ResultIsVerifiedAgainstTheReference) {
  auto engine = make_engine(spec(), "cpu");
  ASSERT_TRUE(engine) << engine.error().message;
  ASSERT_TRUE((*engine)->warm_up(5));
  const auto verification = (*engine)->verify();
  ASSERT_TRUE(verification) << verification.error().message;
  EXPECT_LT(verification->relative_error, verification->tolerance);
  EXPECT_TRUE((*engine)->results_finite().value());
}

TEST_P(CpuEngineModes, DeviceInstantsLieInOrderBetweenSubmitAndDone) {
  auto engine = make_engine(spec(), "cpu");
  ASSERT_TRUE(engine);
  std::int64_t last_end = 0;
  for (int round = 0; round < 20; ++round) {
    const std::int64_t submit = now_ns();
    for (int slot = 0; slot < spec().in_flight; ++slot) (*engine)->submit(slot, {});
    for (int slot = 0; slot < spec().in_flight; ++slot) {
      (*engine)->wait(slot);
      const std::int64_t done = now_ns();
      const DeviceSpan span = (*engine)->span(slot);
      EXPECT_LE(submit, span.start_ns);
      EXPECT_LE(last_end, span.start_ns);
      EXPECT_LE(span.start_ns, span.end_ns);
      EXPECT_LE(span.end_ns, done);
      last_end = span.end_ns;
    }
  }
}

TEST(CpuEngine, ClockNeedsNoMapping) {
  auto engine = make_engine(small("fft"), "cpu");
  ASSERT_TRUE(engine);
  const auto calibration = (*engine)->calibrate();
  ASSERT_TRUE(calibration);
  EXPECT_EQ(calibration->bound_ns, 0);
}

TEST(CpuEngine, DeviceIsNamedByItsCore) {
  EngineSpec spec = small("fft");
  auto loose = make_engine(spec, "cpu");
  spec.device_core = first_allowed_core();
  auto pinned = make_engine(spec, "cpu");
  ASSERT_TRUE(loose && pinned);
  EXPECT_EQ((*loose)->device().uuid, "cpu");
  EXPECT_EQ((*pinned)->device().uuid, "cpu:" + std::to_string(spec.device_core));
  EXPECT_EQ((*pinned)->device().kind, "cpu");
  EXPECT_FALSE((*pinned)->device().name.empty());
}

TEST(CpuEngine, WorkIsChargedToTheDeviceThread) {
  auto engine = make_engine(small("gemm"), "cpu");
  ASSERT_TRUE(engine);
  const std::int64_t before = (*engine)->device_cpu_ns();
  ASSERT_TRUE((*engine)->warm_up(50));
  EXPECT_GT((*engine)->device_cpu_ns(), before);
}

TEST(CpuEngine, OperandBytesCountEveryArray) {
  auto fft = make_engine(small("fft"), "cpu");
  auto gemm = make_engine(small("gemm"), "cpu");
  ASSERT_TRUE(fft && gemm);
  EXPECT_EQ((*fft)->operand_bytes(), 48U * 48U * 16U);
  EXPECT_EQ((*gemm)->operand_bytes(), 48U * 48U * 12U);
}

TEST(CpuEngine, TwoThreadsComputeTheSame) {
  for (const char* kind : {"fft", "gemm"}) {
    EngineSpec spec = small(kind);
    spec.threads = 2;
    auto engine = make_engine(spec, "cpu");
    ASSERT_TRUE(engine) << engine.error().message;
    EXPECT_TRUE((*engine)->verify());
  }
}

TEST(CpuEngine, OperandsThatDoNotFitAreAnEnvironmentError) {
  EngineSpec spec;
  spec.workload = complete("fft", {{"size", std::to_string(kMaxSize)}}).value();  // 16 TiB
  const auto engine = make_engine(spec, "cpu");
  ASSERT_FALSE(engine);
  EXPECT_EQ(engine.error().code, ErrorCode::kEnvironment);
  EXPECT_NE(engine.error().message.find("17592186044416 bytes"), std::string::npos);
}

TEST(CpuEngine, CoreThatIsNotThereIsAnEnvironmentError) {
  EngineSpec spec = small("fft");
  for (const int core : {1000, 1'000'000}) {
    spec.device_core = core;
    const auto engine = make_engine(spec, "cpu");
    ASSERT_FALSE(engine);
    EXPECT_EQ(engine.error().code, ErrorCode::kEnvironment);
    EXPECT_NE(engine.error().message.find(std::to_string(core)), std::string::npos);
  }
}

TEST(CpuEngine, ThreadsOnOneCoreAreBadInput) {
  EngineSpec spec = small("fft");
  spec.threads = 2;
  spec.device_core = first_allowed_core();
  EXPECT_EQ(make_engine(spec, "cpu").error().code, ErrorCode::kBadInput);
}

// Every kind, small, some of them in a shape that differs from the default in all that can.
const std::vector<std::pair<const char*, std::vector<GivenParameter>>> kKinds{
    {"fft", {{"size", "30"}}},
    {"gemm", {{"size", "30"}}},
    {"prefill", {{"tokens", "1"}}},
    {"prefill", {{"tokens", "5"}, {"batch", "3"}}},
    {"decode", {{"context", "7"}}},
    {"decode", {{"context", "30"}, {"batch", "3"}}},
    {"request", {{"input", "6"}, {"output", "3"}}},
    {"request", {{"input", "3"}, {"output", "1"}}},
    {"encoder", {{"tokens", "9"}, {"batch", "2"}}},
    {"rerank", {{"tokens", "9"}, {"batch", "3"}}},
    {"topk", {{"vectors", "300"}, {"dimensions", "20"}, {"k", "7"}}},
    {"topk", {{"vectors", "5"}, {"dimensions", "1"}, {"k", "5"}}},
    {"membw", {{"bytes", "12"}}},
    {"membw", {{"bytes", "100KiB"}}},
    {"l2", {{"bytes", "9999"}, {"sweeps", "3"}}},
    {"copy", {{"bytes", "9999"}}},
    {"copy", {{"bytes", "64KiB"}, {"direction", "both"}}},
    {"launch", {{"count", "1"}}},
    {"launch", {{"count", "20"}}},
    {"idle-hold", {{"bytes", "10000"}}},
    {"grow", {{"step", "10000"}, {"limit", "30000"}}},
};

class CpuEngineKinds : public testing::TestWithParam<std::size_t> {
 protected:
  [[nodiscard]] static EngineSpec spec(std::uint64_t seed) {
    EngineSpec spec;
    const auto& [kind, given] = kKinds[GetParam()];
    spec.workload = complete(kind, given).value();
    spec.in_flight = 2;
    spec.seed = seed;
    return spec;
  }
};
INSTANTIATE_TEST_SUITE_P(All, CpuEngineKinds, testing::Range(std::size_t{0}, kKinds.size()));

TEST_P(CpuEngineKinds, ResultIsVerifiedAgainstTheReference) {
  auto engine = make_engine(spec(1), "cpu");
  ASSERT_TRUE(engine) << to_line(engine.error());
  ASSERT_TRUE((*engine)->warm_up(5));
  const auto v = (*engine)->verify();
  ASSERT_TRUE(v) << describe(spec(1).workload) << ": " << v.error().message;
  EXPECT_LE(v->relative_error, v->tolerance);
  EXPECT_TRUE((*engine)->results_finite().value());
  // Further iterations leave what can be verified again.
  for (int i = 0; i < 4; ++i) {
    (*engine)->submit(i % 2, {});
    (*engine)->wait(i % 2);
    const DeviceSpan span = (*engine)->span(i % 2);
    EXPECT_LE(span.start_ns, span.end_ns);
  }
  EXPECT_TRUE((*engine)->verify());
}

TEST_P(CpuEngineKinds, SameSeedGivesTheSameChecksum) {
  const auto checksum = [](std::uint64_t seed) {
    auto engine = make_engine(spec(seed), "cpu").value();
    EXPECT_TRUE(engine->warm_up(1));
    return engine->verify().value().checksum;
  };
  EXPECT_EQ(checksum(9), checksum(9));
}

TEST(CpuRequest, EachTokenIsStampedInOrderWithinTheIteration) {
  EngineSpec spec;
  spec.workload = complete("request", {{"input", "4"}, {"output", "5"}}).value();
  spec.in_flight = 2;
  auto engine = make_engine(spec, "cpu").value();
  engine->submit(0, {});
  engine->submit(1, {2, 3});
  engine->wait(0);
  engine->wait(1);
  ASSERT_EQ(engine->token_times(0).size(), 5U);
  ASSERT_EQ(engine->token_times(1).size(), 3U);
  for (const int slot : {0, 1}) {
    std::int64_t last = engine->span(slot).start_ns;
    for (const std::int64_t time : engine->token_times(slot)) {
      EXPECT_LE(last, time);
      last = time;
    }
    EXPECT_LE(last, engine->span(slot).end_ns);
  }
}

TEST(CpuRequest, ShapeIsCutToTheRoomOfTheCache) {
  const auto request =
      complete("request", {{"input", "4"}, {"output", "5"}, {"max_context", "12"}}).value();
  const auto shape = [&](std::int64_t input, std::int64_t output) {
    const RequestShape found = fitted({input, output}, request);
    return std::pair(found.input_tokens, found.output_tokens);
  };
  EXPECT_EQ(shape(0, 0), std::pair(std::int64_t{4}, std::int64_t{5}));
  EXPECT_EQ(shape(8, 4), std::pair(std::int64_t{8}, std::int64_t{4}));
  EXPECT_EQ(shape(8, 100), std::pair(std::int64_t{8}, std::int64_t{4}));
  EXPECT_EQ(shape(100, 100), std::pair(std::int64_t{11}, std::int64_t{1}));
  EngineSpec spec;
  spec.workload = request;
  auto engine = make_engine(spec, "cpu").value();
  engine->submit(0, {100, 100});
  engine->wait(0);
  EXPECT_EQ(engine->token_times(0).size(), 1U);
}

TEST(CpuDecode, CacheGrowsAndWrapsBack) {
  EngineSpec spec;
  spec.workload = complete("decode", {{"context", "3"}}).value();
  auto engine = make_engine(spec, "cpu").value();
  ASSERT_TRUE(engine->warm_up(2 * 64 + 5));
  EXPECT_TRUE(engine->verify());
}

TEST(CpuGrow, TakesStepsUntilItIsRefusedAndGoesOn) {
  EngineSpec spec;
  spec.workload = complete("grow", {{"step", "8KiB"}, {"limit", "20KiB"}}).value();
  auto engine = make_engine(spec, "cpu").value();
  const auto after = [&](int iterations) {
    EXPECT_TRUE(engine->warm_up(iterations));
    return engine->growth().value();
  };
  EXPECT_EQ(engine->growth()->held_bytes, 0U);
  EXPECT_EQ(after(2).held_bytes, 16U << 10);
  EXPECT_EQ(engine->growth()->refused_bytes, std::nullopt);
  EXPECT_EQ(after(3).held_bytes, 16U << 10);
  EXPECT_EQ(engine->growth()->refused_bytes, 8U << 10);
  EXPECT_TRUE(engine->verify());
}

TEST(CpuEngine, OtherKindsHaveNoTokensAndDoNotGrow) {
  auto engine = make_engine(small("fft"), "cpu").value();
  engine->submit(0, {});
  engine->wait(0);
  EXPECT_TRUE(engine->token_times(0).empty());
  EXPECT_FALSE(engine->growth());
}

}  // namespace
}  // namespace kts::workload::cpu_engine_test
