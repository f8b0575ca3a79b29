// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

// What kernels and their callers share. C++17: see CMakeLists.txt.
namespace kts::workload_cuda {

using Bf16 = std::uint16_t;

// A workload::OperandStream by what it is made of.
struct Stream {
  std::uint64_t seed;
  std::uint64_t id;
};

struct Launch {
  cudaStream_t stream;
  // The kernel may begin while the one before still ends (it waits itself for what that writes).
  // Needs a device of compute capability 9.0; nothing but a kernel may stand before it.
  bool overlap;
};

}  // namespace kts::workload_cuda
