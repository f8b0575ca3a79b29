// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "kts/base/error.hpp"
#include "kts/worker/chain.hpp"

namespace kts::worker_app {

struct Options;

inline constexpr const char* kChainMeaning =
    "A step of a chain: chain=N,name=NAME,step=N[,branches=N][,next=FD:STEP+FD:STEP...]"
    "[,seed=N,process=PROCESS,rate=N,...]";

// Of --chain, one a step; kBadInput says which text is wrong.
[[nodiscard]] Result<std::vector<worker::ChainRole>> read_chain_roles(
    const std::vector<std::string>& texts);

// By their chains' places; empty for chains without a role.
[[nodiscard]] std::vector<std::string> names_of(const std::vector<worker::ChainRole>& roles);

// Where the options have a descriptor of an inbox, the agent's own first; none in no chain.
[[nodiscard]] std::vector<int*> inboxes_of(Options& options);
// Each number once, in order.
[[nodiscard]] std::vector<int> distinct(const std::vector<int*>& inboxes);

}  // namespace kts::worker_app
