// SPDX-License-Identifier: Apache-2.0
#include "device_memory.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "cuda_error.hpp"
#include "kts/base/units.hpp"

namespace kts::workload_cuda {

Status require_memory(std::uint64_t bytes, std::string_view smaller) {
  std::size_t free = 0;
  std::size_t total = 0;
  KTS_CUDA(cudaMemGetInfo(&free, &total), "cannot ask for the device's memory");
  if (bytes > free) {
    return environment_lacks(
        fmt::format("the operands need {} ({} bytes) of device memory, {} ({} bytes) are free",
                    format_bytes(bytes), bytes, format_bytes(free), free),
        fmt::format("choose {}, or free memory on the card", smaller), "CUDA");
  }
  return {};
}

Result<DeviceMemory> allocate(std::size_t bytes) {
  void* p = nullptr;
  KTS_CUDA(cudaMalloc(&p, std::max<std::size_t>(bytes, 256)), "cannot allocate device memory");
  return DeviceMemory(p);
}

}  // namespace kts::workload_cuda
