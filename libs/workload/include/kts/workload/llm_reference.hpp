// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kts/base/error.hpp"
#include "kts/workload/engine.hpp"
#include "kts/workload/llm_operands.hpp"
#include "kts/workload/model.hpp"
#include "kts/workload/precision.hpp"

// The transformer of llm_operands.hpp by definition: in double, a token at a time, each weight
// computed from the seed when it is needed. Nothing here is shared with a backend.
namespace kts::workload {

// One token on its way into one layer, as a backend had it.
struct LayerToken {
  std::int64_t layer = 0;
  std::int64_t position = 0;      // in its sequence
  std::span<const float> hidden;  // [hidden]: before the layer
  // [attended][kv_dim]: all that it attends to, and itself, row `position`: the rows 0..position of
  // a decoder, every row of an encoder.
  std::span<const float> keys;  // as RoPE left them
  std::span<const float> values;
};

struct LayerResult {
  std::vector<double> attended;  // of all heads
  std::vector<double> middle;    // the residual stream after it; an encoder's is normed
  std::vector<double> hidden;    // after the layer
  std::vector<double> key;       // its own, computed: row `position` of `keys` plays no part
  std::vector<double> value;
};
[[nodiscard]] LayerResult layer_reference(const ModelShape& model, std::uint64_t seed,
                                          Precision precision, const LayerToken& token);

// What enters layer 0: the token's row of the embedding; for an encoder with its position's,
// normed.
[[nodiscard]] std::vector<double> embedding_reference(const ModelShape& model, std::uint64_t seed,
                                                      std::int64_t sequence, std::int64_t position);

// Rows `rows` of Whead times what the last layer left (normed for a decoder): logits, or a
// reranker's only score.
[[nodiscard]] std::vector<double> head_reference(const ModelShape& model, std::uint64_t seed,
                                                 Precision precision, std::span<const float> hidden,
                                                 std::span<const std::int64_t> rows);

// Checks of what a backend computed. Errors are relative to the root mean square of what is
// expected. Tolerance kFloat: 64 eps sqrt(ffn), rounding errors of the dot products and of the
// sums before them growing like a random walk; kBf16: 2^-5, a dozen roundings to eight bits on the
// way, a value several times the root mean square, and an accumulation in float. kInternal when an
// error exceeds it or isn't a number.

// The layer's output for one token, and the token's own rows of `keys` and `values`. Checksum: sum
// of squares of the output. About 3 ns a weight of the layer.
[[nodiscard]] Result<Verification> verify_llm_layer(const ModelShape& model, std::uint64_t seed,
                                                    Precision precision, const LayerToken& token,
                                                    std::span<const float> output);
// The same part by part, each from what the backend had before it. In a long context attention is
// so small a part of the layer's output that only this finds it wrong.
[[nodiscard]] Result<Verification> verify_llm_parts(const ModelShape& model, std::uint64_t seed,
                                                    Precision precision, const LayerToken& token,
                                                    std::span<const float> attended,
                                                    std::span<const float> middle,
                                                    std::span<const float> output);
// What enters layer 0.
[[nodiscard]] Result<Verification> verify_llm_embedding(const ModelShape& model, std::uint64_t seed,
                                                        Precision precision, std::int64_t sequence,
                                                        std::int64_t position,
                                                        std::span<const float> hidden);
// `scores` is [vocab], or a reranker's one score; 64 of them and the largest are recomputed from
// `hidden`, what the last layer left.
[[nodiscard]] Result<Verification> verify_llm_head(const ModelShape& model, std::uint64_t seed,
                                                   Precision precision,
                                                   std::span<const float> hidden,
                                                   std::span<const float> scores);

}  // namespace kts::workload
