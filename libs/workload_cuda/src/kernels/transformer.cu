// SPDX-License-Identifier: Apache-2.0
#include "kernels/best.cuh"
#include "kernels/device.cuh"
#include "kernels/transformer.hpp"

namespace kts::workload_cuda {
namespace {

constexpr int kThreads = 256;

dim3 blocks_for(std::int64_t items) {
  constexpr std::int64_t kMost = 1 << 16;
  const std::int64_t blocks = (items + kThreads - 1) / kThreads;
  return dim3(static_cast<unsigned>(blocks < 1 ? 1 : blocks < kMost ? blocks : kMost));
}
__device__ __forceinline__ std::int64_t first_item() {
  return static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
}
__device__ __forceinline__ std::int64_t item_stride() {
  return static_cast<std::int64_t>(gridDim.x) * kThreads;
}

// Eight elements an item; the rest is done one by one.
__global__ void fill_kernel(Bf16* out, std::int64_t count, Stream stream, std::int64_t first,
                            float scale) {
  const std::uint64_t key = key_of(stream);
  for (std::int64_t i = first_item() * 8; i < count; i += item_stride() * 8) {
    float values[8];
#pragma unroll
    for (int j = 0; j < 8; ++j) {
      values[j] = element(key, static_cast<std::uint64_t>(first + i + j)) * scale;
    }
    if (i + 8 <= count) {
      *reinterpret_cast<uint4*>(out + i) = pack(values);
    } else {
      for (int j = 0; i + j < count; ++j) out[i + j] = to_bf16(values[j]);
    }
  }
}

__global__ void fill_cache_kernel(const FillCache a) {
  const std::uint64_t key = key_of(a.stream);
  const std::int64_t width = static_cast<std::int64_t>(a.heads) * a.head_dim;
  const std::int64_t count = static_cast<std::int64_t>(a.sequences) * a.positions * width;
  for (std::int64_t i = first_item(); i < count; i += item_stride()) {
    const std::int64_t d = i % width;
    const std::int64_t position = i / width % a.positions;
    const std::int64_t sequence = i / width / a.positions;
    const auto index =
        static_cast<std::uint64_t>((sequence * a.positions_a_sequence + position) * width + d);
    a.to.data[sequence * a.to.sequence_stride + d / a.head_dim * a.to.head_stride +
              position * a.to.position_stride + d % a.head_dim] =
        to_bf16(element(key, index) * a.scale);
  }
}

__global__ void fill_turns_kernel(float2* turns, int positions, int head_dim, double theta) {
  const int half = head_dim / 2;
  const std::int64_t count = static_cast<std::int64_t>(positions) * half;
  for (std::int64_t i = first_item(); i < count; i += item_stride()) {
    const double angle =
        static_cast<double>(i / half) * pow(theta, -2.0 * static_cast<double>(i % half) / head_dim);
    double s;
    double c;
    sincos(angle, &s, &c);
    turns[i] = make_float2(static_cast<float>(c), static_cast<float>(s));
  }
}

__global__ void set_state_kernel(StepState* state, StepState to) { *state = to; }

__global__ void embed_kernel(const Embed a) {
  wait_for_previous_kernel();
  const int row = static_cast<int>(blockIdx.x);
  const int sequence = a.first_sequence + row / a.positions;
  const int position = a.state != nullptr ? a.state->next : a.first_position + row % a.positions;
  if (threadIdx.x == 0 && a.best != nullptr && row % a.positions == 0) a.best[sequence] = 0;
  const double share =
      (static_cast<double>(
           element(key_of(a.tokens),
                   static_cast<std::uint64_t>(sequence * a.positions_a_sequence + position))) +
       1.0) /
      2.0;
  const auto token = static_cast<std::int64_t>(share * static_cast<double>(a.vocab));
  const std::uint64_t key = key_of(a.embedding);
  const std::uint64_t position_key = key_of(a.position_rows);
  Bf16* const out = a.out + row * a.hidden;
  for (std::int64_t d = threadIdx.x * 2; d < a.hidden; d += kThreads * 2) {
    float values[2];
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      values[i] = element(key, static_cast<std::uint64_t>(token * a.hidden + d + i)) * a.scale;
      if (a.learned_positions) {
        values[i] +=
            element(position_key, static_cast<std::uint64_t>(position * a.hidden + d + i)) *
            a.scale;
      }
    }
    *reinterpret_cast<std::uint32_t*>(out + d) = pack(values[0], values[1]);
  }
  if (a.state != nullptr && row == 0 && threadIdx.x == 0) a.state->position = position;
}

// Apart from embed_kernel, whose other blocks may still read `next`.
__global__ void advance_kernel(StepState* state) {
  wait_for_previous_kernel();
  let_next_kernel_begin();
  const int next = state->next + 1;
  state->next = next >= state->limit ? state->first : next;
}

template <Norm kNorm>
__global__ void __launch_bounds__(kThreads)
    normalise_kernel(Bf16* out, const Bf16* in, std::int64_t in_stride, int width, float epsilon) {
  __shared__ float scratch[kThreads / 32];
  wait_for_previous_kernel();
  let_next_kernel_begin();
  const Bf16* const from = in + blockIdx.x * in_stride;
  Bf16* const to = out + static_cast<std::int64_t>(blockIdx.x) * width;
  const auto each = [&](auto&& use) {
    for (int d = static_cast<int>(threadIdx.x) * 8; d < width; d += kThreads * 8) {
      float values[8];
      unpack(__ldcg(reinterpret_cast<const uint4*>(from + d)), values);
      use(d, values);
    }
  };
  float mean = 0;
  if (kNorm == Norm::kLayer) {
    float sum = 0;
    each([&](int, float(&values)[8]) {
      for (const float value : values) sum += value;
    });
    mean = block_sum<kThreads>(sum, scratch) / static_cast<float>(width);
  }
  float squares = 0;
  each([&](int, float(&values)[8]) {
    for (const float value : values) squares += (value - mean) * (value - mean);
  });
  const float scale =
      rsqrtf(block_sum<kThreads>(squares, scratch) / static_cast<float>(width) + epsilon);
  each([&](int d, float(&values)[8]) {
    for (float& value : values) value = (value - mean) * scale;
    *reinterpret_cast<uint4*>(to + d) = pack(values);
  });
}

// Eight pairs an item for q and k, eight elements for v.
__global__ void turn_tokens_kernel(const TurnTokens a) {
  const int row = static_cast<int>(blockIdx.x);
  const int sequence = row / a.rows;
  const int position = a.first_position + row % a.rows;
  Bf16* const qkv = a.qkv + row * a.qkv_stride;
  const int half = a.head_dim / 2;
  const int turned = (a.heads + a.kv_heads) * (half / 8);
  const int all = turned + a.kv_heads * (a.head_dim / 8);
  for (int i = static_cast<int>(threadIdx.x); i < all; i += kThreads) {
    if (i >= turned) {
      const int head = (i - turned) / (a.head_dim / 8);
      const int d = (i - turned) % (a.head_dim / 8) * 8;
      const Bf16* const from =
          qkv + static_cast<std::int64_t>(a.heads + a.kv_heads + head) * a.head_dim + d;
      *reinterpret_cast<uint4*>(a.values.data + sequence * a.values.sequence_stride +
                                head * a.values.head_stride + position * a.values.position_stride +
                                d) = *reinterpret_cast<const uint4*>(from);
      continue;
    }
    const int head = i / (half / 8);
    const int d = i % (half / 8) * 8;
    Bf16* const from = qkv + static_cast<std::int64_t>(head) * a.head_dim + d;
    Bf16* const to = head < a.heads ? from
                                    : a.keys.data + sequence * a.keys.sequence_stride +
                                          (head - a.heads) * a.keys.head_stride +
                                          position * a.keys.position_stride + d;
    const float2* const turns = a.turns + static_cast<std::int64_t>(position) * half + d;
    float low[8];
    float high[8];
    unpack(*reinterpret_cast<const uint4*>(from), low);
    unpack(*reinterpret_cast<const uint4*>(from + half), high);
#pragma unroll
    for (int j = 0; j < 8; ++j) {
      const float2 turn = turns[j];
      const float x = low[j];
      const float y = high[j];
      low[j] = x * turn.x - y * turn.y;
      high[j] = y * turn.x + x * turn.y;
    }
    *reinterpret_cast<uint4*>(to) = pack(low);
    *reinterpret_cast<uint4*>(to + half) = pack(high);
  }
}

__global__ void swiglu_kernel(Bf16* out, const Bf16* in, std::int64_t rows, int width) {
  const int pieces = width / 8;
  const std::int64_t count = rows * pieces;
  for (std::int64_t i = first_item(); i < count; i += item_stride()) {
    const std::int64_t row = i / pieces;
    const std::int64_t d = i % pieces * 8;
    float gate[8];
    float up[8];
    unpack(*reinterpret_cast<const uint4*>(in + row * 2 * width + d), gate);
    unpack(*reinterpret_cast<const uint4*>(in + row * 2 * width + width + d), up);
#pragma unroll
    for (int j = 0; j < 8; ++j) up[j] *= gate[j] / (1.0f + __expf(-gate[j]));
    *reinterpret_cast<uint4*>(out + row * width + d) = pack(up);
  }
}

__global__ void gelu_kernel(Bf16* values, std::int64_t count) {
  for (std::int64_t i = first_item() * 8; i < count; i += item_stride() * 8) {
    float x[8];
    unpack(*reinterpret_cast<const uint4*>(values + i), x);
#pragma unroll
    for (float& v : x) v = 0.5f * v * (1.0f + erff(v * 0.70710678f));
    *reinterpret_cast<uint4*>(values + i) = pack(x);
  }
}

__global__ void find_best_kernel(unsigned long long* best, const float* logits, int rows) {
  const float* const from = logits + static_cast<std::int64_t>(blockIdx.y) * rows;
  unsigned long long key = 0;
  for (std::int64_t i = first_item(); i < rows; i += item_stride()) {
    key = max(key, best_key(from[i], static_cast<std::uint32_t>(i)));
  }
#pragma unroll
  for (int offset = 16; offset > 0; offset /= 2) {
    key = max(key, __shfl_xor_sync(0xffffffffu, key, offset));
  }
  if (threadIdx.x % 32 == 0) atomicMax(best + blockIdx.y, key);
}

}  // namespace

