// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "kts/base/error.hpp"
#include "kts/worker/chain.hpp"

namespace kts::worker_app {

inline constexpr const char* kChainMeaning =
    "A step of a chain: chain=N,name=NAME,step=N[,branches=N][,next=FD:STEP+FD:STEP...]"
    "[,seed=N,process=PROCESS,rate=N,...]";

// Of --chain, one a step; kBadInput says which text is wrong.
[[nodiscard]] Result<std::vector<worker::ChainRole>> read_chain_roles(
    const std::vector<std::string>& texts);

// By their chains' places; empty for chains without a role.
[[nodiscard]] std::vector<std::string> names_of(const std::vector<worker::ChainRole>& roles);

}  // namespace kts::worker_app
