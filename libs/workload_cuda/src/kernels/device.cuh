// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <utility>

#include "kernels/types.hpp"

namespace kts::workload_cuda {

// A bf16 is the upper half of a float.
__device__ __forceinline__ float low_half(std::uint32_t pair) {
  return __uint_as_float(pair << 16);
}
__device__ __forceinline__ float high_half(std::uint32_t pair) {
  return __uint_as_float(pair & 0xffff0000u);
}
__device__ __forceinline__ float from_bf16(Bf16 value) {
  return __uint_as_float(static_cast<std::uint32_t>(value) << 16);
}
// Rounds to nearest, ties to even.
__device__ __forceinline__ std::uint32_t pack(float low, float high) {
  std::uint32_t pair;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
  return pair;
}
__device__ __forceinline__ Bf16 to_bf16(float value) {
  return static_cast<Bf16>(pack(value, 0.0f));
}
__device__ __forceinline__ void unpack(const uint4& eight, float (&out)[8]) {
  out[0] = low_half(eight.x), out[1] = high_half(eight.x);
  out[2] = low_half(eight.y), out[3] = high_half(eight.y);
  out[4] = low_half(eight.z), out[5] = high_half(eight.z);
  out[6] = low_half(eight.w), out[7] = high_half(eight.w);
}
__device__ __forceinline__ uint4 pack(const float (&in)[8]) {
  return make_uint4(pack(in[0], in[1]), pack(in[2], in[3]), pack(in[4], in[5]), pack(in[6], in[7]));
}

// The same numbers as workload::OperandStream's.
__device__ __forceinline__ std::uint64_t scatter(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
  return x ^ (x >> 31);
}
constexpr std::uint64_t kGolden = 0x9e3779b97f4a7c15ull;
__device__ __forceinline__ std::uint64_t key_of(const Stream& stream) {
  return scatter(stream.seed ^ scatter(stream.id + kGolden));
}
__device__ __forceinline__ float element(std::uint64_t key, std::uint64_t index) {
  const std::uint64_t bits = scatter(key + (index + 1) * kGolden) >> 40;
  return static_cast<float>(bits) * 0x1p-23f - 1.0f;
}

// Programmatic dependent launch (Hopper on; earlier devices start a kernel when the one before is
// over): what the kernel before wrote may be touched only after this.
__device__ __forceinline__ void wait_for_previous_kernel() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}
// From here on the next kernel's blocks may take what room is left.
__device__ __forceinline__ void let_next_kernel_begin() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}

__device__ __forceinline__ std::uint32_t shared_address(const void* p) {
  return static_cast<std::uint32_t>(__cvta_generic_to_shared(p));
}
// A thread's copies to shared memory (cp.async) since the last end are a group; waits until no more
// than its last kPending groups are under way.
__device__ __forceinline__ void end_copies() {
  asm volatile("cp.async.commit_group;" ::: "memory");
}
template <int kPending>
__device__ __forceinline__ void wait_for_copies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(kPending) : "memory");
}
// sums += a b, 16 x 16 times 16 x 8, on tensor cores; a lane's part of each.
__device__ __forceinline__ void multiply(float (&sums)[4], const std::uint32_t (&a)[4],
                                         std::uint32_t b0, std::uint32_t b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
      "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
      : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

// Sum over a block of kThreads; every thread gets it. `scratch`: kThreads / 32 floats.
template <int kThreads>
__device__ __forceinline__ float block_sum(float value, float* scratch) {
#pragma unroll
  for (int offset = 16; offset > 0; offset /= 2) {
    value += __shfl_xor_sync(0xffffffffu, value, offset);
  }
  __syncthreads();  // who still reads an earlier sum
  if (threadIdx.x % 32 == 0) scratch[threadIdx.x / 32] = value;
  __syncthreads();
  float sum = 0;
#pragma unroll
  for (int warp = 0; warp < kThreads / 32; ++warp) sum += scratch[warp];
  return sum;
}

template <typename... Parameters, typename... Arguments>
cudaError_t launch(void (*kernel)(Parameters...), dim3 grid, int threads, std::size_t shared_bytes,
                   const Launch& on, Arguments&&... arguments) {
  cudaLaunchConfig_t config = {};
  config.gridDim = grid;
  config.blockDim = dim3(static_cast<unsigned>(threads));
  config.dynamicSmemBytes = shared_bytes;
  config.stream = on.stream;
  cudaLaunchAttribute overlap = {};
  overlap.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  overlap.val.programmaticStreamSerializationAllowed = 1;
  config.attrs = &overlap;
  config.numAttrs = on.overlap ? 1 : 0;
  return cudaLaunchKernelEx(&config, kernel, std::forward<Arguments>(arguments)...);
}

}  // namespace kts::workload_cuda
