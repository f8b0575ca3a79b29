// SPDX-License-Identifier: Apache-2.0
#include "kts/workload/verify.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include "kts/workload/operands.hpp"

namespace kts::workload::verify_test {
namespace {

constexpr std::uint64_t kSeed = 5;

// By definition, in double, rounded once.
std::vector<std::complex<float>> exact_fft(std::int64_t size) {
  const auto n = static_cast<std::size_t>(size);
  const auto x = fft_operand(size, kSeed);
  std::vector<std::complex<float>> result(n * n);
  for (std::size_t k1 = 0; k1 < n; ++k1) {
    for (std::size_t k2 = 0; k2 < n; ++k2) {
      std::complex<double> sum;
      for (std::size_t j1 = 0; j1 < n; ++j1) {
        for (std::size_t j2 = 0; j2 < n; ++j2) {
          sum +=
              std::complex<double>(x[j1 * n + j2]) *
              std::polar(1.0, -2 * std::numbers::pi * static_cast<double>((j1 * k1 + j2 * k2) % n) /
                                  static_cast<double>(n));
        }
      }
      result[k1 * n + k2] = std::complex<float>(sum);
    }
  }
  return result;
}

std::vector<float> exact_gemm(std::int64_t size) {
  const auto n = static_cast<std::size_t>(size);
  const auto operands = gemm_operands(size, kSeed);
  std::vector<float> c(n * n);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      double sum = 0;
      for (std::size_t l = 0; l < n; ++l) {
        sum +=
            static_cast<double>(operands.a[i * n + l]) * static_cast<double>(operands.b[l * n + j]);
      }
      c[i * n + j] = static_cast<float>(sum);
    }
  }
  return c;
}

class VerifySizes : public testing::TestWithParam<std::int64_t> {};
INSTANTIATE_TEST_SUITE_P(Edges, VerifySizes, testing::Values(1, 2, 3, 5, 16, 24));

TEST_P(VerifySizes, RightFftPassesFarInsideTheTolerance) {
  const auto v = verify_fft(GetParam(), kSeed, exact_fft(GetParam()));
  ASSERT_TRUE(v) << v.error().message;
  EXPECT_LT(v->relative_error, v->tolerance / 2);
  EXPECT_NEAR(v->checksum / v->reference, 1, 1e-6);
}

TEST_P(VerifySizes, RightGemmPassesFarInsideTheTolerance) {
  const auto v = verify_gemm(GetParam(), kSeed, exact_gemm(GetParam()));
  ASSERT_TRUE(v) << v.error().message;
  EXPECT_LT(v->relative_error, v->tolerance / 2);
}

TEST(Verify, OtherSeedsOperandFails) {
  EXPECT_EQ(verify_fft(16, kSeed + 1, exact_fft(16)).error().code, ErrorCode::kInternal);
  EXPECT_EQ(verify_gemm(16, kSeed + 1, exact_gemm(16)).error().code, ErrorCode::kInternal);
}

TEST(Verify, TransposedResultFails) {
  auto x = exact_fft(16);
  auto c = exact_gemm(16);
  for (std::size_t i = 0; i < 16; ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      std::swap(x[i * 16 + j], x[j * 16 + i]);
      std::swap(c[i * 16 + j], c[j * 16 + i]);
    }
  }
  EXPECT_FALSE(verify_fft(16, kSeed, x));
  EXPECT_FALSE(verify_gemm(16, kSeed, c));
}

TEST(Verify, InverseTransformFails) {
  auto x = exact_fft(16);
  for (auto& bin : x) bin = std::conj(bin);
  EXPECT_FALSE(verify_fft(16, kSeed, x));
}

TEST(Verify, OneWrongElementAnywhereFails) {
  for (std::size_t at : {std::size_t{0}, std::size_t{77}, std::size_t{255}}) {
    auto x = exact_fft(16);
    auto c = exact_gemm(16);
    x[at] *= 1.5F;
    c[at] += 1.0F;
    EXPECT_FALSE(verify_fft(16, kSeed, x)) << at;
    EXPECT_FALSE(verify_gemm(16, kSeed, c)) << at;
  }
}

TEST(Verify, NotANumberFailsAndIsNamedWrong) {
  auto x = exact_fft(8);
  auto c = exact_gemm(8);
  x[3] = {std::numeric_limits<float>::quiet_NaN(), 0};
  c[3] = std::numeric_limits<float>::infinity();
  EXPECT_EQ(verify_fft(8, kSeed, x).error().code, ErrorCode::kInternal);
  EXPECT_EQ(verify_gemm(8, kSeed, c).error().code, ErrorCode::kInternal);
}

// What a tensor core would do if it were let: products of operands cut to eleven bits.
TEST(Verify, ReducedPrecisionOfTf32Fails) {
  constexpr std::int64_t kSize = 256;
  constexpr std::size_t n = kSize;
  const auto operands = gemm_operands(kSize, kSeed);
  const auto cut = [](float x) {
    int exponent = 0;
    return std::ldexp(std::nearbyint(std::ldexp(std::frexp(x, &exponent), 11)), exponent - 11);
  };
  std::vector<float> a(n * n);
  std::vector<float> b(n * n);
  for (std::size_t i = 0; i < n * n; ++i) {
    a[i] = cut(operands.a[i]);
    b[i] = cut(operands.b[i]);
  }
  std::vector<float> c(n * n);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t l = 0; l < n; ++l) {
      for (std::size_t j = 0; j < n; ++j) c[i * n + j] += a[i * n + l] * b[l * n + j];
    }
  }
  EXPECT_FALSE(verify_gemm(kSize, kSeed, c));
}

}  // namespace
}  // namespace kts::workload::verify_test
