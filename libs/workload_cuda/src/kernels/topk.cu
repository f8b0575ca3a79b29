// SPDX-License-Identifier: Apache-2.0
#include <cuda_fp16.h>

#include "kernels/best.cuh"
#include "kernels/device.cuh"
#include "kernels/topk.hpp"

namespace kts::workload_cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kWarps = kThreads / 32;

__device__ __forceinline__ void unpack_half(const uint4& eight, float (&out)[8]) {
  const std::uint32_t words[4] = {eight.x, eight.y, eight.z, eight.w};
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const float2 pair = __half22float2(*reinterpret_cast<const __half2*>(&words[i]));
    out[2 * i] = pair.x;
    out[2 * i + 1] = pair.y;
  }
}

// Largest first; bitonic, in place.
__device__ __forceinline__ void sort_keys(unsigned long long* keys) {
  for (int run = 2; run <= kSortedKeys; run *= 2) {
    for (int distance = run / 2; distance > 0; distance /= 2) {
      __syncthreads();
      for (int i = static_cast<int>(threadIdx.x); i < kSortedKeys / 2; i += kThreads) {
        const int low = i / distance * 2 * distance + i % distance;
        const int high = low + distance;
        const bool descending = (low & run) == 0;
        const unsigned long long a = keys[low];
        const unsigned long long b = keys[high];
        if (a < b == descending) {
          keys[low] = b;
          keys[high] = a;
        }
      }
    }
  }
  __syncthreads();
}

__device__ __forceinline__ void keep_best(const unsigned long long* sorted, int k,
                                          unsigned long long* out) {
  for (int i = static_cast<int>(threadIdx.x); i < k; i += kThreads) {
    out[static_cast<std::int64_t>(blockIdx.x) * k + i] = sorted[i];
  }
}

// A warp a vector, two of them under way.
__global__ void __launch_bounds__(kThreads) score_kernel(const Search a) {
  __shared__ unsigned long long keys[kSortedKeys];
  const int warp = static_cast<int>(threadIdx.x) / 32;
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const std::int64_t first = static_cast<std::int64_t>(blockIdx.x) * kSortedKeys;
  constexpr int kAhead = 4;
  for (int i = warp * kAhead; i < kSortedKeys; i += kWarps * kAhead) {
    float sums[kAhead] = {};
    for (int d = lane * 8; d < a.width; d += 32 * 8) {
      uint4 pieces[kAhead];
#pragma unroll
      for (int j = 0; j < kAhead; ++j) {
        const bool there = first + i + j < a.count;
        const std::uint16_t* const from = a.vectors + (there ? first + i + j : 0) * a.width + d;
        pieces[j] = __ldcs(reinterpret_cast<const uint4*>(from));
      }
      float query[8];
      unpack_half(__ldg(reinterpret_cast<const uint4*>(a.query + d)), query);
#pragma unroll
      for (int j = 0; j < kAhead; ++j) {
        float values[8];
        unpack_half(pieces[j], values);
#pragma unroll
        for (int e = 0; e < 8; ++e) sums[j] += query[e] * values[e];
      }
    }
#pragma unroll
    for (int j = 0; j < kAhead; ++j) {
#pragma unroll
      for (int offset = 16; offset > 0; offset /= 2) {
        sums[j] += __shfl_xor_sync(0xffffffffu, sums[j], offset);
      }
      const std::int64_t index = first + i + j;
      if (lane == 0) {
        keys[i + j] = index < a.count ? best_key(sums[j], static_cast<std::uint32_t>(index)) : 0;
      }
    }
  }
  sort_keys(keys);
  keep_best(keys, a.k, a.keys[0]);
}

__global__ void __launch_bounds__(kThreads)
    select_kernel(const unsigned long long* in, std::int64_t count, int k,
                  unsigned long long* out) {
  __shared__ unsigned long long keys[kSortedKeys];
  const std::int64_t first = static_cast<std::int64_t>(blockIdx.x) * kSortedKeys;
  for (int i = static_cast<int>(threadIdx.x); i < kSortedKeys; i += kThreads) {
    keys[i] = first + i < count ? in[first + i] : 0;
  }
  sort_keys(keys);
  keep_best(keys, k, out);
}

__global__ void unpack_best_kernel(const unsigned long long* keys, int k, float* scores,
                                   std::uint32_t* indices) {
  for (int i = static_cast<int>(threadIdx.x); i < k; i += kThreads) {
    scores[i] = best_value(keys[i]);
    indices[i] = 0xffffffffu - static_cast<std::uint32_t>(keys[i]);
  }
}

__global__ void fill_vectors_kernel(std::uint16_t* out, std::int64_t count, int width,
                                    int dimensions, Stream stream) {
  const std::uint64_t key = key_of(stream);
  const std::int64_t all = count * width;
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * kThreads;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x; i < all;
       i += step) {
    const std::int64_t row = i / width;
    const std::int64_t d = i % width;
    const float value =
        d < dimensions ? element(key, static_cast<std::uint64_t>(row * dimensions + d)) : 0.0f;
    out[i] = __half_as_ushort(__float2half_rn(value));
  }
}

std::int64_t blocks_of(std::int64_t keys) { return (keys + kSortedKeys - 1) / kSortedKeys; }

}  // namespace

std::int64_t search_keys(std::int64_t count, int k) noexcept { return blocks_of(count) * k; }

cudaError_t search(const Search& a, int* answer, cudaStream_t on) noexcept {
  std::int64_t left = search_keys(a.count, a.k);
  *answer = 0;
  cudaError_t code = launch(score_kernel, dim3(static_cast<unsigned>(blocks_of(a.count))), kThreads,
                            0, {on, false}, a);
  while (code == cudaSuccess && left > a.k) {
    const unsigned long long* const in = a.keys[*answer];
    *answer = 1 - *answer;
    code = launch(select_kernel, dim3(static_cast<unsigned>(blocks_of(left))), kThreads, 0,
                  {on, false}, in, left, a.k, a.keys[*answer]);
    left = search_keys(left, a.k);
  }
  return code;
}

cudaError_t unpack_best(const unsigned long long* keys, int k, float* scores,
                        std::uint32_t* indices, cudaStream_t on) noexcept {
  return launch(unpack_best_kernel, dim3(1), kThreads, 0, {on, false}, keys, k, scores, indices);
}

cudaError_t fill_vectors(std::uint16_t* out, std::int64_t count, int width, int dimensions,
                         const Stream& stream, cudaStream_t on) noexcept {
  return launch(fill_vectors_kernel, dim3(4096), kThreads, 0, {on, false}, out, count, width,
                dimensions, stream);
}

}  // namespace kts::workload_cuda
