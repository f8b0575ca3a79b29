// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <complex>
#include <cstdint>
#include <span>
#include <vector>

namespace kts::workload {

// SplitMix64's finaliser (Steele, Lea & Flood 2014): a bijection that scatters neighbours.
[[nodiscard]] constexpr std::uint64_t scatter(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
  return x ^ (x >> 31);
}

// An endless stream of numbers uniform in [-1, 1), any element of which is computable on its own:
// the same on every machine and backend.
class OperandStream {
 public:
  constexpr OperandStream(std::uint64_t seed, std::uint64_t stream)
      : key_(scatter(seed ^ scatter(stream + kGolden))) {}

  [[nodiscard]] constexpr float operator[](std::uint64_t index) const {
    const std::uint64_t bits = scatter(key_ + (index + 1) * kGolden) >> 40;
    return static_cast<float>(bits) * 0x1p-23F - 1.0F;  // 24 bits: exact
  }
  void fill(std::span<float> out, std::uint64_t first = 0) const {
    for (float& element : out) element = (*this)[first++];
  }

 private:
  static constexpr std::uint64_t kGolden = 0x9e3779b97f4a7c15U;
  std::uint64_t key_;
};

// Row-major; element i of the FFT's operand is (stream[2i], stream[2i + 1]).
[[nodiscard]] constexpr OperandStream fft_stream(std::uint64_t seed) { return {seed, 0}; }
[[nodiscard]] constexpr OperandStream gemm_a_stream(std::uint64_t seed) { return {seed, 1}; }
[[nodiscard]] constexpr OperandStream gemm_b_stream(std::uint64_t seed) { return {seed, 2}; }

[[nodiscard]] std::vector<std::complex<float>> fft_operand(std::int64_t size, std::uint64_t seed);
struct GemmOperands {
  std::vector<float> a;
  std::vector<float> b;
};
[[nodiscard]] GemmOperands gemm_operands(std::int64_t size, std::uint64_t seed);

}  // namespace kts::workload
