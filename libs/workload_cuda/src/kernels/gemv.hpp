// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "kernels/types.hpp"

namespace kts::workload_cuda {

// What becomes of the sums W x.
enum class Epilogue {
  kStore,       // y = W x, bf16
  kAccumulate,  // y += W x, bf16
  kSwiglu,      // W's rows are gate, then up: y = silu(gate) * up, bf16, rows / 2 of them
  kLogits,      // y = W x, float, and the best row of each vector to `best`
};

// y = W x for a few vectors: reads the matrix once per eight of them, at the memory's speed.
struct Gemv {
  const Bf16* weights;    // [rows][columns], row-major, 16-byte aligned
  int rows;               // kSwiglu: a multiple of 16
  int columns;            // a multiple of 8
  const Bf16* x;          // vector i begins at x + i * x_stride
  std::int64_t x_stride;  // a multiple of 8
  int vectors;
  void* y;  // result i begins at element i * y_stride
  std::int64_t y_stride;
  // Each vector divided by its root mean square first (RMSNorm whose gain is 1).
  bool normalise;
  float epsilon;
  unsigned long long* best;  // kLogits: see best_key; may be null
};

cudaError_t gemv(Epilogue epilogue, const Gemv& arguments, const Launch& on) noexcept;

// To be called once: lets the kernels take the shared memory that they need.
cudaError_t prepare_gemv() noexcept;

// The index in a `best`, which orders by value, then by lower index; 0 holds none yet.
inline std::uint32_t best_index(unsigned long long key) {
  return 0xffffffffu - static_cast<std::uint32_t>(key);
}

}  // namespace kts::workload_cuda
