// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "kts/base/clock.hpp"
#include "kts/process/fleet.hpp"
#include "kts/runner/cores.hpp"
#include "kts/runner/local_run.hpp"

namespace kts::runner {

// How agent number `place` of the run's scenario is started, to be driven block by block.
[[nodiscard]] process::Command worker_command(const LocalRun& run, std::size_t place,
                                              const CorePlan& cores, EpochOffset offset);

}  // namespace kts::runner
