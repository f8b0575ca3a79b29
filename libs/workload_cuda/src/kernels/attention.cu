// SPDX-License-Identifier: Apache-2.0
#include "kernels/attention.hpp"
#include "kernels/device.cuh"

namespace kts::workload_cuda {
namespace {

constexpr float kLog2E = 1.44269504f;
constexpr float kMinusInfinity = -__builtin_huge_valf();

// ---- Many tokens: tiles of 64 queries against tiles of 64 positions; a warp has 16 queries.

constexpr int kTile = 64;
constexpr int kThreads = 128;

// A tile lies row by row; the 16-byte pieces of a row are permuted, so that eight lanes which read
// the same piece of eight rows find them in different banks.
template <int kHeadDim>
__device__ __forceinline__ int place(int row, int piece) {
  return row * kHeadDim + (piece ^ (row % 8)) * 8;
}
// `valid` false: zeros.
__device__ __forceinline__ void copy_piece(Bf16* to, const Bf16* from, bool valid) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(to)), "l"(from),
               "r"(valid ? 16 : 0)
               : "memory");
}
__device__ __forceinline__ void load_matrices(std::uint32_t (&r)[4], const Bf16* p) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared_address(p))
               : "memory");
}
__device__ __forceinline__ void load_transposed(std::uint32_t (&r)[4], const Bf16* p) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared_address(p))
               : "memory");
}
template <int kHeadDim>
__device__ __forceinline__ void copy_tile(Bf16* tile, const Bf16* from, std::int64_t stride,
                                          int rows) {
  constexpr int kPieces = kHeadDim / 8;
#pragma unroll
  for (int i = 0; i < kTile * kPieces / kThreads; ++i) {
    const int piece = (static_cast<int>(threadIdx.x) + i * kThreads) % kPieces;
    const int row = (static_cast<int>(threadIdx.x) + i * kThreads) / kPieces;
    const bool valid = row < rows;
    copy_piece(tile + place<kHeadDim>(row, piece), from + (valid ? row : 0) * stride + piece * 8,
               valid);
  }
}

template <int kHeadDim>
constexpr std::size_t tokens_shared_bytes() {
  return std::size_t{5} * kTile * kHeadDim * sizeof(Bf16);
}

