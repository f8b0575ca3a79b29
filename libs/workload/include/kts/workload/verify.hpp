// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <complex>
#include <cstdint>
#include <span>

#include "kts/base/error.hpp"
#include "kts/workload/engine.hpp"

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

}  // namespace kts::workload
