// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "kts/cluster/status.hpp"

namespace kts::cluster {

inline constexpr const char* kGpuDriver = "gpu.nvidia.com";

// What NVIDIA's DRA driver offers, by node; of each pool only its newest generation.
[[nodiscard]] std::map<std::string, std::vector<DraDevice>> dra_devices(
    const std::vector<kube::Value>& resource_slices);

}  // namespace kts::cluster