template <int kHeadDim>
__global__ void __launch_bounds__(kThreads) attend_tokens_kernel(const AttendTokens a) {
  extern __shared__ __align__(128) Bf16 shared[];
  constexpr int kTileElements = kTile * kHeadDim;
  Bf16* const query_tile = shared;
  Bf16* const key_tiles = shared + kTileElements;        // two, in turn
  Bf16* const value_tiles = shared + 3 * kTileElements;  // two, in turn

  const int warp = static_cast<int>(threadIdx.x) / 32;
  const int lane = static_cast<int>(threadIdx.x) % 32;
  // The longest first, so that what is left at the end is short.
  const int tile = static_cast<int>(gridDim.x - 1 - blockIdx.x);
  const int head = static_cast<int>(blockIdx.y);
  const std::int64_t sequence = blockIdx.z;
  const int first_row = tile * kTile;
  const int kv_head = head / a.heads_a_kv_head;
  const Bf16* const queries = a.queries + (sequence * a.rows + first_row) * a.query_stride +
                              static_cast<std::int64_t>(head) * kHeadDim;
  const Bf16* const keys =
      a.keys.data + sequence * a.keys.sequence_stride + kv_head * a.keys.head_stride;
  const Bf16* const values =
      a.values.data + sequence * a.values.sequence_stride + kv_head * a.values.head_stride;
  const int length = a.causal ? min(a.length, a.first_position + first_row + kTile) : a.length;
  const int tiles = (length + kTile - 1) / kTile;

  wait_for_previous_kernel();
  copy_tile<kHeadDim>(query_tile, queries, a.query_stride, a.rows - first_row);
  copy_tile<kHeadDim>(key_tiles, keys, a.keys.position_stride, length);
  copy_tile<kHeadDim>(value_tiles, values, a.values.position_stride, length);
  end_copies();

  constexpr int kPieces = kHeadDim / 16;  // of 16 columns
  std::uint32_t query[kPieces][4];
  float out[kHeadDim / 8][4] = {};
  // Lane l has parts of rows l / 4 and l / 4 + 8 of its warp's 16.
  float most[2] = {kMinusInfinity, kMinusInfinity};
  float weight[2] = {};  // this lane's part
  const float scale = a.scale * kLog2E;
  const int position0 = a.first_position + first_row + warp * 16 + lane / 4;

  for (int j = 0; j < tiles; ++j) {
    const Bf16* const key_tile = key_tiles + j % 2 * kTileElements;
    const Bf16* const value_tile = value_tiles + j % 2 * kTileElements;
    if (j + 1 < tiles) {
      const int next = (j + 1) * kTile;
      copy_tile<kHeadDim>(key_tiles + (j + 1) % 2 * kTileElements,
                          keys + next * a.keys.position_stride, a.keys.position_stride,
                          length - next);
      copy_tile<kHeadDim>(value_tiles + (j + 1) % 2 * kTileElements,
                          values + next * a.values.position_stride, a.values.position_stride,
                          length - next);
      end_copies();
      wait_for_copies<1>();
    } else {
      wait_for_copies<0>();
    }
    __syncthreads();
    if (j == 0) {
#pragma unroll
      for (int p = 0; p < kPieces; ++p) {
        load_matrices(query[p],
                      query_tile + place<kHeadDim>(warp * 16 + lane % 16, p * 2 + lane / 16));
      }
    }

    float scores[kTile / 8][4] = {};
#pragma unroll
    for (int p = 0; p < kPieces; ++p) {
#pragma unroll
      for (int n = 0; n < kTile / 16; ++n) {
        std::uint32_t key[4];
        load_matrices(key, key_tile + place<kHeadDim>(n * 16 + lane % 8 + lane / 16 * 8,
                                                      p * 2 + lane / 8 % 2));
        multiply(scores[2 * n], query[p], key[0], key[1]);
        multiply(scores[2 * n + 1], query[p], key[2], key[3]);
      }
    }

    const int base = j * kTile;
    if (base + kTile > length || (a.causal && base + kTile - 1 > a.first_position + first_row)) {
#pragma unroll
      for (int n = 0; n < kTile / 8; ++n) {
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          const int position = base + n * 8 + lane % 4 * 2 + i % 2;
          const int own = position0 + i / 2 * 8;
          if (position >= length || (a.causal && position > own)) scores[n][i] = kMinusInfinity;
        }
      }
    }

    // Position 0 is seen by every query, so after the first tile `most` is finite.
    float best[2] = {most[0], most[1]};
#pragma unroll
    for (int n = 0; n < kTile / 8; ++n) {
#pragma unroll
      for (int i = 0; i < 4; ++i) best[i / 2] = fmaxf(best[i / 2], scores[n][i]);
    }
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      best[r] = fmaxf(best[r], __shfl_xor_sync(0xffffffffu, best[r], 1));
      best[r] = fmaxf(best[r], __shfl_xor_sync(0xffffffffu, best[r], 2));
      const float shrink = exp2f((most[r] - best[r]) * scale);
      most[r] = best[r];
      weight[r] *= shrink;
#pragma unroll
      for (int d = 0; d < kHeadDim / 8; ++d) {
        out[d][2 * r] *= shrink;
        out[d][2 * r + 1] *= shrink;
      }
    }
#pragma unroll
    for (int n = 0; n < kTile / 8; ++n) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        scores[n][i] = exp2f((scores[n][i] - most[i / 2]) * scale);
        weight[i / 2] += scores[n][i];
      }
    }

#pragma unroll
    for (int p = 0; p < kTile / 16; ++p) {
      const std::uint32_t weights[4] = {pack(scores[2 * p][0], scores[2 * p][1]),
                                        pack(scores[2 * p][2], scores[2 * p][3]),
                                        pack(scores[2 * p + 1][0], scores[2 * p + 1][1]),
                                        pack(scores[2 * p + 1][2], scores[2 * p + 1][3])};
#pragma unroll
      for (int d = 0; d < kHeadDim / 16; ++d) {
        std::uint32_t value[4];
        load_transposed(value, value_tile + place<kHeadDim>(p * 16 + lane % 16, d * 2 + lane / 16));
        multiply(out[2 * d], weights, value[0], value[1]);
        multiply(out[2 * d + 1], weights, value[2], value[3]);
      }
    }
    __syncthreads();  // before the next round's copies overwrite this tile
  }
  let_next_kernel_begin();

