// SPDX-License-Identifier: Apache-2.0
// What two CUDA events an iteration cost the caller: the same FFT with and without them, in
// interleaved blocks of one run.
#include <cuda_runtime_api.h>
#include <cufft.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "kts/base/clock.hpp"

namespace {

std::int64_t now_ns() { return kts::MonotonicTimeline::now().time_since_epoch().count(); }

void must(bool ok, const char* what) {
  if (ok) return;
  fmt::print(stderr, "bench_cuda_events: {} failed: {}\n", what,
             cudaGetErrorString(cudaGetLastError()));
  std::exit(4);
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

struct Device {
  cufftHandle plan = 0;
  cufftComplex* in = nullptr;
  cufftComplex* out = nullptr;
  cudaStream_t stream = nullptr;
  cudaEvent_t base = nullptr, start = nullptr, end = nullptr;
  // How a caller without timing would wait: for the stream, or blocked on an event without a time.
  cudaEvent_t untimed = nullptr;
};

// Latency of one iteration, and the time until the caller can submit the next, us.
struct Cost {
  double latency_us;
  double turn_us;
};

Cost iterate(Device& d, bool events) {
  const std::int64_t submit = now_ns();
  if (events) cudaEventRecord(d.start, d.stream);
  cufftExecC2C(d.plan, d.in, d.out, CUFFT_FORWARD);
  if (events) {
    cudaEventRecord(d.end, d.stream);
    cudaEventSynchronize(d.end);
  } else if (d.untimed) {
    cudaEventRecord(d.untimed, d.stream);
    cudaEventSynchronize(d.untimed);
  } else {
    cudaStreamSynchronize(d.stream);
  }
  const std::int64_t done = now_ns();
  if (events) {
    float ms = 0;
    cudaEventElapsedTime(&ms, d.base, d.start);
    cudaEventElapsedTime(&ms, d.start, d.end);
  }
  return {static_cast<double>(done - submit) * 1e-3, static_cast<double>(now_ns() - submit) * 1e-3};
}

// Median of paired differences with its 95 % interval: the order statistics at the ranks that a
// fair coin's tosses leave with 2.5 % on each side, so that blocks which the host disturbed count
// as one pair each, however far off.
void print_difference(const char* name, std::vector<double> differences) {
  std::ranges::sort(differences);
  const std::size_t n = differences.size();
  const double reach = 1.96 * std::sqrt(static_cast<double>(n)) / 2 + 0.5;
  const auto low = static_cast<std::size_t>(static_cast<double>(n) / 2 - reach);
  fmt::print("    events cost in {:<8} {:7.2f} us  [{:.2f}, {:.2f}]\n", name, median(differences),
             differences[low], differences[n - 1 - low]);
}

void measure(int size, bool spin) {
  Device d;
  const auto edge = static_cast<std::size_t>(size);
  must(cudaStreamCreateWithFlags(&d.stream, cudaStreamNonBlocking) == cudaSuccess, "stream");
  must(cufftPlan2d(&d.plan, size, size, CUFFT_C2C) == CUFFT_SUCCESS, "plan");
  cufftSetStream(d.plan, d.stream);
  must(cudaMalloc(reinterpret_cast<void**>(&d.in), edge * edge * sizeof(cufftComplex)) ==
           cudaSuccess,
       "memory");
  must(cudaMalloc(reinterpret_cast<void**>(&d.out), edge * edge * sizeof(cufftComplex)) ==
           cudaSuccess,
       "memory");
  cudaMemset(d.in, 0x3c, edge * edge * sizeof(cufftComplex));
  const unsigned flags = spin ? cudaEventDefault : cudaEventBlockingSync;
  cudaEventCreate(&d.base);
  cudaEventCreate(&d.start);
  cudaEventCreateWithFlags(&d.end, flags);
  if (!spin) cudaEventCreateWithFlags(&d.untimed, flags | cudaEventDisableTiming);
  cudaEventRecord(d.base, d.stream);
  for (int i = 0; i < 200; ++i) iterate(d, i % 2 == 0);

  constexpr int kPairs = 200;
  constexpr int kIterations = 100;
  std::vector<double> latency[2];
  std::vector<double> latency_difference;
  std::vector<double> turn_difference;
  for (int pair = 0; pair < kPairs; ++pair) {
    double block_latency[2] = {};
    double block_turn[2] = {};
    for (int half = 0; half < 2; ++half) {
      const int events = (pair + half) % 2;
      cudaEventRecord(d.base, d.stream);
      std::vector<double> latencies;
      std::vector<double> turns;
      for (int i = 0; i < kIterations; ++i) {
        const Cost cost = iterate(d, events != 0);
        latencies.push_back(cost.latency_us);
        turns.push_back(cost.turn_us);
      }
      block_latency[events] = median(latencies);
      block_turn[events] = median(turns);
      latency[events].insert(latency[events].end(), latencies.begin(), latencies.end());
    }
    latency_difference.push_back(block_latency[1] - block_latency[0]);
    turn_difference.push_back(block_turn[1] - block_turn[0]);
  }
  const double off = median(latency[0]);
  const double on = median(latency[1]);
  fmt::print(
      "fft {0}x{0}, sync {1}: median latency {2:.2f} us without, {3:.2f} us with events "
      "(ratio {4:.4f}; {5} blocks of {6} each)\n",
      size, spin ? "spin" : "block", off, on, on / off, kPairs, kIterations);
  print_difference("latency", latency_difference);
  print_difference("turn", turn_difference);
  cufftDestroy(d.plan);
  cudaFree(d.in);
  cudaFree(d.out);
}

}  // namespace

int main() {
  int devices = 0;
  if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) {
    fmt::print("bench_cuda_events: skipped, no CUDA device\n");
    return 0;
  }
  for (const int size : {256, 4096}) {
    measure(size, true);
    measure(size, false);
  }
  return 0;
}
