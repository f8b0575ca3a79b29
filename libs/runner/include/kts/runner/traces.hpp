// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "kts/base/error.hpp"
#include "kts/scenario/scenario.hpp"

namespace kts::runner {

// Copies the traces that the scenario replays into `folder`/traces, byte for byte, and has the
// scenario name the copies, relative to the folder: its scenario.yaml is all that a repeat takes.
[[nodiscard]] Status bring_traces(scenario::Scenario& scenario,
                                  const std::filesystem::path& folder);

}  // namespace kts::runner
