// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "kts/base/error.hpp"

namespace kts::workload_cuda {

struct DeviceFree {
  void operator()(void* p) const { cudaFree(p); }
};
using DeviceMemory = std::unique_ptr<void, DeviceFree>;

// kEnvironment, with bytes wanted and free, when `bytes` don't fit; `smaller` names what to choose
// less of ("a smaller --size").
[[nodiscard]] Status require_memory(std::uint64_t bytes, std::string_view smaller);
// Aligned to 256 bytes.
[[nodiscard]] Result<DeviceMemory> allocate(std::size_t bytes);

}  // namespace kts::workload_cuda
