// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "kernels/types.hpp"

namespace kts::workload_cuda {

// Flat search in fp16 vectors: scores of one query against all, then the k best, best first, at
// equal scores the lower index first. Each pass leaves the k best of every kSortedKeys keys.
inline constexpr int kSortedKeys = 2048;
inline constexpr int kMostBest = 1024;

struct Search {
  const std::uint16_t* vectors;  // fp16, [count][width], rows 16-byte aligned
  const std::uint16_t* query;    // fp16, [width]
  std::int64_t count;
  int width;                    // a multiple of 8
  int k;                        // 1 to kMostBest, at most `count`
  unsigned long long* keys[2];  // search_keys(count, k) each, in turn
};
std::int64_t search_keys(std::int64_t count, int k) noexcept;
// The answer's k keys (see best.cuh) are at keys[*answer].
cudaError_t search(const Search& arguments, int* answer, cudaStream_t on) noexcept;
// Scores and indices of `k` keys.
cudaError_t unpack_best(const unsigned long long* keys, int k, float* scores,
                        std::uint32_t* indices, cudaStream_t on) noexcept;

// Rows of `width`, of which `dimensions` are the stream's and the rest zero, rounded to fp16.
cudaError_t fill_vectors(std::uint16_t* out, std::int64_t count, int width, int dimensions,
                         const Stream& stream, cudaStream_t on) noexcept;

}  // namespace kts::workload_cuda
