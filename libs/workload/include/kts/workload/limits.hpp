// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "kts/base/error.hpp"
#include "kts/workload/spec.hpp"

// What bounds an iteration beyond a parameter's own range: known from the description alone, so it
// is told before a device is touched, and what the engines are built for.
namespace kts::workload {

inline constexpr std::int64_t kMostBest = 1024;          // topk's k
inline constexpr std::int64_t kMostGrowSteps = 1 << 20;  // grow's limit / step
inline constexpr std::int64_t kModelGrain = 8;           // of a head and of ffn: 16 bytes of bf16
inline constexpr std::array<std::int64_t, 2> kCudaHeadDims{64,
                                                           128};  // widths attention is built for

// What the engine of a device's kind can't do with a description that is valid as such.
struct EngineProblem {
  std::string_view parameter;  // of the workload, or "in_flight"
  std::string message;
  std::string hint;
};
// `device_kind`: "cpu", whose engine takes everything, or "cuda".
[[nodiscard]] std::optional<EngineProblem> problem_on(std::string_view device_kind,
                                                      const WorkloadSpec& spec, int in_flight);

}  // namespace kts::workload
