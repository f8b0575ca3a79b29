// SPDX-License-Identifier: Apache-2.0
// Every workload on a GPU, in shapes that its kernels might stumble over. verify() compares what an
// iteration left with the same work done once more in parts, and the parts with a reference in
// double: all layers of models as small as these.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "kts/record/iteration.hpp"
#include "kts/workload/registry.hpp"

namespace kts::workload {
namespace {

using Parameters = std::vector<GivenParameter>;

struct Case {
  std::string name;
  std::string kind;
  Parameters parameters;
  int iterations = 3;
};

Parameters custom(const std::string& hidden, const std::string& heads, const std::string& kv_heads,
                  Parameters more) {
  Parameters all{{"model", "custom"}, {"layers", "3"},        {"hidden", hidden}, {"ffn", "712"},
                 {"heads", heads},    {"kv_heads", kv_heads}, {"vocab", "1003"}};
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

// The ratios of query to KV heads and head_dim: 64 with 1, 3, 8, 16; 128 with 2, 4, 7.
const std::vector<std::pair<std::string, std::vector<std::string>>> kHeads{
    {"Ratio1", {"256", "4", "4"}},    {"Ratio3", {"384", "6", "2"}}, {"Ratio8", {"512", "8", "1"}},
    {"Ratio16", {"1024", "16", "1"}}, {"Wide2", {"512", "4", "2"}},  {"Wide4", {"1024", "8", "2"}},
    {"Wide7", {"896", "7", "1"}},
};

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const char* tokens : {"1", "17", "64", "130", "2049", "5000"}) {
    all.push_back({std::string("PrefillOf") + tokens, "prefill", {{"tokens", tokens}}});
  }
  all.push_back({"PrefillOfABatch", "prefill", {{"tokens", "130"}, {"batch", "3"}}});
  all.push_back({"PrefillOfALargeBatch", "prefill", {{"tokens", "130"}, {"batch", "40"}}});
  for (const char* context : {"1", "63", "64", "1000"}) {
    for (const char* batch : {"1", "3", "8", "9", "33"}) {
      all.push_back({std::string("DecodeAt") + context + "OfBatch" + batch,
                     "decode",
                     {{"context", context}, {"batch", batch}}});
    }
  }
  all.push_back({"DecodeThatWraps", "decode", {{"context", "30"}}, 70});
  for (const auto& [name, h] : kHeads) {
    all.push_back({"Prefill" + name, "prefill", custom(h[0], h[1], h[2], {{"tokens", "201"}})});
    all.push_back({"Decode" + name, "decode",
                   custom(h[0], h[1], h[2], {{"context", "777"}, {"batch", "2"}})});
  }
  for (const char* input : {"1", "17", "130"}) {
    for (const char* output : {"1", "2", "9"}) {
      all.push_back({std::string("Request") + input + "To" + output,
                     "request",
                     {{"input", input}, {"output", output}}});
    }
  }
  all.push_back({"RequestOfManyTokens", "request", {{"input", "5000"}, {"output", "3"}}});
  for (const char* tokens : {"1", "17", "64", "200"}) {
    all.push_back(
        {std::string("EncoderOf") + tokens, "encoder", {{"tokens", tokens}, {"batch", "3"}}});
    all.push_back(
        {std::string("RerankOf") + tokens, "rerank", {{"tokens", tokens}, {"batch", "9"}}});
  }
  all.push_back({"EncoderOfALargeBatch", "encoder", {{"tokens", "200"}, {"batch", "50"}}});
  for (const auto& k : std::vector<std::vector<std::string>>{{"1", "8", "1"},
                                                             {"1000", "100", "10"},
                                                             {"2048", "64", "1024"},
                                                             {"5000", "771", "1000"},
                                                             {"300000", "128", "100"}}) {
    all.push_back(
        {"TopkOf" + k[0], "topk", {{"vectors", k[0]}, {"dimensions", k[1]}, {"k", k[2]}}});
  }
  for (const char* bytes : {"12", "100", "12582936"}) {
    all.push_back({std::string("MembwOf") + bytes, "membw", {{"bytes", bytes}}});
  }
  for (const char* bytes : {"4", "100", "1048588", "100000000"}) {
    all.push_back({std::string("L2Of") + bytes, "l2", {{"bytes", bytes}, {"sweeps", "3"}}});
  }
  for (const char* direction : {"h2d", "d2h", "both"}) {
    all.push_back({std::string("Copy") + direction, "copy", {{"direction", direction}}});
  }
  all.push_back({"LaunchOne", "launch", {{"count", "1"}}});
  all.push_back({"LaunchMany", "launch", {{"count", "1000"}}});
  all.push_back({"HoldOneByte", "idle-hold", {{"bytes", "1"}}});
  all.push_back({"HoldMuch", "idle-hold", {{"bytes", "1GiB"}}});
  all.push_back({"GrowToItsLimit", "grow", {{"step", "1MiB"}, {"limit", "8MiB"}}, 20});
  // Launch by launch and as a graph.
  std::vector<Case> graphs;
  for (const Case& eager : all) {
    const auto& parameters = find_workload(eager.kind)->parameters;
    if (std::ranges::none_of(parameters, [](const auto& p) { return p.name == "launch"; }))
      continue;
    Case graph = eager;
    graph.name += "AsAGraph";
    graph.parameters.push_back({"launch", "graph"});
    graphs.push_back(std::move(graph));
  }
  all.insert(all.end(), graphs.begin(), graphs.end());
  return all;
}

bool gpu_is_there() { return choose_device("auto").value().kind == "cuda"; }

class CudaWorkloadTest : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    if (!gpu_is_there()) GTEST_SKIP() << "no CUDA device: " << choose_device("auto").value().reason;
  }
};

