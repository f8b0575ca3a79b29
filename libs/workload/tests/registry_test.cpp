// SPDX-License-Identifier: Apache-2.0
#include "kts/workload/registry.hpp"

#include <gtest/gtest.h>

#include <string>

namespace kts::workload::registry_test {
namespace {

EngineSpec fft() {
  EngineSpec spec;
  spec.workload = complete("fft", {{"size", "16"}}).value();
  return spec;
}

TEST(Registry, DeviceWordsAreReadWhole) {
  EXPECT_EQ(choose_device("cpu")->kind, "cpu");
  EXPECT_EQ(choose_device("cuda")->ordinal, 0);
  EXPECT_EQ(choose_device("cuda:3")->ordinal, 3);
  for (const char* word :
       {"", "gpu", "CPU", "cuda:", "cuda:-1", "cuda:1x", "cuda:99999999999999"}) {
    const auto choice = choose_device(word);
    ASSERT_FALSE(choice) << word;
    EXPECT_EQ(choice.error().code, ErrorCode::kBadInput) << word;
  }
}

// No module lies beside this test.
TEST(Registry, AutoFallsToTheProcessorAndSaysWhy) {
  const auto choice = choose_device("auto");
  ASSERT_TRUE(choice);
  EXPECT_EQ(choice->kind, "cpu");
  EXPECT_NE(choice->reason.find("libkts_workload_cuda.so"), std::string::npos);
}

TEST(Registry, ExplicitCudaWithoutItsModuleIsAnEnvironmentError) {
  const auto engine = make_engine(fft(), "cuda");
  ASSERT_FALSE(engine);
  EXPECT_EQ(engine.error().code, ErrorCode::kEnvironment);
  EXPECT_NE(engine.error().hint.find("--device cpu"), std::string::npos);
}

TEST(Registry, SpecOutOfRangeIsBadInputThatNamesTheFlag) {
  const auto check = [](auto change, const char* flag) {
    EngineSpec spec = fft();
    change(spec);
    const auto engine = make_engine(spec, "cpu");
    ASSERT_FALSE(engine);
    EXPECT_EQ(engine.error().code, ErrorCode::kBadInput);
    EXPECT_EQ(engine.error().where, flag);
  };
  check([](EngineSpec& s) { s.in_flight = 0; }, "--in-flight");
  check([](EngineSpec& s) { s.threads = -1; }, "--threads");
  check([](EngineSpec& s) { s.workload = {}; }, "");
}

}  // namespace
}  // namespace kts::workload::registry_test
