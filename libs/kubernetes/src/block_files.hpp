// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "kts/record/block_log.hpp"
#include "kts/runner/plan.hpp"
#include "slot.hpp"

namespace kts::kubernetes {

// A block as it was measured.
struct MeasuredBlock {
  runner::Block block;
  int attempt = 0;                       // from 0
  std::map<std::size_t, BlockLog> logs;  // by the agent's place; whole
};
// Writes the block's logs and block.json into `folder`, which it makes. What it returns are the
// END lines, in the order of `active`.
[[nodiscard]] Result<std::vector<record::BlockEnd>> write_block(const std::filesystem::path& folder,
                                                                const MeasuredBlock& measured,
                                                                const scenario::Scenario& scenario);

}  // namespace kts::kubernetes
