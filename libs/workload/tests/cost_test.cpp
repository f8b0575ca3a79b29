// SPDX-License-Identifier: Apache-2.0
#include "kts/workload/cost.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace kts::workload::cost_test {
namespace {

WorkloadSpec spec_of(const char* kind, const std::vector<GivenParameter>& given = {}) {
  return complete(kind, given).value();
}

// The published shapes' figures: bytes of weights that a token reads in bf16, and bytes that it
// leaves in the cache.
TEST(Cost, DecodeStepReadsThePublishedWeightsAndCache) {
  struct Case {
    const char* model;
    double gigabytes;
    double kib_a_token;
  };
  for (const Case& c : {Case{"llama-3.2-1b", 2.5, 32}, Case{"llama-3.2-3b", 6.4, 112},
                        Case{"qwen2.5-7b", 14.1, 56}, Case{"llama-3.1-8b", 15.0, 128}}) {
    const auto at = [&](const char* context) {
      return cost_of(spec_of("decode", {{"model", c.model}, {"context", context}}), "cuda");
    };
    const double kv = (at("1025").bytes_read - at("1").bytes_read) / 1024;
    EXPECT_DOUBLE_EQ(kv / 1024, c.kib_a_token) << c.model;
    EXPECT_NEAR((at("1").bytes_read - 2 * kv) * 1e-9, c.gigabytes, 0.05) << c.model;
  }
}

TEST(Cost, LongContextOfEightBillionReadsAGigabyteOfCache) {
  const Cost with =
      cost_of(spec_of("decode", {{"model", "llama-3.1-8b"}, {"context", "8191"}}), "cuda");
  const Cost without =
      cost_of(spec_of("decode", {{"model", "llama-3.1-8b"}, {"context", "1"}}), "cuda");
  EXPECT_NEAR((with.bytes_read - without.bytes_read) * 1e-9, 1.07, 0.005);
}

TEST(Cost, MatricesAreThePublishedOnes) {
  const Cost cost = cost_of(spec_of("decode", {{"model", "llama-3.1-8b"}}), "cuda");
  const auto text = [&](std::size_t i) {
    const WeightMatrix& m = cost.matrices.at(i);
    return m.name + " " + std::to_string(m.rows) + "x" + std::to_string(m.columns) + " x" +
           std::to_string(m.count);
  };
  ASSERT_EQ(cost.matrices.size(), 5U);
  EXPECT_EQ(text(0), "qkv 6144x4096 x32");
  EXPECT_EQ(text(1), "out 4096x4096 x32");
  EXPECT_EQ(text(2), "gate+up 28672x4096 x32");
  EXPECT_EQ(text(3), "down 4096x14336 x32");
  EXPECT_EQ(text(4), "head 128256x4096 x1");
  EXPECT_EQ(cost_of(spec_of("encoder"), "cuda").matrices.size(), 4U);
  EXPECT_EQ(cost_of(spec_of("rerank"), "cuda").matrices.back().rows, 1);
}

TEST(Cost, FloorsOfThePublishedShapesOnAnH200) {
  const auto floor_ms = [](const char* kind, const std::vector<GivenParameter>& given) {
    return roofline(cost_of(spec_of(kind, given), "cuda"), 989, 4800).floor_s() * 1e3;
  };
  EXPECT_NEAR(floor_ms("decode", {{"model", "llama-3.1-8b"}, {"context", "1"}}), 3.1, 0.05);
  EXPECT_NEAR(floor_ms("decode", {{"model", "llama-3.2-1b"}, {"context", "1"}}), 0.51, 0.01);
  // 50 ms at 60 % of the peak.
  EXPECT_NEAR(floor_ms("prefill", {{"model", "llama-3.1-8b"}, {"tokens", "2048"}}) / 0.6, 50, 2);
}

TEST(Cost, RequestIsItsPrefillAndItsSteps) {
  const auto request = cost_of(spec_of("request", {{"input", "8"}, {"output", "3"}}), "cpu");
  const auto prefill = cost_of(spec_of("prefill", {{"tokens", "8"}}), "cpu");
  const auto first = cost_of(spec_of("decode", {{"context", "8"}}), "cpu");
  const auto second = cost_of(spec_of("decode", {{"context", "9"}}), "cpu");
  EXPECT_DOUBLE_EQ(request.flops, prefill.flops + first.flops + second.flops);
  EXPECT_DOUBLE_EQ(request.bytes(), prefill.bytes() + first.bytes() + second.bytes());
}

TEST(Cost, StudysWorkloads) {
  const Cost gemm = cost_of(spec_of("gemm"), "cuda");
  EXPECT_DOUBLE_EQ(gemm.flops, 2.0 * 4096 * 4096 * 4096);
  EXPECT_DOUBLE_EQ(gemm.bytes(), 3.0 * 4096 * 4096 * 4);
  EXPECT_NEAR(gemm.intensity().value(), 682.7, 0.1);
  const Cost fft = cost_of(spec_of("fft"), "cuda");
  EXPECT_DOUBLE_EQ(fft.flops, 5.0 * 4096 * 4096 * 24);
  EXPECT_DOUBLE_EQ(fft.bytes(), 2.0 * 4096 * 4096 * 8);
}

TEST(Cost, FlatScanOfAMillionVectors) {
  const Cost scan =
      cost_of(spec_of("topk", {{"vectors", "1000000"}, {"dimensions", "768"}}), "cuda");
  EXPECT_NEAR(scan.bytes_read * 1e-9, 1.5, 0.05);
}

TEST(Cost, WhatMovesOrDoesNothingSaysSo) {
  EXPECT_DOUBLE_EQ(cost_of(spec_of("membw", {{"bytes", "12MiB"}}), "cuda").bytes(), 12 << 20);
  EXPECT_DOUBLE_EQ(
      cost_of(spec_of("copy", {{"bytes", "1MiB"}, {"direction", "both"}}), "cuda").bytes_written,
      2 << 20);
  EXPECT_EQ(cost_of(spec_of("launch", {{"count", "7"}}), "cuda").launches, 7);
  const Cost nothing = cost_of(spec_of("idle-hold"), "cuda");
  EXPECT_EQ(nothing.launches, 0);
  EXPECT_EQ(nothing.intensity(), std::nullopt);
  EXPECT_EQ(cost_of(spec_of("decode"), "cuda").launches, std::nullopt);
}

TEST(Memory, MatrixProductsOnAGpuHaveAWorkspace) {
  EXPECT_EQ(memory_of(spec_of("gemm"), "cuda").workspace, kProductWorkspaceBytes);
  EXPECT_EQ(memory_of(spec_of("encoder"), "cuda").workspace, kProductWorkspaceBytes);
  EXPECT_EQ(memory_of(spec_of("fft"), "cuda").workspace, 0U);
  EXPECT_EQ(memory_of(spec_of("gemm"), "cpu").workspace, 0U);
  // As a worker on an H200 said: three matrices and the workspace.
  EXPECT_EQ(memory_of(spec_of("gemm", {{"size", "4096"}}), "cuda").total(), 234'881'024U);
}

TEST(Memory, LongPrefillPassesAGpuInPieces) {
  const auto activations = [](const char* tokens, const char* device) {
    return memory_of(spec_of("prefill", {{"model", "tiny"}, {"tokens", tokens}}), device)
        .activations;
  };
  EXPECT_EQ(activations("16384", "cuda"), activations("4096", "cuda"));
  EXPECT_GT(activations("16384", "cpu"), activations("4096", "cpu"));
}

TEST(Memory, CopyHoldsOneBufferOnAGpuAndBothSidesOnACpu) {
  const auto copy = spec_of("copy", {{"bytes", "1MiB"}, {"direction", "both"}});
  EXPECT_EQ(memory_of(copy, "cuda").total(), 2U << 20);
  EXPECT_EQ(memory_of(copy, "cpu").total(), 4U << 20);
}

}  // namespace
}  // namespace kts::workload::cost_test
