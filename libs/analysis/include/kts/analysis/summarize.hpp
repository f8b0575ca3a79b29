// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kts/analysis/run_data.hpp"
#include "kts/analysis/summary.hpp"

namespace kts::analysis {

// The statistics of docs/statistics.md over a run's samples: the header that came with them, with
// everything computed filled in. Works on two threads, with one decoded column of samples each; the
// answer doesn't depend on that.
[[nodiscard]] Summary summarize(const RunData& data);

}  // namespace kts::analysis
