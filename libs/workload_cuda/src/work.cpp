// SPDX-License-Identifier: Apache-2.0
#include "work.hpp"

#include <cstring>
#include <vector>

#include "cuda_error.hpp"

namespace kts::workload_cuda {

Result<bool> all_finite(const void* floats, std::size_t count) {
  std::vector<float> host(count);
  KTS_CUDA(cudaMemcpy(host.data(), floats, count * sizeof(float), cudaMemcpyDeviceToHost),
           "cannot copy the result");
  // An exponent of all ones is an infinity or a NaN; the sum of such bits vectorises.
  std::uint32_t bad = 0;
  for (const float value : host) {
    std::uint32_t bits = 0;
    std::memcpy(&bits, &value, sizeof bits);
    bad |= static_cast<std::uint32_t>((bits & 0x7f800000u) == 0x7f800000u);
  }
  return bad == 0;
}

}  // namespace kts::workload_cuda
