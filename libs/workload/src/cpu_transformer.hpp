// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "cpu_work.hpp"
#include "kts/workload/model.hpp"

namespace kts::workload {

// The transformer of llm_operands.hpp in float, by BLAS and plain loops: weights of its own for
// every layer, a KV cache, one pass at a time. After prepare nothing is allocated.
class CpuTransformer {
 public:
  // Of the pass's tokens: sequence s has rows [s * tokens, (s + 1) * tokens), whose positions begin
  // at `first`.
  struct Pass {
    std::int64_t batch = 1;
    std::int64_t first = 0;
    std::int64_t tokens = 1;
  };
  struct Room {
    std::int64_t rows = 0;       // most tokens of a pass, all sequences
    std::int64_t batch = 1;      // sequences of the cache, and of the head's results
    std::int64_t positions = 0;  // of the cache, a sequence
    std::int64_t head_rows = 0;  // 0: no head
  };
  // Called before and after each layer of a pass.
  using Witness = std::function<void(std::int64_t layer, bool after)>;

  [[nodiscard]] Status prepare(const ModelShape& model, std::uint64_t seed, const Room& room);
  // Positions [0, count) of every sequence get their first contents.
  void fill_cache(std::int64_t count);
  // Hidden states of the pass; keys and values join the cache.
  void run(const Pass& pass, const Witness* witness = nullptr) noexcept;
  // Scores of row `row` of the last pass, into place `sequence`.
  void score(std::int64_t row, std::int64_t sequence) noexcept;
  // A witnessed pass, each layer of which is checked for as many tokens as 2^25 weights allow, and
  // at least one; the embedding and the scores of one more. The last error that is worst.
  [[nodiscard]] Result<Verification> verify(const Pass& pass);

  [[nodiscard]] std::span<const float> hidden(std::int64_t rows) const {
    return {x_.get(), static_cast<std::size_t>(rows * model_.hidden)};
  }
  [[nodiscard]] std::span<const float> scores() const {
    return {scores_.get(), static_cast<std::size_t>(room_.batch * room_.head_rows)};
  }

 private:
  struct Layer {
    Floats qkv, out, up, down;
  };
  struct Cache {
    Floats keys, values;  // [batch][positions][kv_dim]
  };
  // y[rows][out] = x[rows][in] W', W being [out][in].
  static void project(const float* x, const float* weights, float* y, std::int64_t rows,
                      std::int64_t in, std::int64_t out) noexcept;
  void embed(const Pass& pass) noexcept;
  void norm(const float* from, float* to, std::int64_t rows) const noexcept;
  // Turns queries and keys, and puts keys and values into the cache.
  void store(const Pass& pass, const Cache& cache) noexcept;
  void attend(const Pass& pass, const Cache& cache) noexcept;
  void activate(std::int64_t rows) noexcept;
  [[nodiscard]] const Cache& cache(std::int64_t layer) const {
    return caches_[model_.causal ? static_cast<std::size_t>(layer) : 0];
  }
  [[nodiscard]] float* cache_row(const Floats& part, std::int64_t sequence,
                                 std::int64_t position) const {
    return part.get() + (sequence * room_.positions + position) * model_.kv_dim();
  }

  ModelShape model_;
  std::uint64_t seed_ = 0;
  Room room_;
  std::vector<Layer> layers_;
  std::vector<Cache> caches_;  // one a layer; an encoder needs none between layers
  Floats head_;
  std::vector<double> frequencies_;  // of RoPE, head_dim / 2
  // Of a pass: the residual stream, its norm, q with k and v, attention's result, the FFN's inside.
  Floats x_, normed_, qkv_, attended_, inner_;
  Floats shares_;  // of one query's attention, [positions]
  Floats scores_;
};

}  // namespace kts::workload
