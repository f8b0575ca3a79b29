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

// Eight loads of a thread are under way at a time.
__global__ void __launch_bounds__(kThreads)
    sweep_kernel(const float* in, std::int64_t count, float* sums) {
  __shared__ float scratch[kThreads / 32];
  constexpr int kAhead = 8;
  const float4* const from = reinterpret_cast<const float4*>(in);
  const std::int64_t fours = count / 4;
  float4 sum = make_float4(0, 0, 0, 0);
  const auto add = [&sum](const float4& v) {
    sum.x += v.x;
    sum.y += v.y;
    sum.z += v.z;
    sum.w += v.w;
  };
  std::int64_t i = first_item();
  for (; i + (kAhead - 1) * item_stride() < fours; i += kAhead * item_stride()) {
    float4 v[kAhead];
#pragma unroll
    for (int j = 0; j < kAhead; ++j) v[j] = __ldcg(from + i + j * item_stride());
#pragma unroll
    for (int j = 0; j < kAhead; ++j) add(v[j]);
  }
  for (; i < fours; i += item_stride()) add(__ldcg(from + i));
  float rest = 0;
  for (std::int64_t j = fours * 4 + first_item(); j < count; j += item_stride()) rest += in[j];
  const float total = block_sum<kThreads>(sum.x + sum.y + sum.z + sum.w + rest, scratch);
  if (threadIdx.x == 0) sums[blockIdx.x] = total;
}

__global__ void count_up_kernel(unsigned* counter) { *counter += 1; }

}  // namespace

cudaError_t fill_floats(float* out, std::int64_t count, const Stream& stream,
                        cudaStream_t on) noexcept {
  return launch(fill_floats_kernel, dim3(kBlocks), kThreads, 0, {on, false}, out, count, stream);
}

cudaError_t triad(float* a, const float* b, const float* c, float s, std::int64_t count,
                  cudaStream_t on) noexcept {
  return launch(triad_kernel, dim3(kBlocks), kThreads, 0, {on, false}, a, b, c, s, count);
}

cudaError_t sweep(const float* in, std::int64_t count, float* sums, cudaStream_t on) noexcept {
  return launch(sweep_kernel, dim3(kBlocks), kThreads, 0, {on, false}, in, count, sums);
}

int sweep_blocks() noexcept { return kBlocks; }

cudaError_t count_up(unsigned* counter, cudaStream_t on) noexcept {
  return launch(count_up_kernel, dim3(1), 1, 0, {on, false}, counter);
}

}  // namespace kts::workload_cuda
