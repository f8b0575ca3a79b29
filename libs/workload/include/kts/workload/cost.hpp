// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kts/workload/spec.hpp"

namespace kts::workload {

// cuBLAS' and cuBLASLt's workspace, what they recommend for Hopper; given to them once.
inline constexpr std::uint64_t kProductWorkspaceBytes = std::uint64_t{32} << 20;

// Tokens that go through a model's layers together on a GPU. Beyond some thousand a product gets no
// faster, only its operands larger.
inline constexpr std::int64_t kCudaPassTokens = 4096;

// What a process holds of a card beside what it allocates: the driver's context and the libraries'
// kernels. An estimate: 530 to 596 MiB on an H100 and an H200, driver 580, CUDA 13.
inline constexpr std::uint64_t kCudaContextBytes = std::uint64_t{560} << 20;
// The same of a CPU's memory. What agents of one process share, the program and its libraries:
inline constexpr std::uint64_t kCpuProgramBytes = std::uint64_t{8} << 20;
// and what each has for itself: its ring of records (4.5 MiB) and the heaps of its threads.
inline constexpr std::uint64_t kCpuAgentBytes = std::uint64_t{6} << 20;
inline constexpr std::uint64_t kCpuProcessBytes = kCpuProgramBytes + kCpuAgentBytes;

// Device memory that one agent allocates, bytes. A process's context comes on top.
struct MemoryPlan {
  std::uint64_t weights = 0;
  std::uint64_t kv_cache = 0;
  std::uint64_t activations = 0;
  std::uint64_t operands = 0;   // what is none of these: matrices, vectors, buffers
  std::uint64_t workspace = 0;  // of cuBLAS; cuFFT's is 0 for powers of two, else not foreseen
  bool grows = false;           // takes more as it runs, which is in none of these
  [[nodiscard]] std::uint64_t total() const {
    return weights + kv_cache + activations + operands + workspace;
  }
};
// `device_kind` is "cpu" (float throughout) or "cuda" (models in bf16, vectors in fp16).
[[nodiscard]] MemoryPlan memory_of(const WorkloadSpec& spec, std::string_view device_kind);

// A matrix that an iteration multiplies with, rows x columns.
struct WeightMatrix {
  std::string name;
  std::int64_t rows = 0;     // N, outputs
  std::int64_t columns = 0;  // K, inputs
  std::int64_t count = 1;    // one a layer
};

// What one iteration has to do at least: each operand read once and each result written once. What
// a cache keeps from one iteration to the next makes it less, reading twice makes it more.
struct Cost {
  double flops = 0;  // a multiply-add is two; an FFT's 5 N log2 N
  double bytes_read = 0;
  double bytes_written = 0;
  std::optional<std::int64_t> launches;  // of kernels or copies; empty: the backend's affair
  std::vector<WeightMatrix> matrices;    // of a model

  [[nodiscard]] double bytes() const { return bytes_read + bytes_written; }
  // FLOPs a byte; empty when nothing is moved.
  [[nodiscard]] std::optional<double> intensity() const;
};
// Of a decode step at the parameter's context, of a request with its own numbers of tokens.
[[nodiscard]] Cost cost_of(const WorkloadSpec& spec, std::string_view device_kind);

// The shortest time that `cost` can take on a device of these peaks, seconds: its roofline.
struct Roofline {
  double compute_s = 0;
  double memory_s = 0;
  [[nodiscard]] double floor_s() const { return compute_s > memory_s ? compute_s : memory_s; }
};
[[nodiscard]] Roofline roofline(const Cost& cost, double peak_tflops, double peak_gb_per_s);

}  // namespace kts::workload
