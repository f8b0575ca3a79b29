// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

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

}  // namespace kts::workload
