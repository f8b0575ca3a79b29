// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "kts/analysis/fleet.hpp"
#include "kts/process/fleet.hpp"
#include "kts/process/signals.hpp"
#include "kts/runner/progress.hpp"

namespace kts::kubernetes {

// One node's run, as a process of its own.
struct NodeRun {
  std::string node;
  process::Command command;
};

struct FleetRunOptions {
  std::size_t at_once = 8;
  process::SignalWatch* signals = nullptr;  // handed on to those that run; no more are begun
  // With each that ended, so that what is known is kept whatever happens to the others.
  std::function<Status(const analysis::FleetNode&)> ended;
};

// Runs all of them, `at_once` side by side, and says how each ended, in their order. Their stderr
// becomes progress, each line behind its node's name; the last one that explains an exit code other
// than 0 is the reason. What happens to one changes nothing for the others. An error is `ended`'s.
[[nodiscard]] Result<std::vector<analysis::FleetNode>> run_nodes(const std::vector<NodeRun>& runs,
                                                                 const FleetRunOptions& options,
                                                                 runner::Progress& progress);

}  // namespace kts::kubernetes
