// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <vector>

#include "kts/analysis/run_data.hpp"
#include "kts/base/error.hpp"
#include "kts/scenario/scenario.hpp"
#include "load_samples.hpp"

namespace kts::analysis {

// A block in which all agents of a chain were active.
struct ChainBlockFolder {
  std::filesystem::path path;
  AgentBlock prototype;  // its block, phase and neighbours
  SampleWindow window;
  int segments = 1;
};

// Joins the steps in the agents' logs into requests of the chain, and adds them to `data`: as
// samples of the chain, whose parts are the sums of its steps' parts, and step by step. Requests
// that miss a step count as lost as far as records are, else as abandoned.
[[nodiscard]] Status load_chain_block(const scenario::Chain& chain, const ChainBlockFolder& folder,
                                      RunData& data);

// The chain as one more agent of the results.
[[nodiscard]] AgentInfo describe_chain(const scenario::Chain& chain);

// How the time of each chain's requests divides among its steps, as far as its blocks are among the
// data's.
[[nodiscard]] std::vector<ChainPhase> divide_chains(const RunData& data);

}  // namespace kts::analysis
