// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "kernels/types.hpp"

namespace kts::workload_cuda {

// out[i] = stream[i].
cudaError_t fill_floats(float* out, std::int64_t count, const Stream& stream,
                        cudaStream_t on) noexcept;
// a = b + s c (McCalpin's STREAM); arrays 16-byte aligned.
cudaError_t triad(float* a, const float* b, const float* c, float s, std::int64_t count,
                  cudaStream_t on) noexcept;
// Reads all of `in`, 16-byte aligned; the blocks' sums, in their order, to `sums`: sweep_blocks()
// of them.
cudaError_t sweep(const float* in, std::int64_t count, float* sums, cudaStream_t on) noexcept;
int sweep_blocks() noexcept;
// One thread that adds 1 to *counter.
cudaError_t count_up(unsigned* counter, cudaStream_t on) noexcept;

}  // namespace kts::workload_cuda
