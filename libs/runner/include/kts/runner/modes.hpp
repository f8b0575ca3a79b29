// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "kts/analysis/modes.hpp"
#include "kts/base/error.hpp"
#include "kts/device/gpu.hpp"
#include "kts/runner/local_run.hpp"
#include "kts/runner/progress.hpp"

namespace kts::runner {

// One scenario in every sharing mode that this machine has.
struct ModesRun {
  LocalRun base;                  // its folder takes modes/
  std::vector<std::string> ways;  // modes and variants' names; empty: all
  std::vector<int> in_flight;     // of neighbours that don't arrive by themselves; empty: as it is
  bool beside_each = false;       // one neighbour at a time, else all at once
  int rounds = 2;
};

// What is to be measured: kBadInput when the scenario or the wishes make no sense. Ways that the
// machine doesn't have are in it with the reason.
struct ModesWork {
  analysis::ModesPlan plan;
  // A run each, its folder relative to the base's; the baselines first.
  std::vector<LocalRun> runs;
};
[[nodiscard]] Result<ModesWork> plan_modes(const ModesRun& modes,
                                           const Result<std::vector<device::Gpu>>& gpus);
// Of the run whose agents allocate the most memory together: when it fits, all do.
[[nodiscard]] const scenario::Scenario& largest_run(const ModesWork& work);

// Measures all of it in rounds, so that slow drift meets every way alike, every other round
// backwards; modes/plan.json tells the rest. A way that fails is left out with the reason; without
// the agents' baselines nothing can be compared, so their failure is an error, as is kInterrupted.
[[nodiscard]] Status run_modes(const ModesRun& modes, ModesWork work, Progress& progress);

}  // namespace kts::runner