#pragma unroll
  for (int r = 0; r < 2; ++r) {
    weight[r] += __shfl_xor_sync(0xffffffffu, weight[r], 1);
    weight[r] += __shfl_xor_sync(0xffffffffu, weight[r], 2);
    const int row = first_row + warp * 16 + lane / 4 + r * 8;
    if (row >= a.rows) continue;
    const float share = 1.0f / weight[r];
    Bf16* const to = a.out + (sequence * a.rows + row) * a.out_stride +
                     static_cast<std::int64_t>(head) * kHeadDim + lane % 4 * 2;
#pragma unroll
    for (int d = 0; d < kHeadDim / 8; ++d) {
      *reinterpret_cast<std::uint32_t*>(to + d * 8) =
          pack(out[d][2 * r] * share, out[d][2 * r + 1] * share);
    }
  }
}

template <int kHeadDim>
cudaError_t launch_tokens(const AttendTokens& a, const Launch& on) {
  const dim3 grid(static_cast<unsigned>((a.rows + kTile - 1) / kTile),
                  static_cast<unsigned>(a.heads), static_cast<unsigned>(a.sequences));
  return launch(attend_tokens_kernel<kHeadDim>, grid, kThreads, tokens_shared_bytes<kHeadDim>(), on,
                a);
}

// ---- One token: 16 bytes of a position a lane; a team of lanes has a whole position of one head.

constexpr int kMostHeads = 8;  // query heads that a block attends for together
constexpr int kTokenThreads = 256;

