// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "device_memory.hpp"
#include "kernels/attention.hpp"
#include "kernels/gemv.hpp"
#include "kernels/transformer.hpp"
#include "kts/base/error.hpp"
#include "kts/workload/model.hpp"
#include "matmul.hpp"

namespace kts::workload_cuda {

// Whether a step of so many sequences is products of the matrices with each vector, none of
// cuBLASLt.
[[nodiscard]] bool steps_by_vectors(std::int64_t sequences);

[[nodiscard]] std::vector<float> to_floats(const std::vector<Bf16>& values);

struct TransformerPlan {
  workload::ModelShape model;
  std::uint64_t seed = 1;
  std::int64_t sequences = 1;  // at most
  std::int64_t positions = 1;  // of one sequence, at most: what its cache holds
  std::int64_t rows = 1;       // tokens that go through the layers together, at most
  std::int64_t head_rows = 0;  // vocab, a reranker's 1, or none
  // The counts of rows that are run, for each of which algorithms are chosen; fewer, down to half,
  // are served too.
  std::vector<std::int64_t> common_rows = {};
  bool steps = false;  // step() will be called
};

// Where forward() and step() leave copies of what a layer had between its stages, of some rows of
// the activations: what a check needs. Each [rows][hidden], but for qkv, which is [rows][qkv_rows].
struct Tap {
  std::int64_t layer = 0;
  std::int64_t first_row = 0;
  std::int64_t rows = 0;
  Bf16* input = nullptr;
  Bf16* qkv = nullptr;       // before RoPE
  Bf16* attended = nullptr;  // before the output projection
  Bf16* middle = nullptr;    // before the feed-forward part
  Bf16* output = nullptr;
};

// A transformer on the device, weights and activations in bf16, sums in FP32; what it computes is
// said in llm_operands.hpp. One stream; nothing but create() allocates.
class Transformer {
 public:
  [[nodiscard]] Status create(const TransformerPlan& plan, cudaStream_t stream);

  // Tokens first_position to first_position + positions - 1 of some sequences, whose earlier ones
  // are in the cache; the logits are those of each sequence's last token.
  [[nodiscard]] Status forward(std::int64_t first_sequence, std::int64_t sequences,
                               std::int64_t first_position, std::int64_t positions) noexcept;
  // One token of each sequence, where the device's state says; the state moves on.
  [[nodiscard]] Status step() noexcept;
  // Where the next step stands; from `limit` it goes back to `first`.
  [[nodiscard]] Status place(std::int64_t next, std::int64_t first, std::int64_t limit) noexcept;
  // Keys and values of positions below `positions` from their streams, as if there had been a
  // prefill.
  [[nodiscard]] Status fill_cache(std::int64_t positions);

  [[nodiscard]] const workload::ModelShape& model() const { return plan_.model; }
  [[nodiscard]] std::uint64_t seed() const { return plan_.seed; }
  [[nodiscard]] std::int64_t sequences() const { return plan_.sequences; }
  [[nodiscard]] std::int64_t head_rows() const { return plan_.head_rows; }
  [[nodiscard]] cudaStream_t stream() const { return stream_; }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
  [[nodiscard]] std::string describe() const { return matmul_.describe(); }
  // [sequences][head_rows], float.
  [[nodiscard]] const float* logits() const { return logits_; }
  // What left the last layer: [rows][hidden] of the last forward or step.
  [[nodiscard]] const Bf16* hidden() const { return x_; }
  // As the last step left it: it stood at `position`.
  [[nodiscard]] Result<StepState> state() const;
  // The most likely token of each sequence.
  [[nodiscard]] Result<std::vector<std::uint32_t>> best() const;
  // Host copies of a decoder's cache, [length][kv_dim], of one layer and sequence.
  struct Cache {
    std::vector<float> keys;
    std::vector<float> values;
  };
  [[nodiscard]] Result<Cache> cache(std::int64_t layer, std::int64_t sequence,
                                    std::int64_t length) const;
  void set_tap(const std::optional<Tap>& tap) { tap_ = tap; }

 private:
  struct Layer {
    Bf16* qkv = nullptr;
    Bf16* out = nullptr;
    Bf16* up = nullptr;
    Bf16* down = nullptr;
  };
  [[nodiscard]] Status allocate_all();
  [[nodiscard]] Status fill_weights();
  [[nodiscard]] Status choose_algorithms();
  [[nodiscard]] KeysOrValues keys(std::int64_t layer, std::int64_t first_sequence) const;
  [[nodiscard]] KeysOrValues values(std::int64_t layer, std::int64_t first_sequence) const;
  [[nodiscard]] Embed embedding(std::int64_t first_sequence, std::int64_t sequences) const;
  [[nodiscard]] Status attend_prompt(std::int64_t layer, std::int64_t first_sequence,
                                     std::int64_t sequences, std::int64_t first_position,
                                     std::int64_t positions) noexcept;
  [[nodiscard]] Status attend_step(std::int64_t layer) noexcept;
  [[nodiscard]] Status head(std::int64_t first_sequence, std::int64_t sequences, const Bf16* x,
                            std::int64_t x_stride) noexcept;
  [[nodiscard]] Status step_by_vectors() noexcept;
  [[nodiscard]] Status step_by_matrices() noexcept;
  [[nodiscard]] Status tap(std::int64_t layer, Bf16* Tap::*part, const Bf16* from,
                           std::int64_t width) noexcept;
  [[nodiscard]] Launch on(bool overlap = false) const { return {stream_, overlap && overlap_}; }

  TransformerPlan plan_;
  cudaStream_t stream_ = nullptr;
  bool overlap_ = false;  // the device can
  std::uint64_t bytes_ = 0;
  Matmul matmul_;
  std::vector<Layer> layers_;
  Bf16* head_ = nullptr;
  Bf16* keys_ = nullptr;
  Bf16* values_ = nullptr;
  float2* turns_ = nullptr;
  // Activations: the residual stream; what a norm or the attention made of it; queries, keys and
  // values; the FFN's two widths; the last tokens.
  Bf16* x_ = nullptr;
  Bf16* normed_ = nullptr;
  Bf16* qkv_ = nullptr;
  Bf16* up_ = nullptr;
  Bf16* gated_ = nullptr;
  Bf16* last_ = nullptr;
  float* logits_ = nullptr;
  unsigned long long* best_ = nullptr;
  StepState* state_ = nullptr;
  int splits_ = 1;
  float* partial_sums_ = nullptr;
  float2* partial_weights_ = nullptr;
  unsigned* arrivals_ = nullptr;
  std::optional<Tap> tap_;
  DeviceMemory weights_memory_;
  DeviceMemory cache_memory_;
  DeviceMemory activations_memory_;
};

}  // namespace kts::workload_cuda
