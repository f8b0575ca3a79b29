// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "attribution.hpp"
#include "turn_check.hpp"

namespace kts::analysis {

// Fills in agreement, missing and cycles_needed from drop, predicted and blocks. `latency_ms`: of
// the agent beside all others, at the same place. The rule is in docs/attribution.md.
void judge(LeftOut& entry, std::optional<double> latency_ms);

// Fills in left_out of the agent `subjects[place]`, whose waits the summary has already. `drops`:
// what the model of turns says, where it says anything.
void check_left_out(const std::vector<GrowthSubject>& subjects, std::size_t place,
                    std::span<const ModelDrop> drops, Summary& summary);

}  // namespace kts::analysis