template <int kHeadDim, int kHeads>
__global__ void __launch_bounds__(kTokenThreads) attend_token_kernel(const AttendToken a) {
  constexpr int kThreads = kTokenThreads;
  constexpr int kWarps = kThreads / 32;
  constexpr int kTeam = kHeadDim / 8;
  constexpr int kTeams = kThreads / kTeam;
  constexpr int kAhead = kHeads > 4 ? 2 : 4;  // positions that a team has under way
  constexpr int kHalf = kHeadDim / 2;
  __shared__ __align__(16) float query[kHeads][kHeadDim];
  __shared__ __align__(16) float parts[kWarps][kHeads][kHeadDim];
  __shared__ float2 part_weights[kWarps][kHeads];  // most, weight
  __shared__ bool last;

  const int thread = static_cast<int>(threadIdx.x);
  const int team = thread / kTeam;
  const int d0 = thread % kTeam * 8;
  const int split = static_cast<int>(blockIdx.x);
  const int sequence = static_cast<int>(blockIdx.z);
  const int heads_a_kv_head = a.heads / a.kv_heads;
  const int blocks_a_kv_head = static_cast<int>(gridDim.y) / a.kv_heads;
  const int kv_head = static_cast<int>(blockIdx.y) / blocks_a_kv_head;
  const int first_of_kv_head = static_cast<int>(blockIdx.y) % blocks_a_kv_head * kMostHeads;
  const int first_head = kv_head * heads_a_kv_head + first_of_kv_head;
  const int heads = min(kHeads, heads_a_kv_head - first_of_kv_head);
  const Bf16* const qkv = a.qkv + sequence * a.qkv_stride;
  Bf16* const keys = a.keys.data + sequence * a.keys.sequence_stride + kv_head * a.keys.head_stride;
  Bf16* const values =
      a.values.data + sequence * a.values.sequence_stride + kv_head * a.values.head_stride;

  int begin = 0;
  int end = 0;
  const auto take_share = [&](int position) {
    const int length = position + 1;
    const int span = (length + a.splits - 1) / a.splits;
    begin = min(split * span, length);
    end = min(begin + span, length);
  };
  uint4 next_keys[kAhead];
  uint4 next_values[kAhead];
  // Of positions from `first` on that lie before `limit`; else zeros.
  const auto load = [&](int first, int limit) {
#pragma unroll
    for (int i = 0; i < kAhead; ++i) {
      const int p = first + i * kTeams + team;
      next_keys[i] = next_values[i] = make_uint4(0, 0, 0, 0);
      if (p < limit) {
        next_keys[i] =
            __ldcg(reinterpret_cast<const uint4*>(keys + p * a.keys.position_stride + d0));
        next_values[i] =
            __ldcg(reinterpret_cast<const uint4*>(values + p * a.values.position_stride + d0));
      }
    }
  };
  // What the cache holds of earlier tokens was written a step ago: it can be on its way while the
  // kernel before this runs. Only which token is now may still change, in a step's first layer.
  const int guess = __ldcg(a.position);
  take_share(guess);
  load(begin, min(end, guess));

  wait_for_previous_kernel();
  let_next_kernel_begin();
  const int position = __ldcg(a.position);
  if (position != guess) {
    take_share(position);
    load(begin, min(end, position));
  }
  const float2* const turns = a.turns + static_cast<std::int64_t>(position) * kHalf;

  const float scale = a.scale * kLog2E;
  for (int i = thread; i < kHeads * kHalf; i += kThreads) {
    const int head = i / kHalf;
    const int d = i % kHalf;
    float low = 0;
    float high = 0;
    if (head < heads) {
      const Bf16* const q = qkv + static_cast<std::int64_t>(first_head + head) * kHeadDim;
      low = from_bf16(__ldcg(q + d)) * scale;
      high = from_bf16(__ldcg(q + d + kHalf)) * scale;
    }
    const float2 turn = __ldg(turns + d);
    query[head][d] = low * turn.x - high * turn.y;
    query[head][d + kHalf] = high * turn.x + low * turn.y;
  }
  if (begin <= position && position < end) {
    const Bf16* const k = qkv + static_cast<std::int64_t>(a.heads + kv_head) * kHeadDim;
    const Bf16* const v =
        qkv + static_cast<std::int64_t>(a.heads + a.kv_heads + kv_head) * kHeadDim;
    for (int d = thread; d < kHalf; d += kThreads) {
      const float low = from_bf16(__ldcg(k + d));
      const float high = from_bf16(__ldcg(k + d + kHalf));
      const float2 turn = __ldg(turns + d);
      Bf16* const key = keys + position * a.keys.position_stride;
      Bf16* const value = values + position * a.values.position_stride;
      key[d] = to_bf16(low * turn.x - high * turn.y);
      key[d + kHalf] = to_bf16(high * turn.x + low * turn.y);
      value[d] = __ldcg(v + d);
      value[d + kHalf] = __ldcg(v + d + kHalf);
    }
  }
  __syncthreads();

  float out[kHeads][8] = {};
  float most[kHeads];
  float weight[kHeads] = {};
#pragma unroll
  for (float& m : most) m = -1e30f;  // finite: a difference of infinities is no number

  if (begin <= position && position < begin + kTeams * kAhead) load(begin, end);
  for (int first = begin; first < end; first += kTeams * kAhead) {
    uint4 key[kAhead];
    uint4 value[kAhead];
#pragma unroll
    for (int i = 0; i < kAhead; ++i) key[i] = next_keys[i], value[i] = next_values[i];
    load(first + kTeams * kAhead, end);
#pragma unroll
    for (int head = 0; head < kHeads; ++head) {
      float q[8];
#pragma unroll
      for (int d = 0; d < 8; ++d) q[d] = query[head][d0 + d];
      float score[kAhead];
      float best = most[head];
#pragma unroll
      for (int i = 0; i < kAhead; ++i) {
        float k[8];
        unpack(key[i], k);
        float sum = 0;
#pragma unroll
        for (int d = 0; d < 8; ++d) sum += q[d] * k[d];
#pragma unroll
        for (int offset = 1; offset < kTeam; offset *= 2) {
          sum += __shfl_xor_sync(0xffffffffu, sum, offset);
        }
        score[i] = first + i * kTeams + team < end ? sum : kMinusInfinity;
        best = fmaxf(best, score[i]);
      }
      const float shrink = exp2f(most[head] - best);
      most[head] = best;
      weight[head] *= shrink;
#pragma unroll
      for (int d = 0; d < 8; ++d) out[head][d] *= shrink;
#pragma unroll
      for (int i = 0; i < kAhead; ++i) {
        const float share = exp2f(score[i] - best);
        weight[head] += share;
        float v[8];
        unpack(value[i], v);
#pragma unroll
        for (int d = 0; d < 8; ++d) out[head][d] += share * v[d];
      }
    }
  }

  // A warp's teams put theirs together, then the warps.
#pragma unroll
  for (int head = 0; head < kHeads; ++head) {
#pragma unroll
    for (int offset = kTeam; offset < 32; offset *= 2) {
      const float other_most = __shfl_xor_sync(0xffffffffu, most[head], offset);
      const float best = fmaxf(most[head], other_most);
      const float shrink = exp2f(most[head] - best);
      const float other_shrink = exp2f(other_most - best);
      const float other_weight = __shfl_xor_sync(0xffffffffu, weight[head], offset);
      most[head] = best;
      weight[head] = weight[head] * shrink + other_weight * other_shrink;
#pragma unroll
      for (float& o : out[head]) {
        const float other = __shfl_xor_sync(0xffffffffu, o, offset);
        o = o * shrink + other * other_shrink;
      }
    }
    const int warp = thread / 32;
    if (thread % 32 < kTeam) {
      *reinterpret_cast<float4*>(&parts[warp][head][d0]) =
          make_float4(out[head][0], out[head][1], out[head][2], out[head][3]);
      *reinterpret_cast<float4*>(&parts[warp][head][d0 + 4]) =
          make_float4(out[head][4], out[head][5], out[head][6], out[head][7]);
    }
    if (thread % 32 == 0) part_weights[warp][head] = make_float2(most[head], weight[head]);
  }
  __syncthreads();

  for (int i = thread; i < heads * kHeadDim; i += kThreads) {
    const int head = i / kHeadDim;
    const int d = i % kHeadDim;
    float best = -1e30f;
#pragma unroll
    for (int w = 0; w < kWarps; ++w) best = fmaxf(best, part_weights[w][head].x);
    float sum = 0;
    float total = 0;
#pragma unroll
    for (int w = 0; w < kWarps; ++w) {
      const float shrink = exp2f(part_weights[w][head].x - best);
      sum += shrink * parts[w][head][d];
      total += shrink * part_weights[w][head].y;
    }
    const std::int64_t of = static_cast<std::int64_t>(sequence) * a.heads + first_head + head;
    if (a.splits == 1) {
      a.out[of * kHeadDim + d] = to_bf16(sum / total);
    } else {
      a.partial_sums[(of * a.splits + split) * kHeadDim + d] = sum;
      if (d == 0) a.partial_weights[of * a.splits + split] = make_float2(best, total);
    }
  }
  if (a.splits == 1) return;

  __threadfence();
  __syncthreads();
  if (thread == 0) {
    unsigned* const arrivals =
        a.arrivals + static_cast<std::int64_t>(sequence) * gridDim.y + blockIdx.y;
    // Wraps to zero with the last.
    last = atomicInc(arrivals, static_cast<unsigned>(a.splits - 1)) ==
           static_cast<unsigned>(a.splits - 1);
  }
  __syncthreads();
  if (!last) return;
  __threadfence();
  // Each split's share of the sum: a warp a head, a lane a split.
  float* const shares = &parts[0][0][0];  // [heads][splits]
  const std::int64_t first_of = static_cast<std::int64_t>(sequence) * a.heads + first_head;
  for (int head = thread / 32; head < heads; head += kThreads / 32) {
    const float2* const weights = a.partial_weights + (first_of + head) * a.splits;
    float best = -1e30f;
    for (int s = thread % 32; s < a.splits; s += 32) best = fmaxf(best, __ldcg(&weights[s].x));
#pragma unroll
    for (int offset = 16; offset > 0; offset /= 2) {
      best = fmaxf(best, __shfl_xor_sync(0xffffffffu, best, offset));
    }
    float total = 0;
    for (int s = thread % 32; s < a.splits; s += 32) {
      const float2 w = __ldcg(weights + s);
      const float shrink = exp2f(w.x - best);
      shares[head * a.splits + s] = shrink;
      total += shrink * w.y;
    }
#pragma unroll
    for (int offset = 16; offset > 0; offset /= 2) {
      total += __shfl_xor_sync(0xffffffffu, total, offset);
    }
    for (int s = thread % 32; s < a.splits; s += 32) shares[head * a.splits + s] /= total;
  }
  __syncthreads();
  for (int i = thread * 4; i < heads * kHeadDim; i += kThreads * 4) {
    const int head = i / kHeadDim;
    const int d = i % kHeadDim;
    const float* const sums = a.partial_sums + (first_of + head) * a.splits * kHeadDim + d;
    float sum[4] = {};
    constexpr int kLoads = 16;  // under way together
    for (int first = 0; first < a.splits; first += kLoads) {
      float4 part[kLoads];
      float share[kLoads];
#pragma unroll
      for (int s = 0; s < kLoads; ++s) {
        const int of_split = min(first + s, a.splits - 1);
        part[s] = __ldcg(reinterpret_cast<const float4*>(sums + of_split * kHeadDim));
        share[s] = first + s < a.splits ? shares[head * a.splits + of_split] : 0;
      }
#pragma unroll
      for (int s = 0; s < kLoads; ++s) {
        sum[0] += share[s] * part[s].x;
        sum[1] += share[s] * part[s].y;
        sum[2] += share[s] * part[s].z;
        sum[3] += share[s] * part[s].w;
      }
    }
    *reinterpret_cast<uint2*>(a.out + (first_of + head) * kHeadDim + d) =
        make_uint2(pack(sum[0], sum[1]), pack(sum[2], sum[3]));
  }
}