TEST_P(CudaWorkloadTest, ResultsAgreeWithTheReference) {
  EngineSpec spec;
  auto workload = complete(GetParam().kind, GetParam().parameters);
  ASSERT_TRUE(workload) << to_line(workload.error());
  spec.workload = *std::move(workload);
  spec.seed = 5;
  auto engine = make_engine(spec, "cuda");
  ASSERT_TRUE(engine) << to_line(engine.error());
  const Status warm = (*engine)->warm_up(GetParam().iterations);
  ASSERT_TRUE(warm) << to_line(warm.error());
  const auto verification = (*engine)->verify();
  ASSERT_TRUE(verification) << to_line(verification.error());
  EXPECT_TRUE((*engine)->results_finite().value());
  // And again: the check leaves everything as it was.
  (*engine)->submit(0, {});
  (*engine)->wait(0);
  const DeviceSpan span = (*engine)->span(0);
  if (GetParam().kind == "idle-hold") {
    EXPECT_EQ(span.start_ns, record::kUnavailable);
    EXPECT_EQ(span.end_ns, record::kUnavailable);
  } else {
    EXPECT_GT(span.end_ns, span.start_ns);
  }
  const auto again = (*engine)->verify();
  ASSERT_TRUE(again) << to_line(again.error());
  EXPECT_TRUE((*engine)->status());
  RecordProperty("relative_error", std::to_string(verification->relative_error));
}

INSTANTIATE_TEST_SUITE_P(Shapes, CudaWorkloadTest, testing::ValuesIn(cases()),
                         [](const auto& parameter) { return parameter.param.name; });

class CudaRequestTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!gpu_is_there()) GTEST_SKIP() << "no CUDA device";
  }
};

