// SPDX-License-Identifier: Apache-2.0
#include "cuda_error.hpp"

#include <fmt/format.h>

namespace kts::workload_cuda {

Error cuda_error(cudaError_t code, const char* doing) {
  const bool environment =
      code == cudaErrorMemoryAllocation || code == cudaErrorNoDevice ||
      code == cudaErrorInsufficientDriver || code == cudaErrorSystemDriverMismatch ||
      code == cudaErrorDevicesUnavailable || code == cudaErrorMpsConnectionFailed;
  return Error{environment ? ErrorCode::kEnvironment : ErrorCode::kInternal,
               fmt::format("{}: {} ({})", doing, cudaGetErrorString(code), cudaGetErrorName(code)),
               {},
               "CUDA"};
}

}  // namespace kts::workload_cuda