template <int kHeadDim>
cudaError_t launch_token(const AttendToken& a, const Launch& on) {
  const dim3 grid(static_cast<unsigned>(a.splits),
                  static_cast<unsigned>(token_blocks(a.heads, a.kv_heads)),
                  static_cast<unsigned>(a.sequences));
  const int heads = a.heads / a.kv_heads;
  if (heads == 1) return launch(attend_token_kernel<kHeadDim, 1>, grid, kTokenThreads, 0, on, a);
  if (heads == 2) return launch(attend_token_kernel<kHeadDim, 2>, grid, kTokenThreads, 0, on, a);
  if (heads <= 4) return launch(attend_token_kernel<kHeadDim, 4>, grid, kTokenThreads, 0, on, a);
  return launch(attend_token_kernel<kHeadDim, kMostHeads>, grid, kTokenThreads, 0, on, a);
}

}  // namespace

cudaError_t attend_tokens(int head_dim, const AttendTokens& a, const Launch& on) noexcept {
  if (head_dim == 64) return launch_tokens<64>(a, on);
  if (head_dim == 128) return launch_tokens<128>(a, on);
  return cudaErrorInvalidValue;
}

cudaError_t attend_token(int head_dim, const AttendToken& a, const Launch& on) noexcept {
  if (head_dim == 64) return launch_token<64>(a, on);
  if (head_dim == 128) return launch_token<128>(a, on);
  return cudaErrorInvalidValue;
}

int token_blocks(int heads, int kv_heads) noexcept {
  return kv_heads * ((heads / kv_heads + kMostHeads - 1) / kMostHeads);
}

cudaError_t prepare_attention() noexcept {
  const cudaError_t narrow =
      cudaFuncSetAttribute(attend_tokens_kernel<64>, cudaFuncAttributeMaxDynamicSharedMemorySize,
                           static_cast<int>(tokens_shared_bytes<64>()));
  if (narrow != cudaSuccess) return narrow;
  return cudaFuncSetAttribute(attend_tokens_kernel<128>,
                              cudaFuncAttributeMaxDynamicSharedMemorySize,
                              static_cast<int>(tokens_shared_bytes<128>()));
}

}  // namespace kts::workload_cuda
