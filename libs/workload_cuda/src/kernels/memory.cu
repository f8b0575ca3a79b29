// SPDX-License-Identifier: Apache-2.0
#include "kernels/device.cuh"
#include "kernels/memory.hpp"

namespace kts::workload_cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kBlocks = 2048;

__device__ __forceinline__ std::int64_t first_item() {
  return static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
}
__device__ __forceinline__ std::int64_t item_stride() {
  return static_cast<std::int64_t>(gridDim.x) * kThreads;
}

__global__ void fill_floats_kernel(float* out, std::int64_t count, Stream stream) {
  const std::uint64_t key = key_of(stream);
  for (std::int64_t i = first_item(); i < count; i += item_stride()) {
    out[i] = element(key, static_cast<std::uint64_t>(i));
  }
}

__global__ void __launch_bounds__(kThreads)
    triad_kernel(float* a, const float* b, const float* c, float s, std::int64_t count) {
  const std::int64_t fours = count / 4;
  for (std::int64_t i = first_item(); i < fours; i += item_stride()) {
    const float4 x = __ldcs(reinterpret_cast<const float4*>(b) + i);
    const float4 y = __ldcs(reinterpret_cast<const float4*>(c) + i);
    __stcs(reinterpret_cast<float4*>(a) + i,
           make_float4(x.x + s * y.x, x.y + s * y.y, x.z + s * y.z, x.w + s * y.w));
  }
  for (std::int64_t i = fours * 4 + first_item(); i < count; i += item_stride()) {
    a[i] = b[i] + s * c[i];
  }
}

// Volatile, lest a second sweep be taken for the first.
__device__ __forceinline__ uint4 load_past_l1(const uint4* p) {
  uint4 v;
  asm volatile("ld.global.cg.v4.u32 {%0, %1, %2, %3}, [%4];"
               : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
               : "l"(p));
  return v;
}

// Eight loads of a thread are under way at a time.
__global__ void __launch_bounds__(kThreads)
    sweep_kernel(const std::uint32_t* words, std::int64_t count, std::int64_t sweeps,
                 unsigned long long* sum) {
  constexpr int kAhead = 8;
  const uint4* const from = reinterpret_cast<const uint4*>(words);
  const std::int64_t fours = count / 4;
  const std::int64_t step = item_stride();
  unsigned long long total = 0;
  const auto add = [&total](const uint4& v) {
    total += static_cast<unsigned long long>(v.x) + v.y;
    total += static_cast<unsigned long long>(v.z) + v.w;
  };
  for (std::int64_t s = 0; s < sweeps; ++s) {
    std::int64_t i = first_item();
    for (; i + (kAhead - 1) * step < fours; i += kAhead * step) {
      uint4 v[kAhead];
#pragma unroll
      for (int j = 0; j < kAhead; ++j) v[j] = load_past_l1(from + i + j * step);
#pragma unroll
      for (int j = 0; j < kAhead; ++j) add(v[j]);
    }
    for (; i < fours; i += step) add(load_past_l1(from + i));
    for (i = fours * 4 + first_item(); i < count; i += step) total += __ldcg(words + i);
  }
#pragma unroll
  for (int offset = 16; offset > 0; offset /= 2) {
    total += __shfl_xor_sync(0xffffffffu, total, offset);
  }
  if (threadIdx.x % 32 == 0) atomicAdd(sum, total);
}

__global__ void count_up_kernel(unsigned long long* counter) { *counter += 1; }

__global__ void mark_pages_kernel(float* memory, std::int64_t pages, std::int64_t page_floats,
                                  Stream stream) {
  const std::uint64_t key = key_of(stream);
  for (std::int64_t p = first_item(); p < pages; p += item_stride()) {
    memory[p * page_floats] = element(key, static_cast<std::uint64_t>(p));
  }
}

}  // namespace

cudaError_t fill_floats(float* out, std::int64_t count, const Stream& stream,
                        cudaStream_t on) noexcept {
  return launch(fill_floats_kernel, dim3(kBlocks), kThreads, 0, {on, false}, out, count, stream);
}

cudaError_t triad(float* a, const float* b, const float* c, float s, std::int64_t count,
                  cudaStream_t on) noexcept {
  return launch(triad_kernel, dim3(kBlocks), kThreads, 0, {on, false}, a, b, c, s, count);
}

cudaError_t sweep(const std::uint32_t* words, std::int64_t count, std::int64_t sweeps,
                  unsigned long long* sum, cudaStream_t on) noexcept {
  // A small set gives each of few threads a load a sweep; a large one needs no more than fill a
  // card.
  const std::int64_t blocks = (count / 4 + kThreads - 1) / kThreads;
  const dim3 grid(static_cast<unsigned>(blocks < 1 ? 1 : blocks < kBlocks ? blocks : kBlocks));
  return launch(sweep_kernel, grid, kThreads, 0, {on, false}, words, count, sweeps, sum);
}

cudaError_t count_up(unsigned long long* counter, cudaStream_t on) noexcept {
  return launch(count_up_kernel, dim3(1), 1, 0, {on, false}, counter);
}

cudaError_t mark_pages(float* memory, std::int64_t pages, std::int64_t page_bytes,
                       const Stream& stream, cudaStream_t on) noexcept {
  return launch(mark_pages_kernel, dim3(kBlocks), kThreads, 0, {on, false}, memory, pages,
                page_bytes / static_cast<std::int64_t>(sizeof(float)), stream);
}

}  // namespace kts::workload_cuda
