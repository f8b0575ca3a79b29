// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "kts/analysis/summary.hpp"
#include "kts/analysis/turns.hpp"
#include "kts/workload/probe.hpp"

namespace kts::analysis {

// What a load costs by the size of the memory that loads go round in. Pure functions; times in ns.
struct LatencyCurve {
  std::vector<double> size_bytes;           // ascending
  std::vector<std::vector<double>> rounds;  // of each round the latency at each size
};
// Of chases with the same sizes. Empty when one isn't a chase, or is of other sizes.
[[nodiscard]] LatencyCurve curve_of(const std::vector<workload::ProbeTrace>& chases);

// From one level to the next.
struct LatencyStep {
  Estimate reach_bytes;  // the largest size before; the interval is all rounds' and the sizes' grid
  Blocks before_ns, after_ns;  // at the levels' sizes
  bool settled = true;         // false: `after_ns` is the last size's, at which it still rises
};
// Levels are three sizes or more whose latencies (medians of rounds) lie within 4 % of each other's
// median, and steps between them rise by 8 % at once. Where a quarter of the rise is passed, a
// level ends.
[[nodiscard]] std::vector<LatencyStep> latency_steps(const LatencyCurve& curve);

}  // namespace kts::analysis
