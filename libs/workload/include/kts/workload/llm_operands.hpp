// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

#include "kts/workload/model.hpp"
#include "kts/workload/operands.hpp"

// What every backend's transformer computes on: weights, token embeddings and the cache's first
// contents, each element a function of the seed, so that any of them can be recomputed on its own.
//
// A decoder (gated), per layer, x being the residual stream of one token at position p:
//   q, k, v = Wqkv norm(x); q and k turned by RoPE(p); k, v join the cache;
//   x += Wout attention(q, cache[0..p]);  g, u = Wup norm(x);  x += Wdown (silu(g) * u)
// and after the last layer logits = Whead norm(x). norm is RMSNorm.
// An encoder: x = norm(token row + position row); per layer
//   x = norm(x + Wout attention(q, all));  x = norm(x + Wdown gelu(Wup x)),  q, k, v = Wqkv x
// norm is LayerNorm, gelu the exact one (erf). A reranker's score is Whead x of token 0.
// Norms' weights are 1 and epsilon is 1e-5; scores are scaled by 1/sqrt(head_dim); a query head h
// reads kv head h / (heads / kv_heads). RoPE turns the pairs (i, i + head_dim/2) by
// p * kRopeTheta^(-2i/head_dim).
namespace kts::workload {

inline constexpr double kNormEpsilon = 1e-5;
inline constexpr double kRopeTheta = 500000;

// Matrices are row-major [rows = out][columns = in]; y = W x.
enum class Tensor : std::uint64_t {
  kQkv,   // [qkv_rows][hidden]: heads of q, then of k, then of v
  kOut,   // [hidden][hidden]
  kUp,    // [up_rows][hidden]: all of gate, then all of up; or up alone
  kDown,  // [hidden][ffn]
  kKeys,  // the cache's first contents: see cache_index
  kValues,
};
inline constexpr std::uint64_t kFirstLayerStream = 1024;
inline constexpr std::uint64_t kTensorsALayer = 16;
inline constexpr std::uint64_t kTokenStream = 32;      // which token stands where
inline constexpr std::uint64_t kEmbeddingStream = 33;  // [vocab][hidden]
inline constexpr std::uint64_t kPositionStream = 34;   // [position][hidden]
inline constexpr std::uint64_t kHeadStream = 35;       // [vocab][hidden]; a reranker's [1][hidden]

[[nodiscard]] constexpr OperandStream layer_stream(std::uint64_t seed, std::int64_t layer,
                                                   Tensor tensor) {
  return {seed, kFirstLayerStream + static_cast<std::uint64_t>(layer) * kTensorsALayer +
                    static_cast<std::uint64_t>(tensor)};
}
[[nodiscard]] constexpr OperandStream head_stream(std::uint64_t seed) {
  return {seed, kHeadStream};
}

// A weight is its stream's element times this: variance 1/fan_in, so that what is near 1 stays so.
[[nodiscard]] inline float weight_scale(std::int64_t columns) {
  return static_cast<float>(std::sqrt(3.0 / static_cast<double>(columns)));
}
// Embeddings and the cache's first contents: variance 1.
inline constexpr float kUnitScale = 1.7320508F;

// Longer than any sequence: what a cache's element is doesn't depend on the cache's size.
inline constexpr std::uint64_t kPositionsASequence = std::uint64_t{1} << 21;
// Element d of the keys (as RoPE left them) or values of `sequence` at `position`; d < kv_dim.
[[nodiscard]] inline std::uint64_t cache_index(const ModelShape& model, std::int64_t sequence,
                                               std::int64_t position, std::int64_t d) {
  return (static_cast<std::uint64_t>(sequence) * kPositionsASequence +
          static_cast<std::uint64_t>(position)) *
             static_cast<std::uint64_t>(model.kv_dim()) +
         static_cast<std::uint64_t>(d);
}

// The token at a place, on every backend: what a step computes doesn't depend on what rounding made
// of the step before. Its row of the embedding is [token * hidden, (token + 1) * hidden).
[[nodiscard]] inline std::int64_t token_at(const ModelShape& model, std::uint64_t seed,
                                           std::int64_t sequence, std::int64_t position) {
  const OperandStream stream(seed, kTokenStream);
  const std::uint64_t index = static_cast<std::uint64_t>(sequence) * kPositionsASequence +
                              static_cast<std::uint64_t>(position);
  const double share = (static_cast<double>(stream[index]) + 1.0) / 2.0;  // [0, 1)
  return static_cast<std::int64_t>(share * static_cast<double>(model.vocab));
}

// What bf16 makes of a float: round to nearest, ties to even. For finite values.
[[nodiscard]] constexpr float rounded_to_bf16(float value) {
  std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  bits = (bits + 0x7fffU + ((bits >> 16) & 1U)) & 0xffff0000U;
  return std::bit_cast<float>(bits);
}

}  // namespace kts::workload
