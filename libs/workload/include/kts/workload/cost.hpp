// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kts/workload/spec.hpp"

namespace kts::workload {

// Device memory of one agent, bytes. A library's workspace and a driver's context come on top: they
// are known when measured.
struct MemoryPlan {
  std::uint64_t weights = 0;
  std::uint64_t kv_cache = 0;
  std::uint64_t activations = 0;
  std::uint64_t operands = 0;  // what is none of these: matrices, vectors, buffers
  [[nodiscard]] std::uint64_t total() const { return weights + kv_cache + activations + operands; }
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
