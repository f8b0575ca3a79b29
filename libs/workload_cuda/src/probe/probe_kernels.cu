// SPDX-License-Identifier: Apache-2.0
#include "kernels/device.cuh"
#include "probe/probe_kernels.hpp"

namespace kts::workload_cuda {
namespace {

constexpr std::uint64_t kAnswerWithinNs = 10'000'000;
constexpr std::uint64_t kMostPolls = 1u << 22;
constexpr std::uint64_t kLineBytes = 128;
constexpr std::uint64_t kOddSteps = 2'654'435'761;
constexpr int kFullThreads = 1024;
constexpr int kKept = 52;  // registers of a thread, besides those for its own affairs

__device__ __forceinline__ std::uint64_t globaltimer() {
  std::uint64_t t;
  asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(t));
  return t;
}

__device__ SpinResult log_gaps(SpinGap* gaps, const SpinPlan& plan) {
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
  return {begin, last, last_cycles - begin_cycles, steps, least, found};
}

__global__ void spin_kernel(SpinResult* result, SpinGap* gaps, SpinPlan plan) {
  *result = log_gaps(gaps, plan);
}

// PTX ISA, bar: the one warp arrives, all others wait for it.
__device__ __forceinline__ void arrive_at_end() {
  asm volatile("bar.arrive 1, %0;" ::"n"(kFullThreads) : "memory");
}
__device__ __forceinline__ void wait_for_end() {
  asm volatile("bar.sync 1, %0;" ::"n"(kFullThreads) : "memory");
}

// In each block one thread spins; block 0's is the one that tells. All others hold their registers
// and their block's shared memory, and wait at a barrier: warps that compute, even now and then,
// starve the one that looks (its steps took up to 100 us on an H100).
__global__ void __launch_bounds__(kFullThreads, 1)
    spin_full_kernel(SpinResult* result, SpinGap* gaps, SpinPlan plan, unsigned shared_words,
                     float* sink) {
  extern __shared__ std::uint32_t held[];
  for (unsigned i = threadIdx.x; i < shared_words; i += blockDim.x) held[i] = i;
  __syncthreads();
  if (threadIdx.x < 32) {
    if (threadIdx.x == 0) {
      if (blockIdx.x != 0) plan.room = 0;
      const SpinResult seen = log_gaps(gaps, plan);
      if (blockIdx.x == 0) *result = seen;
    }
    __syncwarp();
    arrive_at_end();
    return;
  }
  // Read before the barrier, and of use only with what is read after it: in registers meanwhile.
  volatile std::uint32_t* const from = held;
  std::uint32_t kept[kKept];
#pragma unroll
  for (unsigned i = 0; i < kKept; ++i) kept[i] = from[(threadIdx.x + i) % shared_words];
  wait_for_end();
  const std::uint32_t factor = from[threadIdx.x % shared_words];
  std::uint32_t all = factor;
#pragma unroll
  for (int i = 0; i < kKept; ++i) all = all * factor + kept[i];
  // As good as never so, which the compiler doesn't know.
  if (all == 0x9e3779b9u) *sink = static_cast<float>(all);
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

// Where the k-th load of a chase goes: the pages in an order in which none follows its neighbour,
// and in each round of them another line.
__device__ __forceinline__ std::uint64_t chase_place(const Chase& chase, std::uint64_t k) {
  const std::uint64_t page = k % chase.pages * chase.page_step % chase.pages;
  const std::uint64_t lap = k / chase.pages;
  const std::uint64_t lines = chase.page_bytes / kLineBytes;  // a power of two
  const std::uint64_t line = (scatter(page) + lap * kOddSteps) % lines;
  return page * chase.page_bytes + line * kLineBytes;
}

__global__ void link_chase_kernel(unsigned char* memory, Chase chase) {
  const std::uint64_t nodes = chase.pages * chase.laps;
  const std::uint64_t stride = std::uint64_t{gridDim.x} * blockDim.x;
  for (std::uint64_t k = std::uint64_t{blockIdx.x} * blockDim.x + threadIdx.x; k < nodes;
       k += stride) {
    unsigned char* const to = memory + chase_place(chase, (k + 1) % nodes);
    *reinterpret_cast<unsigned char**>(memory + chase_place(chase, k)) = to;
  }
}

// Each load's address is what the one before brought, past L1.
__device__ __forceinline__ std::uint64_t follow(std::uint64_t from, std::uint64_t loads) {
#pragma unroll 1
  for (std::uint64_t i = 0; i < loads; ++i) {
    std::uint64_t next;
    asm volatile("ld.global.cg.u64 %0, [%1];" : "=l"(next) : "l"(from) : "memory");
    from = next;
  }
  return from;
}

__global__ void chase_kernel(const unsigned char* memory, Chase chase, std::uint64_t first,
                             std::uint64_t second, ChaseTimes* times) {
  const std::uint64_t start = reinterpret_cast<std::uint64_t>(memory) + chase_place(chase, 0);
  const std::uint64_t begin = globaltimer();
  const std::uint64_t there = follow(start, first);
  // No address is 0; to see that, the clock has to wait for the last load.
  if (there == 0) return;
  const std::uint64_t between = globaltimer();
  const std::uint64_t last = follow(there, second);
  if (last == 0) return;
  const std::uint64_t end = globaltimer();
  const bool rounds = first % (chase.pages * chase.laps) == 0;
  *times = {between - begin, end - between, !rounds || there == start};
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

cudaError_t link_chase(unsigned char* memory, const Chase& chase, cudaStream_t on) noexcept {
  return launch(link_chase_kernel, dim3(64), 256, 0, {on, false}, memory, chase);
}

cudaError_t follow_chase(const unsigned char* memory, const Chase& chase, std::uint64_t first,
                         std::uint64_t second, ChaseTimes* times, cudaStream_t on) noexcept {
  return launch(chase_kernel, dim3(1), 1, 0, {on, false}, memory, chase, first, second, times);
}

}  // namespace kts::workload_cuda
