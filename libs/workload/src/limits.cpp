// SPDX-License-Identifier: Apache-2.0
#include "kts/workload/limits.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "kts/workload/model.hpp"

namespace kts::workload {

std::optional<EngineProblem> problem_on(std::string_view device_kind, const WorkloadSpec& spec,
                                        int in_flight) {
  if (device_kind != "cuda") return std::nullopt;
  if (spec.kind() == "request" && in_flight != 1) {
    return EngineProblem{"in_flight",
                         fmt::format("{} requests in flight: on a GPU one is driven token by token "
                                     "and has the KV cache alone",
                                     in_flight),
                         "choose 1, or several agents"};
  }
  if (!spec.has("model")) return std::nullopt;
  const std::int64_t head_dim = model_of(spec).head_dim;
  if (std::ranges::find(kCudaHeadDims, head_dim) == kCudaHeadDims.end()) {
    return EngineProblem{
        spec.has("hidden") ? "hidden" : "model",
        fmt::format("a head_dim of {} (hidden / heads) isn't one that a GPU has attention for",
                    head_dim),
        fmt::format("choose hidden and heads so that it is {}, or take device cpu",
                    fmt::join(kCudaHeadDims, " or "))};
  }
  return std::nullopt;
}

}  // namespace kts::workload
