// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "kts/workload/spec.hpp"

namespace kts::workload {

// A transformer's dimensions. hidden = heads * head_dim; heads is a multiple of kv_heads.
struct ModelShape {
  std::string name;
  std::int64_t layers = 0;
  std::int64_t hidden = 0;
  std::int64_t ffn = 0;
  std::int64_t heads = 0;
  std::int64_t kv_heads = 0;
  std::int64_t head_dim = 0;
  std::int64_t vocab = 0;
  // Decoder: a token sees those before it. Else encoder: it sees all.
  bool causal = true;
  // SwiGLU, RMSNorm before each part, RoPE; else GELU, LayerNorm after each part, learned
  // positions, as in BERT. Biases are left out of both.
  bool gated = true;

  // Elements of one token's keys, or values, in one layer.
  [[nodiscard]] std::int64_t kv_dim() const { return kv_heads * head_dim; }
  // Rows of the joint projection to queries, keys and values.
  [[nodiscard]] std::int64_t qkv_rows() const { return hidden + 2 * kv_dim(); }
  // Rows of the projection into the FFN: gate and up, or up alone.
  [[nodiscard]] std::int64_t up_rows() const { return gated ? 2 * ffn : ffn; }
  [[nodiscard]] std::int64_t layer_weights() const {
    return hidden * (qkv_rows() + hidden + up_rows() + ffn);
  }
  friend bool operator==(const ModelShape&, const ModelShape&) = default;
};

// Dimensions as the models' published configurations have them; `tiny` is ours, for CPUs and tests.
[[nodiscard]] std::span<const ModelShape> models();
[[nodiscard]] const ModelShape* find_model(std::string_view name);
// Of a kind that has a parameter `model`: the named one's, or what `custom` was given.
[[nodiscard]] ModelShape model_of(const WorkloadSpec& spec);

// Positions that a decode agent's cache grows by before it wraps back to `context`.
inline constexpr std::int64_t kDecodeGrowth = 64;

}  // namespace kts::workload
