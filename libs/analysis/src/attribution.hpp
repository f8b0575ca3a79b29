// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "distribution.hpp"
#include "kts/analysis/run_data.hpp"
#include "notes.hpp"

namespace kts::analysis {

// One agent's phases, as far as there are any; pointers stay the caller's.
struct GrowthSubject {
  std::string agent;
  const Group* solo = nullptr;  // its baseline's
  const Group* shared = nullptr;
  const Distribution* solo_latency = nullptr;
  const Distribution* shared_latency = nullptr;
  std::optional<double> solo_time_mean_ms, solo_time_p50_ms;        // gpu_time
  std::optional<double> solo_wait_mean_ms;                          // gpu_wait
  std::vector<std::pair<std::string, const Group*>> left_out = {};  // shared without that agent
  bool told = true;       // else it only stands in others' way
  bool is_chain = false;  // whose causes are its agents'
};

// Fills in attribution, waits, left_out, turns and turn_checks: where each agent's growth went, and
// whom it waited for (docs/attribution.md).
void attribute(const std::vector<GrowthSubject>& subjects, const RunData& data, Summary& summary,
               Notes& warnings);

}  // namespace kts::analysis
