// SPDX-License-Identifier: Apache-2.0
// Why event time can fall when a GPU is shared. Events around an FFT on an idle device hold the gap
// until the host has launched the kernels; when the work must wait for its turn, the launches are
// queued by the time the device begins, and the gap is hidden in the wait. Here the wait is
// planted: a stream that holds until the host writes a word. Cells are interleaved in one run.
#include <cuda.h>
#include <cuda_runtime_api.h>
#include <cufft.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "kts/base/clock.hpp"

namespace {

std::int64_t now_ns() { return kts::MonotonicTimeline::now().time_since_epoch().count(); }
void spin_for(std::int64_t ns) {
  const std::int64_t until = now_ns() + ns;
  while (now_ns() < until) {
  }
}

void must(bool ok, const char* what) {
  if (ok) return;
  fmt::print(stderr, "bench_launch_gap: {} failed\n", what);
  std::exit(4);
}

struct Cell {
  const char* name;
  bool held;
  std::int64_t idle_before_ns;
  std::vector<float> event_us;
};

float at(std::vector<float>& values, double p) {
  const auto rank = static_cast<std::ptrdiff_t>(p * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), values.begin() + rank, values.end());
  return values[static_cast<std::size_t>(rank)];
}

}  // namespace

int main() {
  int devices = 0;
  if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) {
    fmt::print("bench_launch_gap: skipped, no CUDA device\n");
    return 0;
  }
  constexpr int kSize = 4096;
  constexpr std::size_t kBytes = std::size_t{kSize} * kSize * sizeof(cufftComplex);
  cudaStream_t stream = nullptr;
  must(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking) == cudaSuccess, "a stream");
  cufftHandle plan = 0;
  must(cufftPlan2d(&plan, kSize, kSize, CUFFT_C2C) == CUFFT_SUCCESS, "a plan");
  cufftSetStream(plan, stream);
  void* in = nullptr;
  void* out = nullptr;
  must(cudaMalloc(&in, kBytes) == cudaSuccess && cudaMalloc(&out, kBytes) == cudaSuccess, "memory");
  cudaMemset(in, 0x3c, kBytes);
  cudaEvent_t start = nullptr;
  cudaEvent_t end = nullptr;
  cudaEventCreate(&start);
  cudaEventCreate(&end);
  void* host = nullptr;
  void* device = nullptr;
  must(cudaHostAlloc(&host, sizeof(std::uint32_t), cudaHostAllocMapped) == cudaSuccess &&
           cudaHostGetDevicePointer(&device, host, 0) == cudaSuccess,
       "mapped memory");
  auto& word = *static_cast<std::uint32_t*>(host);
  word = 0;
  void* symbol = nullptr;
  cudaDriverEntryPointQueryResult found{};
  must(cudaGetDriverEntryPointByVersion("cuStreamWaitValue32", &symbol, 12000, cudaEnableDefault,
                                        &found) == cudaSuccess &&
           found == cudaDriverEntryPointSuccess,
       "cuStreamWaitValue32");
  const auto wait_value =
      reinterpret_cast<CUresult (*)(CUstream, CUdeviceptr, cuuint32_t, unsigned)>(symbol);

  std::array cells{
      Cell{"launched to an idle device, back to back", false, 0, {}},
      Cell{"launched to an idle device, after 4 ms of rest", false, 4'000'000, {}},
      Cell{"queued before the device begins, back to back", true, 0, {}},
      Cell{"queued before the device begins, after 4 ms of rest", true, 4'000'000, {}}};
  std::uint32_t turn = 0;
  for (int round = 0; round < 820; ++round) {
    for (Cell& cell : cells) {
      if (cell.idle_before_ns > 0) spin_for(cell.idle_before_ns);
      if (cell.held) {
        must(wait_value(reinterpret_cast<CUstream>(stream), reinterpret_cast<CUdeviceptr>(device),
                        ++turn, CU_STREAM_WAIT_VALUE_EQ) == CUDA_SUCCESS,
             "waiting for a word");
      }
      cudaEventRecord(start, stream);
      cufftExecC2C(plan, static_cast<cufftComplex*>(in), static_cast<cufftComplex*>(out),
                   CUFFT_FORWARD);
      cudaEventRecord(end, stream);
      if (cell.held) {
        spin_for(20'000);
        std::atomic_ref(word).store(turn, std::memory_order_release);
      }
      must(cudaEventSynchronize(end) == cudaSuccess, "the FFT");
      float ms = 0;
      cudaEventElapsedTime(&ms, start, end);
      if (round >= 20) cell.event_us.push_back(ms * 1e3F);
    }
  }
  fmt::print("event time of fft {0}x{0}, us (n = {1} a cell)\n", kSize, cells[0].event_us.size());
  for (Cell& cell : cells) {
    fmt::print("  {:<52} p50 {:7.2f}  p95 {:7.2f}  p99 {:7.2f}\n", cell.name,
               at(cell.event_us, 0.50), at(cell.event_us, 0.95), at(cell.event_us, 0.99));
  }
  return 0;
}
