// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "kts/kube/value.hpp"

namespace kts::cluster {

inline constexpr std::string_view kNvidia = "nvidia.com/";

// A pod in phase Succeeded or Failed holds nothing any more.
[[nodiscard]] bool is_terminal(const kube::Value& pod);
// What a pod holds of each nvidia.com/* resource, as the scheduler counts it: the containers and
// the init containers that stay (sidecars) together, or the largest init container beside the
// sidecars started before it, whichever is more.
[[nodiscard]] std::map<std::string, std::int64_t> gpu_requests(const kube::Value& pod);

}  // namespace kts::cluster
