// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "kernels/attention.hpp"
#include "kernels/types.hpp"

// What a transformer does between its matrix products. All matrices row-major, rows 16-byte
// aligned.
namespace kts::workload_cuda {

// out[i] = stream[first + i] * scale, rounded to bf16.
cudaError_t fill(Bf16* out, std::int64_t count, const Stream& stream, std::int64_t first,
                 float scale, cudaStream_t on) noexcept;

// A cache's first contents: element d of head h at a position p < positions of a sequence is
// stream[((sequence * positions_a_sequence) + p) * heads * head_dim + h * head_dim + d] * scale.
struct FillCache {
  KeysOrValues to;
  int sequences;
  int positions;
  int heads;
  int head_dim;
  Stream stream;
  std::int64_t positions_a_sequence;
  float scale;
};
cudaError_t fill_cache(const FillCache& arguments, cudaStream_t on) noexcept;

// Cosine and sine of p * theta^(-2i / head_dim) for pair i at position p, computed in double.
cudaError_t fill_turns(float2* turns, int positions, int head_dim, double theta,
                       cudaStream_t on) noexcept;

// Where the tokens of a decode step stand; lives in device memory, so that one CUDA Graph serves
// all steps. `next` counts up and wraps from `limit` to `first`.
struct StepState {
  int position;
  int next;
  int first;
  int limit;
};
cudaError_t set_state(StepState* state, const StepState& to, cudaStream_t on) noexcept;

// The tokens' rows of the embedding, a row of `out` each: sequence by sequence, positions
// first_position to first_position + positions - 1; or, with `state`, one position, which it moves
// on to. `best` of each sequence is cleared.
struct Embed {
  Bf16* out;
  std::int64_t hidden;
  int first_sequence;
  int sequences;
  int first_position;
  int positions;
  StepState* state;          // may be null
  unsigned long long* best;  // may be null
  std::int64_t vocab;
  Stream tokens;
  Stream embedding;
  bool learned_positions;
  Stream position_rows;
  std::int64_t positions_a_sequence;
  float scale;
};
cudaError_t embed(const Embed& arguments, const Launch& on) noexcept;

enum class Norm { kRms, kLayer };
// out row i = norm of the row at in + i * in_stride; `out` may be `in`, if in_stride is `width`.
cudaError_t normalise(Norm norm, Bf16* out, const Bf16* in, std::int64_t in_stride, int rows,
                      int width, float epsilon, const Launch& on) noexcept;

// Turns the queries in place and the keys on their way into the cache, where the values go too.
struct TurnTokens {
  Bf16* qkv;  // [sequences * rows][heads of q, of k, of v]
  std::int64_t qkv_stride;
  KeysOrValues keys;
  KeysOrValues values;
  int sequences;
  int rows;
  int heads;
  int kv_heads;
  int head_dim;
  int first_position;
  const float2* turns;
};
cudaError_t turn_tokens(const TurnTokens& arguments, const Launch& on) noexcept;

// out[i] = silu(gate[i]) * up[i]; a row of `in` is gate, then up, `width` each.
cudaError_t swiglu(Bf16* out, const Bf16* in, std::int64_t rows, int width,
                   const Launch& on) noexcept;
// In place; the exact one.
cudaError_t gelu(Bf16* values, std::int64_t count, const Launch& on) noexcept;

// The best row of each vector of logits, to `best` (see gemv.hpp), which was cleared.
cudaError_t find_best(unsigned long long* best, const float* logits, int vectors, int rows,
                      const Launch& on) noexcept;

}  // namespace kts::workload_cuda
