// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "kernels/types.hpp"

namespace kts::workload_cuda {

// Keys or values of one layer; element d of a head at a position of a sequence lies at
// data + sequence * sequence_stride + head * head_stride + position * position_stride + d.
struct KeysOrValues {
  Bf16* data;
  std::int64_t sequence_stride;
  std::int64_t head_stride;
  std::int64_t position_stride;
};

// Attention of many tokens of each sequence, online softmax in tiles (Dao et al. 2022), on tensor
// cores. Query row r of a sequence stands at position first_position + r.
struct AttendTokens {
  const Bf16*
      queries;  // row i of sequence s: queries + (s * rows + i) * query_stride; [heads][head_dim]
  std::int64_t query_stride;
  KeysOrValues keys;
  KeysOrValues values;
  Bf16* out;  // row i of sequence s: out + (s * rows + i) * out_stride; [heads][head_dim]
  std::int64_t out_stride;
  int sequences;
  int rows;
  int heads;
  int heads_a_kv_head;
  int first_position;
  int length;  // positions that there are keys of; at least first_position + rows
  bool causal;
  float scale;
};
// head_dim: 64 or 128.
cudaError_t attend_tokens(int head_dim, const AttendTokens& arguments, const Launch& on) noexcept;

// Attention of one new token of each sequence: turns its query and key (RoPE), writes its key and
// value to the cache, attends to positions 0 to *position. The positions are split among blocks;
// the last to finish a kv head puts the parts together.
struct AttendToken {
  const Bf16* qkv;  // sequence s: qkv + s * qkv_stride; heads of q, then of k, then of v
  std::int64_t qkv_stride;
  KeysOrValues keys;
  KeysOrValues values;
  Bf16* out;  // [sequences][heads][head_dim]
  int sequences;
  int heads;
  int kv_heads;
  int splits;
  const int* position;
  const float2* turns;  // cosine and sine: [position][head_dim / 2]
  float scale;
  float* partial_sums;      // [sequences][heads][splits][head_dim]
  float2* partial_weights;  // [sequences][heads][splits]
  unsigned* arrivals;       // [sequences][token_blocks()], zero; left as found
};
cudaError_t attend_token(int head_dim, const AttendToken& arguments, const Launch& on) noexcept;
// Blocks that share a split of a sequence.
int token_blocks(int heads, int kv_heads) noexcept;

// To be called once: lets kernels take the shared memory that they need.
cudaError_t prepare_attention() noexcept;

}  // namespace kts::workload_cuda
