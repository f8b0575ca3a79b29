// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include "kts/base/error.hpp"

namespace kts::workload_cuda {

// kEnvironment where the machine lacks something (memory, driver, device), else kInternal.
[[nodiscard]] Error cuda_error(cudaError_t code, const char* doing);

}  // namespace kts::workload_cuda

// Returns the error of a CUDA runtime call from the caller.
#define KTS_CUDA(call, doing)                                                   \
  do {                                                                          \
    if (const cudaError_t kts_code = (call); kts_code != cudaSuccess)           \
      return tl::unexpected(::kts::workload_cuda::cuda_error(kts_code, doing)); \
  } while (false)
