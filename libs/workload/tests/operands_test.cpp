// SPDX-License-Identifier: Apache-2.0
#include "kts/workload/operands.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace kts::workload::operands_test {
namespace {

TEST(Operands, LieInTheHalfOpenUnitIntervalAndSpreadEvenly) {
  const OperandStream stream(42, 0);
  double sum = 0;
  double squares = 0;
  constexpr int kCount = 100'000;
  for (std::uint64_t i = 0; i < kCount; ++i) {
    const float x = stream[i];
    ASSERT_GE(x, -1.0F);
    ASSERT_LT(x, 1.0F);
    sum += static_cast<double>(x);
    squares += static_cast<double>(x) * static_cast<double>(x);
  }
  EXPECT_NEAR(sum / kCount, 0, 0.01);
  EXPECT_NEAR(squares / kCount, 1.0 / 3, 0.01);
}

// Values fixed: every backend and release must compute on the same operands.
TEST(Operands, SeedGivesTheseNumbersEverywhere) {
  const OperandStream stream(1, 0);
  EXPECT_EQ(stream[0], 0x1.71868p-5F);
  EXPECT_EQ(stream[1], -0x1.b569fp-2F);
  EXPECT_EQ(stream[std::uint64_t{1} << 40], -0x1.36549p-2F);
}

TEST(Operands, StreamsAndSeedsDiffer) {
  EXPECT_NE(gemm_a_stream(1)[0], gemm_b_stream(1)[0]);
  EXPECT_NE(gemm_a_stream(1)[0], gemm_a_stream(2)[0]);
}

TEST(Operands, AnyStretchIsComputableOnItsOwn) {
  const OperandStream stream(3, 1);
  std::vector<float> all(100);
  std::vector<float> tail(10);
  stream.fill(all);
  stream.fill(tail, 90);
  for (std::size_t i = 0; i < tail.size(); ++i) EXPECT_EQ(tail[i], all[90 + i]);
}

TEST(Operands, FftOperandTakesPairsOfTheStream) {
  const auto operand = fft_operand(4, 9);
  ASSERT_EQ(operand.size(), 16U);
  EXPECT_EQ(operand[5], std::complex<float>(fft_stream(9)[10], fft_stream(9)[11]));
}

TEST(Operands, GemmOperandsAreTwoStreams) {
  const auto operands = gemm_operands(3, 9);
  ASSERT_EQ(operands.a.size(), 9U);
  EXPECT_EQ(operands.a[8], gemm_a_stream(9)[8]);
  EXPECT_EQ(operands.b[8], gemm_b_stream(9)[8]);
}

}  // namespace
}  // namespace kts::workload::operands_test
