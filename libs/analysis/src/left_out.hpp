// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "attribution.hpp"

namespace kts::analysis {

// Fills in agreement, missing and cycles_needed from drop, predicted and blocks. `latency_ms`: of
// the agent beside all others, at the same place. The rule is in docs/attribution.md.
void judge(LeftOut& entry, std::optional<double> latency_ms);

// Fills in left_out of one agent, whose waits the summary has already.
void check_left_out(const GrowthSubject& subject, Summary& summary);

}  // namespace kts::analysis
