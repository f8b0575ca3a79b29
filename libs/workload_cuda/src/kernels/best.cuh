// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace kts::workload_cuda {

// Keys that order as their values do, and at equal values by the lower index first; never 0 for a
// number.
__device__ __forceinline__ unsigned long long best_key(float value, std::uint32_t index) {
  const std::uint32_t bits = __float_as_uint(value);
  const std::uint32_t ordered = bits & 0x80000000u ? ~bits : bits | 0x80000000u;
  return static_cast<unsigned long long>(ordered) << 32 | (0xffffffffu - index);
}
__device__ __forceinline__ float best_value(unsigned long long key) {
  const auto ordered = static_cast<std::uint32_t>(key >> 32);
  return __uint_as_float(ordered & 0x80000000u ? ordered & 0x7fffffffu : ~ordered);
}

}  // namespace kts::workload_cuda
