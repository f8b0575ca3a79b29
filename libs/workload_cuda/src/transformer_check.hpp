// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>

#include "kts/base/error.hpp"
#include "kts/workload/engine.hpp"
#include "transformer.hpp"

namespace kts::workload_cuda {

// Tokens of one sequence, whose last is the last that an iteration computes.
struct CheckedTokens {
  std::int64_t sequence = 0;
  std::int64_t first_row = 0;  // in the activations
  std::int64_t count = 1;
  std::int64_t first_position = 0;
};

// Runs `iteration`, always the same, with taps, and compares some of the tokens with the reference:
// in one layer, or in all when the model is small; besides, embeddings, the head and the chosen
// token. What it leaves behind must be what was there before, as launched, bit by bit.
[[nodiscard]] Result<workload::Verification> check_transformer(
    Transformer& transformer, const CheckedTokens& tokens,
    const std::function<Status()>& iteration);
// The same of the last decode step, which is made again.
[[nodiscard]] Result<workload::Verification> check_step(Transformer& transformer);

}  // namespace kts::workload_cuda
