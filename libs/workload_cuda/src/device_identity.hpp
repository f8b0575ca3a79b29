// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kts/base/error.hpp"
#include "kts/workload/engine.hpp"

namespace kts::workload_cuda {

// Name and UUID of what this process really runs on: a MIG instance's own where there is one.
[[nodiscard]] Result<workload::DeviceIdentity> identify(int ordinal);

}  // namespace kts::workload_cuda
