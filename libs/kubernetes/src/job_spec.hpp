// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "kts/kubernetes/run.hpp"

namespace kts::kubernetes {

// The Job for the agent in that place of the scenario; `slot` counts the run's Jobs from 0.
[[nodiscard]] JobSpec job_spec(const ClusterRun& run, std::size_t agent, std::size_t slot);

}  // namespace kts::kubernetes
