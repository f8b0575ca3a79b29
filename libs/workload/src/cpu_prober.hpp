// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "kts/base/error.hpp"
#include "kts/workload/probe.hpp"

namespace kts::workload {

// Tasks: spin, stamps, wake, pipe. The whole process stays on `core`.
[[nodiscard]] Result<std::unique_ptr<Prober>> make_cpu_prober(int core);

}  // namespace kts::workload
