// SPDX-License-Identifier: Apache-2.0
#include "kernels/device.cuh"
#include "probe/probe_kernels.hpp"

namespace kts::workload_cuda {
namespace {

// Of a full kernel's threads; what takes longer was a turn of others.
constexpr std::uint64_t kLongestRoundNs = 300'000;
constexpr std::uint64_t kAnswerWithinNs = 10'000'000;
constexpr std::uint64_t kMostPolls = 1u << 22;
constexpr int kFullThreads = 1024;
constexpr int kAccumulators = 40;

__device__ __forceinline__ std::uint64_t globaltimer() {
  std::uint64_t t;
  asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(t));
  return t;
}

__device__ void log_gaps(SpinResult* result, SpinGap* gaps, const SpinPlan& plan) {
  const std::uint64_t begin = globaltimer();
  const long long begin_cycles = clock64();
  std::uint64_t last = begin;
  long long last_cycles = begin_cycles;
  std::uint64_t left_out = 0;
  std::uint64_t steps = 0;
  std::uint64_t least = ~0ull;
  std::uint32_t found = 0;
  while (last - begin - left_out < plan.length_ns && steps < plan.most_steps) {
    const std::uint64_t now = globaltimer();
    const long long cycles = clock64();
    const std::uint64_t passed = now - last;
    if (passed > plan.threshold_ns) {
      if (found < plan.room) gaps[found] = {last, passed, cycles - last_cycles};
      ++found;
      if (plan.without_gaps) left_out += passed;
    }
    if (passed != 0 && passed < least) least = passed;
    last = now;
    last_cycles = cycles;
    ++steps;
  }
  *result = {begin, last, last_cycles - begin_cycles, steps, least, found};
}

__global__ void spin_kernel(SpinResult* result, SpinGap* gaps, SpinPlan plan) {
  log_gaps(result, gaps, plan);
}

// Thread 0 of block 0 logs. In the other blocks thread 0 watches the time; all others hold their
// registers and their block's shared memory.
__global__ void __launch_bounds__(kFullThreads, 1)
    spin_full_kernel(SpinResult* result, SpinGap* gaps, SpinPlan plan, unsigned shared_words,
                     float* sink) {
  extern __shared__ std::uint32_t held[];
  for (unsigned i = threadIdx.x; i < shared_words; i += blockDim.x) held[i] = 0;
  __syncthreads();
  volatile std::uint32_t* const over = held;
  if (blockIdx.x == 0 && threadIdx.x < 32) {
    if (threadIdx.x == 0) {
      log_gaps(result, gaps, plan);
      *over = 1;
    }
    return;
  }
  float kept[kAccumulators];
#pragma unroll
  for (int i = 0; i < kAccumulators; ++i) kept[i] = static_cast<float>(threadIdx.x + i);
  std::uint64_t last = globaltimer();
  std::uint64_t ran = 0;
  std::uint64_t usual = 0;
  const std::uint64_t most = plan.length_ns / 50 + 1000;
  for (std::uint64_t round = 0; round < most && *over == 0; ++round) {
    for (int j = 0; j < 4; ++j) {
#pragma unroll
      for (int i = 0; i < kAccumulators; ++i) kept[i] = kept[i] * 0.9999f + 0.5f;
    }
    // Warps that never rest starve the one that logs: its steps took up to 100 us on an H100.
    __nanosleep(1000);
    if (threadIdx.x != 0) continue;
    const std::uint64_t now = globaltimer();
    const bool whole = !plan.without_gaps || now - last < kLongestRoundNs;
    if (whole) usual = now - last;
    ran += usual;  // a round with a gap in it did as much as one without
    last = now;
    if (ran >= plan.length_ns) *over = 1;
  }
  float sum = 0;
#pragma unroll
  for (int i = 0; i < kAccumulators; ++i) sum += kept[i];
  // Never so, which the compiler doesn't know.
  if (sum == -1.0f) *sink = sum + static_cast<float>(held[threadIdx.x % shared_words]);
}

__global__ void work_kernel(WorkSpan* span, std::uint64_t length_ns) {
  const std::uint64_t begin = globaltimer();
  std::uint64_t now = begin;
  const std::uint64_t most_steps = length_ns / 4 + 1000;
  for (std::uint64_t steps = 0; now - begin < length_ns && steps < most_steps; ++steps) {
    now = globaltimer();
  }
  *span = {begin, now};
}

__global__ void read_timer_kernel(WorkSpan* span, int reads) {
  const std::uint64_t begin = globaltimer();
  std::uint64_t now = begin;
  for (int i = 0; i < reads; ++i) now = globaltimer();
  *span = {begin, now};
}

__global__ void answer_kernel(volatile Mailbox* box, std::uint32_t turn) {
  const std::uint64_t begin = globaltimer();
  for (std::uint64_t polls = 0; box->go != turn; ++polls) {
    if (polls > kMostPolls || globaltimer() - begin > kAnswerWithinNs) return;
  }
  box->globaltimer = globaltimer();
  __threadfence_system();
  box->seen = turn;
}

}  // namespace

cudaError_t spin(SpinResult* result, SpinGap* gaps, const SpinPlan& plan,
                 cudaStream_t on) noexcept {
  return launch(spin_kernel, dim3(1), 1, 0, {on, false}, result, gaps, plan);
}

cudaError_t prepare_full(int device, FullShape& shape) noexcept {
  cudaDeviceProp properties;
  if (const auto code = cudaGetDeviceProperties(&properties, device); code != cudaSuccess) {
    return code;
  }
  cudaFuncAttributes attributes;
  if (const auto code = cudaFuncGetAttributes(&attributes, spin_full_kernel); code != cudaSuccess) {
    return code;
  }
  shape.blocks = properties.multiProcessorCount;
  shape.threads = kFullThreads;
  shape.shared_bytes = static_cast<int>(properties.sharedMemPerBlockOptin);
  shape.registers = attributes.numRegs;
  shape.block_registers_limit = properties.regsPerMultiprocessor;
  shape.multiprocessor_shared_bytes = static_cast<int>(properties.sharedMemPerMultiprocessor);
  return cudaFuncSetAttribute(spin_full_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                              shape.shared_bytes);
}

cudaError_t spin_full(SpinResult* result, SpinGap* gaps, const SpinPlan& plan,
                      const FullShape& shape, float* sink, cudaStream_t on) noexcept {
  return launch(spin_full_kernel, dim3(static_cast<unsigned>(shape.blocks)), shape.threads,
                static_cast<std::size_t>(shape.shared_bytes), {on, false}, result, gaps, plan,
                static_cast<unsigned>(shape.shared_bytes) / 4u, sink);
}

cudaError_t work_for(WorkSpan* span, std::uint64_t length_ns, cudaStream_t on) noexcept {
  return launch(work_kernel, dim3(1), 1, 0, {on, false}, span, length_ns);
}

cudaError_t read_timer(WorkSpan* span, int reads, cudaStream_t on) noexcept {
  return launch(read_timer_kernel, dim3(1), 1, 0, {on, false}, span, reads);
}

cudaError_t answer(Mailbox* box, std::uint32_t turn, cudaStream_t on) noexcept {
  return launch(answer_kernel, dim3(1), 1, 0, {on, false}, box, turn);
}

}  // namespace kts::workload_cuda
