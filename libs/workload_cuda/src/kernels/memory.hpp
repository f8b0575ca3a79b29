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
// Adds all words, read `sweeps` times past L1, to *sum.
cudaError_t sweep(const std::uint32_t* words, std::int64_t count, std::int64_t sweeps,
                  unsigned long long* sum, cudaStream_t on) noexcept;
// One thread that adds 1 to *counter.
cudaError_t count_up(unsigned long long* counter, cudaStream_t on) noexcept;
// The first float of page p = stream[p].
cudaError_t mark_pages(float* memory, std::int64_t pages, std::int64_t page_bytes,
                       const Stream& stream, cudaStream_t on) noexcept;

}  // namespace kts::workload_cuda
