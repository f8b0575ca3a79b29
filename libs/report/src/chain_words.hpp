// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kts/analysis/summary.hpp"

namespace kts::report {

// How the time of one chain divides among its steps.
struct ChainTable {
  std::string chain;
  bool forks = false;
  std::vector<std::vector<std::string>> rows;  // the head first; a row a step
  // On which branch was done last, and on requests that didn't come to their end.
  std::vector<std::string> sentences;
};
// One for each chain; empty without chains.
[[nodiscard]] std::vector<ChainTable> chain_tables(const analysis::Summary& summary);

inline constexpr std::string_view kChainTitle = "Where a chain's time goes";
inline constexpr std::string_view kChainCaption =
    "Mean time from a step's due instant to its end in ms, and of that waiting + the device's "
    "work; over all requests, and over those around a quantile of the whole chain's latency.";
inline constexpr std::string_view kForkCaption =
    "Of steps side by side only those count that the others waited for: the critical path of each "
    "request, from what was done last back to its beginning. So the steps still add up to the "
    "whole chain's latency.";

[[nodiscard]] std::string chains_markdown(const analysis::Summary& summary);

}  // namespace kts::report
