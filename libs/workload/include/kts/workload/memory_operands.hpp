// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstdint>

#include "kts/workload/operands.hpp"

// What retrieval and the workloads that only move memory compute on, on every backend.
namespace kts::workload {

// topk: row-major [vectors][dimensions] and one query; a score is their dot product.
[[nodiscard]] constexpr OperandStream vectors_stream(std::uint64_t seed) { return {seed, 48}; }
[[nodiscard]] constexpr OperandStream query_stream(std::uint64_t seed) { return {seed, 49}; }

// membw: a[i] = b[i] + kTriadScalar * c[i] over three arrays of floats.
[[nodiscard]] constexpr OperandStream triad_b_stream(std::uint64_t seed) { return {seed, 50}; }
[[nodiscard]] constexpr OperandStream triad_c_stream(std::uint64_t seed) { return {seed, 51}; }
inline constexpr float kTriadScalar = 3;
// Elements of one array, when the three take `bytes` together.
[[nodiscard]] constexpr std::int64_t triad_elements(std::int64_t bytes) { return bytes / 12; }

// l2: words of 32 bits whose sum modulo 2^64, over all sweeps, is the result: exact in any order.
[[nodiscard]] constexpr std::uint32_t sweep_word(std::uint64_t seed, std::uint64_t index) {
  return std::bit_cast<std::uint32_t>(OperandStream(seed, 52)[index]);
}
[[nodiscard]] constexpr std::int64_t sweep_words(std::int64_t bytes) { return bytes / 4; }

// copy: what each direction moves, floats.
[[nodiscard]] constexpr OperandStream h2d_stream(std::uint64_t seed) { return {seed, 53}; }
[[nodiscard]] constexpr OperandStream d2h_stream(std::uint64_t seed) { return {seed, 54}; }
[[nodiscard]] constexpr std::int64_t copy_elements(std::int64_t bytes) { return bytes / 4; }

// idle-hold: the first float of each page of this size is element `page`; nothing ever changes it.
[[nodiscard]] constexpr OperandStream hold_stream(std::uint64_t seed) { return {seed, 55}; }
inline constexpr std::int64_t kHoldPage = 4096;

// What fp16 makes of a number in [-1, 1): round to nearest, ties to even.
[[nodiscard]] constexpr float rounded_to_fp16(float value) {
  // Adding and taking away a number whose last place is fp16's leaves value so rounded. Below 2^-14
  // fp16 has fixed point with steps of 2^-24.
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t exponent = (bits >> 23) & 0xffU;
  constexpr std::uint32_t kSmallestNormal = 127 - 14;
  const std::uint32_t step = (exponent < kSmallestNormal ? kSmallestNormal : exponent) + 13;
  const float large = std::bit_cast<float>((bits & 0x80000000U) | (step << 23));
  return (value + large) - large;
}

}  // namespace kts::workload
