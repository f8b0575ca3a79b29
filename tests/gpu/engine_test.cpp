// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <string>

#include "kts/record/iteration.hpp"
#include "kts/workload/registry.hpp"

namespace kts::workload {
namespace {

class CudaEngineTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (choose_device("auto").value().kind != "cuda") {
      GTEST_SKIP() << "no CUDA device: " << choose_device("auto").value().reason;
    }
  }
};

TEST_P(CudaEngineTest, AgreesWithTheCpuBackend) {
  EngineSpec spec;
  spec.workload = complete(GetParam(), {{"size", "512"}}).value();
  spec.seed = 7;
  double checksums[2] = {};
  int i = 0;
  for (const char* device : {"cpu", "cuda"}) {
    auto engine = make_engine(spec, device);
    ASSERT_TRUE(engine) << to_line(engine.error());
    ASSERT_TRUE((*engine)->warm_up(2));
    const auto verification = (*engine)->verify();
    ASSERT_TRUE(verification) << to_line(verification.error());
    checksums[i++] = verification->checksum;
  }
  EXPECT_NEAR(checksums[1] / checksums[0], 1, 1e-5);
}

TEST_P(CudaEngineTest, DeviceInstantsLieBetweenSubmitAndDone) {
  EngineSpec spec;
  spec.workload = complete(GetParam(), {{"size", "1024"}}).value();
  spec.in_flight = 4;
  auto engine = make_engine(spec, "cuda").value();
  ASSERT_TRUE(engine->warm_up(5));
  ASSERT_TRUE(engine->verify());
  const auto before = engine->calibrate().value();
  for (int round = 0; round < 200; ++round) {
    const std::int64_t submit = MonotonicTimeline::now().time_since_epoch().count();
    for (int slot = 0; slot < 4; ++slot) engine->submit(slot, {});
    for (int slot = 0; slot < 4; ++slot) engine->wait(slot);
    const std::int64_t done = MonotonicTimeline::now().time_since_epoch().count();
    std::int64_t previous_end = submit;
    for (int slot = 0; slot < 4; ++slot) {
      const DeviceSpan span = engine->span(slot);
      EXPECT_GE(span.start_ns, previous_end - 2 * before.bound_ns - 100);
      EXPECT_GT(span.end_ns, span.start_ns);
      EXPECT_LE(span.end_ns, done + 2 * before.bound_ns + 100);
      previous_end = span.end_ns;
    }
  }
  EXPECT_TRUE(engine->status());
  EXPECT_TRUE(engine->results_finite().value());
  EXPECT_LE(engine->calibrate().value().bound_ns, 5000);
}

TEST_P(CudaEngineTest, OperandsBeyondTheCardsMemoryAreRefusedWithBothSizes) {
  EngineSpec spec;
  spec.workload = complete(GetParam(), {{"size", "262144"}}).value();  // 550 GB an array
  const auto engine = make_engine(spec, "cuda");
  ASSERT_FALSE(engine);
  EXPECT_EQ(engine.error().code, ErrorCode::kEnvironment);
  EXPECT_NE(engine.error().message.find("free"), std::string::npos) << engine.error().message;
}

TEST_P(CudaEngineTest, AbsentOrdinalNamesThoseThatAreThere) {
  EngineSpec spec;
  spec.workload = complete(GetParam()).value();
  const auto engine = make_engine(spec, "cuda:99");
  ASSERT_FALSE(engine);
  EXPECT_EQ(engine.error().code, ErrorCode::kEnvironment);
  EXPECT_NE(engine.error().message.find("99"), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Workloads, CudaEngineTest, testing::Values("fft", "gemm"),
                         [](const auto& parameter) { return std::string(parameter.param); });

}  // namespace
}  // namespace kts::workload
