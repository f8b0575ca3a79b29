// SPDX-License-Identifier: Apache-2.0
#include "kts/workload/registry.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "kts/workload/limits.hpp"
#include "kts/workload/model.hpp"

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

TEST(Registry, WhatNoCudaEngineCanDoIsToldBeforeTheModuleIsLookedFor) {
  const auto refused = [](std::string_view kind, std::vector<GivenParameter> given, int in_flight) {
    EngineSpec spec;
    spec.workload = complete(kind, given).value();
    spec.in_flight = in_flight;
    EXPECT_FALSE(problem_on("cpu", spec.workload, in_flight));
    const auto engine = make_engine(spec, "cuda");
    EXPECT_FALSE(engine);
    EXPECT_EQ(engine.error().code, ErrorCode::kBadInput);
    return to_line(engine.error());
  };
  std::vector<GivenParameter> narrow{{"model", "custom"}, {"layers", "1"}, {"hidden", "256"},
                                     {"ffn", "64"},       {"heads", "8"},  {"kv_heads", "8"},
                                     {"vocab", "64"}};
  for (const char* kind : {"prefill", "decode", "request", "encoder", "rerank"}) {
    EXPECT_EQ(refused(kind, narrow, 1),
              "--hidden: a head_dim of 32 (hidden / heads) isn't one that a GPU has attention for; "
              "choose hidden and heads so that it is 64 or 128, or take device cpu");
  }
  EXPECT_EQ(refused("request", {}, 2),
            "--in-flight: 2 requests in flight: on a GPU one is driven token by token and has the "
            "KV cache alone; choose 1, or several agents");
}

TEST(Registry, EveryModelByNameRunsOnAGpu) {
  for (const ModelShape& model : models()) {
    const char* const kind = model.causal ? "decode" : "encoder";
    const auto spec = complete(kind, {{"model", std::string(model.name)}}).value();
    EXPECT_FALSE(problem_on("cuda", spec, 4)) << model.name;
  }
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