cudaError_t fill(Bf16* out, std::int64_t count, const Stream& stream, std::int64_t first,
                 float scale, cudaStream_t on) noexcept {
  return launch(fill_kernel, blocks_for((count + 7) / 8), kThreads, 0, {on, false}, out, count,
                stream, first, scale);
}

cudaError_t fill_cache(const FillCache& a, cudaStream_t on) noexcept {
  const auto count = static_cast<std::int64_t>(a.sequences) * a.positions * a.heads * a.head_dim;
  return launch(fill_cache_kernel, blocks_for(count), kThreads, 0, {on, false}, a);
}

cudaError_t fill_turns(float2* turns, int positions, int head_dim, double theta,
                       cudaStream_t on) noexcept {
  return launch(fill_turns_kernel, blocks_for(static_cast<std::int64_t>(positions) * head_dim / 2),
                kThreads, 0, {on, false}, turns, positions, head_dim, theta);
}

cudaError_t set_state(StepState* state, const StepState& to, cudaStream_t on) noexcept {
  return launch(set_state_kernel, dim3(1), 1, 0, {on, false}, state, to);
}

cudaError_t embed(const Embed& a, const Launch& on) noexcept {
  const auto rows = static_cast<unsigned>(a.sequences * a.positions);
  if (const auto code = launch(embed_kernel, dim3(rows), kThreads, 0, {on.stream, false}, a);
      code != cudaSuccess || a.state == nullptr) {
    return code;
  }
  return launch(advance_kernel, dim3(1), 1, 0, on, a.state);
}

