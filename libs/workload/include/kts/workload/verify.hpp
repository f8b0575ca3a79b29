// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <complex>
#include <cstdint>
#include <span>
#include <string_view>

#include "kts/base/error.hpp"
#include "kts/workload/engine.hpp"
#include "kts/workload/operands.hpp"

namespace kts::workload {

// Checks of a whole result against references computed in double from the seed, in O(n^2) time and
// O(n) memory, so that no backend has to trust another's library. kInternal when the largest of the
// relative errors exceeds the tolerance or isn't a number.

// Forward 2-D FFT, row-major, unnormalised. Checksum: sum of squares, whose reference is the
// operand's by Parseval; besides, sixteen bins computed directly, relative to the root mean square.
// Tolerance 4 eps log2(n^2): rounding grows with the number of butterflies a value passes.
[[nodiscard]] Result<Verification> verify_fft(std::int64_t size, std::uint64_t seed,
                                              std::span<const std::complex<float>> result);

// C = A B, row-major. Checksum: sum of squares of C x for a seeded vector x of signs, whose
// reference is A (B x) (Freivalds 1977); besides, that vector as a whole and sixty-four elements.
// Tolerance 4 eps sqrt(n): rounding errors of a dot product add up like a random walk. TF32, whose
// products are good to 2^-11, fails it up to n = 16384.
[[nodiscard]] Result<Verification> verify_gemm(std::int64_t size, std::uint64_t seed,
                                               std::span<const float> result);

// How a backend keeps vectors: fp16 is the stream's float, rounded (rounded_to_fp16).
enum class VectorFormat { kFloat, kFp16 };

// The k best of `vectors` dot products with the query, best first (memory_operands.hpp). Every
// score is recomputed, ids must differ, and none of up to 2^28 / dimensions other vectors, evenly
// spread, may be better than the last. Checksum: sum of squares of the scores. Tolerance
// 4 eps sqrt(dimensions) of their root mean square, as for a matrix product: sums are in float.
[[nodiscard]] Result<Verification> verify_topk(std::int64_t vectors, std::int64_t dimensions,
                                               std::uint64_t seed, VectorFormat format,
                                               std::span<const std::int64_t> ids,
                                               std::span<const float> scores);

// a = b + 3 c, up to 2^22 elements evenly spread, the last among them. Checksum: their sum.
// Tolerance 2 eps of the largest value, 4: one rounding, or two without a fused multiply-add.
[[nodiscard]] Result<Verification> verify_triad(std::uint64_t seed, std::span<const float> a);

// The sum of all words times the sweeps, modulo 2^64. Tolerance 0.
[[nodiscard]] Result<Verification> verify_sweep(std::int64_t bytes, std::int64_t sweeps,
                                                std::uint64_t seed, std::uint64_t sum);

// What a stream's copy arrived as, bit by bit. Checksum: its sum. Tolerance 0.
[[nodiscard]] Result<Verification> verify_copy(const OperandStream& sent,
                                               std::span<const float> arrived);

// A count that must be exact: kernels that ran, pages that still hold what was written.
[[nodiscard]] Result<Verification> verify_count(std::string_view whose, std::int64_t expected,
                                                std::int64_t found);

}  // namespace kts::workload
