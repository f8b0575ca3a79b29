// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sched.h>

#include <string>
#include <tuple>

#include "kts/base/clock.hpp"
#include "kts/workload/registry.hpp"

namespace kts::workload {
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

}  // namespace
}  // namespace kts::workload