cudaError_t normalise(Norm norm, Bf16* out, const Bf16* in, std::int64_t in_stride, int rows,
                      int width, float epsilon, const Launch& on) noexcept {
  const auto kernel =
      norm == Norm::kRms ? normalise_kernel<Norm::kRms> : normalise_kernel<Norm::kLayer>;
  return launch(kernel, dim3(static_cast<unsigned>(rows)), kThreads, 0, on, out, in, in_stride,
                width, epsilon);
}

cudaError_t turn_tokens(const TurnTokens& a, const Launch& on) noexcept {
  return launch(turn_tokens_kernel, dim3(static_cast<unsigned>(a.sequences * a.rows)), kThreads, 0,
                on, a);
}

cudaError_t swiglu(Bf16* out, const Bf16* in, std::int64_t rows, int width,
                   const Launch& on) noexcept {
  return launch(swiglu_kernel, blocks_for(rows * (width / 8)), kThreads, 0, on, out, in, rows,
                width);
}

cudaError_t gelu(Bf16* values, std::int64_t count, const Launch& on) noexcept {
  return launch(gelu_kernel, blocks_for(count / 8), kThreads, 0, on, values, count);
}

cudaError_t find_best(unsigned long long* best, const float* logits, int vectors, int rows,
                      const Launch& on) noexcept {
  const dim3 grid(64, static_cast<unsigned>(vectors));
  return launch(find_best_kernel, grid, kThreads, 0, on, best, logits, rows);
}

}  // namespace kts::workload_cuda