TEST_F(CudaRequestTest, TokensAreStampedOneAfterTheOtherWithinTheIteration) {
  EngineSpec spec;
  spec.workload =
      complete("request", {{"input", "16"}, {"output", "4"}, {"max_context", "128"}}).value();
  auto engine = make_engine(spec, "cuda").value();
  ASSERT_TRUE(engine->warm_up(3));
  EXPECT_EQ(engine->token_times(0).size(), 4U);
  const auto bound = engine->calibrate().value().bound_ns;
  // Zero is the workload's own number; beyond max_context a request is cut.
  for (const auto& [shape, tokens] : std::vector<std::pair<RequestShape, std::size_t>>{
           {{}, 4}, {{100, 1}, 1}, {{1, 40}, 40}, {{100, 100}, 28}, {{1000, 5}, 1}}) {
    const std::int64_t submit = MonotonicTimeline::now().time_since_epoch().count();
    engine->submit(0, shape);
    engine->wait(0);
    const std::int64_t done = MonotonicTimeline::now().time_since_epoch().count();
    const auto times = engine->token_times(0);
    ASSERT_EQ(times.size(), tokens);
    EXPECT_TRUE(std::ranges::is_sorted(times));
    EXPECT_GE(times.front(), submit);
    EXPECT_LE(times.back(), done);
    const DeviceSpan span = engine->span(0);
    EXPECT_GE(span.start_ns, submit - bound - 1000);
    EXPECT_LE(span.end_ns, times.back() + bound + 1000);
    EXPECT_GT(span.end_ns, span.start_ns);
  }
  EXPECT_TRUE(engine->status());
}

TEST_F(CudaRequestTest, MoreThanOneInFlightIsBadInput) {
  EngineSpec spec;
  spec.workload = complete("request").value();
  spec.in_flight = 2;
  const auto engine = make_engine(spec, "cuda");
  ASSERT_FALSE(engine);
  EXPECT_EQ(engine.error().code, ErrorCode::kBadInput);
}

TEST_F(CudaRequestTest, ShapesWithoutAttentionKernelsAreBadInput) {
  EngineSpec spec;
  spec.workload = complete("decode", custom("256", "8", "8", {})).value();  // head_dim 32
  const auto engine = make_engine(spec, "cuda");
  ASSERT_FALSE(engine);
  EXPECT_EQ(engine.error().code, ErrorCode::kBadInput);
  EXPECT_NE(engine.error().message.find("head_dim of 32"), std::string::npos);
}

TEST_F(CudaRequestTest, OnlyAlgorithmsThatRunAreTold) {
  const auto told = [](const char* batch) {
    EngineSpec spec;
    spec.workload = complete("decode", {{"batch", batch}, {"context", "64"}}).value();
    return make_engine(spec, "cuda").value()->algorithms();
  };
  EXPECT_EQ(told("8"), "");
  EXPECT_NE(told("9"), "");
}

TEST_F(CudaRequestTest, GrowthEndsWhenTheDeviceRefusesAndTheAgentGoesOn) {
  EngineSpec spec;
  spec.workload = complete("grow", {{"step", "8GiB"}, {"limit", "8192GiB"}}).value();
  auto engine = make_engine(spec, "cuda").value();
  ASSERT_TRUE(engine->warm_up(3));
  for (int i = 0; i < 1000 && !engine->growth()->refused_bytes; ++i) {
    engine->submit(0, {});
    engine->wait(0);
  }
  EXPECT_TRUE(engine->status());
  EXPECT_EQ(engine->growth()->refused_bytes, std::uint64_t{8} << 30);
  EXPECT_GE(engine->growth()->held_bytes, std::uint64_t{8} << 30);
  EXPECT_TRUE(engine->verify());
}

TEST_F(CudaRequestTest, AModelBeyondTheCardsMemoryIsRefusedWithBothSizes) {
  EngineSpec spec;
  spec.workload =
      complete("decode", {{"model", "llama-3.1-8b"}, {"context", "131072"}, {"batch", "4096"}})
          .value();
  const auto engine = make_engine(spec, "cuda");
  ASSERT_FALSE(engine);
  EXPECT_EQ(engine.error().code, ErrorCode::kEnvironment);
  EXPECT_NE(engine.error().message.find("free"), std::string::npos) << engine.error().message;
}

}  // namespace
}  // namespace kts::workload
