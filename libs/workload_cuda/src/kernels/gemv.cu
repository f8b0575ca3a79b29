// SPDX-License-Identifier: Apache-2.0
// Tensor cores, although for one vector seven of the eight sums that they make are thrown away:
// they take the arithmetic out of the loads' way, and one kernel serves one vector as well as
// eight.
#include "kernels/best.cuh"
#include "kernels/device.cuh"
#include "kernels/gemv.hpp"

namespace kts::workload_cuda {
namespace {

constexpr int kWarps = 8;
constexpr int kThreads = kWarps * 32;
constexpr int kTileRows = 16;
constexpr int kVectors = 8;
// A warp's step: 32 columns of 16 rows. Its loads of kSteps steps are under way together.
constexpr int kStepColumns = 32;
constexpr int kSteps = 4;
constexpr int kUnitColumns = kStepColumns * kSteps;

// Read once: not to displace what is worth keeping in L1.
__device__ __forceinline__ uint4 load_weights(const Bf16* p) {
  uint4 v;
  asm("ld.global.nc.L1::no_allocate.v4.u32 {%0, %1, %2, %3}, [%4];"
      : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
      : "l"(p));
  return v;
}

__device__ __forceinline__ void multiply(float (&sums)[4], std::uint32_t a0, std::uint32_t a1,
                                         std::uint32_t a2, std::uint32_t a3, std::uint32_t b0,
                                         std::uint32_t b1) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
      "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
      : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
      : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
}

struct Weights {
  uint4 upper[kSteps];  // rows 0 to 7 of the tile
  uint4 lower[kSteps];  // rows 8 to 15
};

// A block makes 16 rows; its warps take turns along the columns. Lane l loads eight neighbouring
// columns of rows l / 4 and l / 4 + 8, and of vector l / 4. Which column an mma takes for its k-th
// is free as long as both operands agree: so a lane's eight serve two mma as they are.
template <Epilogue kEpilogue>
__global__ void __launch_bounds__(kThreads) gemv_kernel(const Gemv a) {
  __shared__ float sums_of[kWarps][4][32];
  __shared__ float squares_of[kWarps][kVectors];
  const int warp = static_cast<int>(threadIdx.x) / 32;
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int tile = static_cast<int>(blockIdx.x);
  constexpr bool kPairs = kEpilogue == Epilogue::kSwiglu;
  // Rows beyond the last are computed from the last and not stored.
  const int upper_row = kPairs ? tile * 8 + lane / 4 : min(tile * kTileRows + lane / 4, a.rows - 1);
  const int lower_row =
      kPairs ? a.rows / 2 + upper_row : min(tile * kTileRows + lane / 4 + 8, a.rows - 1);
  const Bf16* const upper = a.weights + static_cast<std::int64_t>(upper_row) * a.columns;
  const Bf16* const lower = a.weights + static_cast<std::int64_t>(lower_row) * a.columns;
  const int vector = static_cast<int>(blockIdx.y) * kVectors + lane / 4;
  const bool mine = vector < a.vectors;
  const Bf16* const x = a.x + (mine ? vector : 0) * a.x_stride;
  const uint4 zero = make_uint4(0, 0, 0, 0);

  const auto load = [&](Weights& w, int unit) {
#pragma unroll
    for (int step = 0; step < kSteps; ++step) {
      const int column = unit * kUnitColumns + step * kStepColumns + lane % 4 * 8;
      const bool inside = column < a.columns;
      w.upper[step] = inside ? load_weights(upper + column) : zero;
      w.lower[step] = inside ? load_weights(lower + column) : zero;
    }
  };

  Weights next;
  load(next, warp);
  wait_for_previous_kernel();
  let_next_kernel_begin();

  float sums[4] = {};
  float squares = 0;
  for (int unit = warp; unit * kUnitColumns < a.columns; unit += kWarps) {
    const Weights now = next;
    uint4 in[kSteps];
#pragma unroll
    for (int step = 0; step < kSteps; ++step) {
      const int column = unit * kUnitColumns + step * kStepColumns + lane % 4 * 8;
      in[step] =
          mine && column < a.columns ? __ldcg(reinterpret_cast<const uint4*>(x + column)) : zero;
    }
    load(next, unit + kWarps);
#pragma unroll
    for (int step = 0; step < kSteps; ++step) {
      const uint4& u = now.upper[step];
      const uint4& l = now.lower[step];
      multiply(sums, u.x, l.x, u.y, l.y, in[step].x, in[step].y);
      multiply(sums, u.z, l.z, u.w, l.w, in[step].z, in[step].w);
      if (a.normalise) {
        float values[8];
        unpack(in[step], values);
#pragma unroll
        for (const float value : values) squares += value * value;
      }
    }
  }

#pragma unroll
  for (int i = 0; i < 4; ++i) sums_of[warp][i][lane] = sums[i];
  squares += __shfl_xor_sync(0xffffffffu, squares, 1);
  squares += __shfl_xor_sync(0xffffffffu, squares, 2);
  if (lane % 4 == 0) squares_of[warp][lane / 4] = squares;
  __syncthreads();

  // Sums 0 and 1 belong to row l / 4 and vectors 2 (l % 4) and the next, sums 2 and 3 to row
  // l / 4 + 8: two warps, one for each of the two vectors.
  if (warp >= 2) return;
  float top = 0;
  float bottom = 0;
  const int of_block = lane % 4 * 2 + warp;
  float square = 0;
#pragma unroll
  for (int w = 0; w < kWarps; ++w) {
    top += sums_of[w][warp][lane];
    bottom += sums_of[w][2 + warp][lane];
    square += squares_of[w][of_block];
  }
  const int to = static_cast<int>(blockIdx.y) * kVectors + of_block;
  if (a.normalise) {
    const float scale = rsqrtf(square / static_cast<float>(a.columns) + a.epsilon);
    top *= scale;
    bottom *= scale;
  }
  if constexpr (kEpilogue == Epilogue::kSwiglu) {
    if (to >= a.vectors) return;
    const float silu = top / (1.0f + __expf(-top));
    static_cast<Bf16*>(a.y)[to * a.y_stride + tile * 8 + lane / 4] = to_bf16(silu * bottom);
  } else {
    const int row = tile * kTileRows + lane / 4;
    const bool top_counts = to < a.vectors && row < a.rows;
    const bool bottom_counts = to < a.vectors && row + 8 < a.rows;
    if constexpr (kEpilogue == Epilogue::kLogits) {
      float* const y = static_cast<float*>(a.y) + to * a.y_stride;
      if (top_counts) y[row] = top;
      if (bottom_counts) y[row + 8] = bottom;
      if (a.best != nullptr) {
        unsigned long long key = top_counts ? best_key(top, row) : 0;
        if (bottom_counts) key = max(key, best_key(bottom, row + 8));
          // The lanes of one vector are those with the same l % 4.
#pragma unroll
        for (int offset = 4; offset < 32; offset *= 2) {
          key = max(key, __shfl_xor_sync(0xffffffffu, key, offset));
        }
        if (lane / 4 == 0 && to < a.vectors) atomicMax(a.best + to, key);
      }
    } else {
      Bf16* const y = static_cast<Bf16*>(a.y) + to * a.y_stride;
      constexpr bool kAdds = kEpilogue == Epilogue::kAccumulate;
      if (top_counts) y[row] = to_bf16(kAdds ? from_bf16(__ldcg(y + row)) + top : top);
      if (bottom_counts) {
        y[row + 8] = to_bf16(kAdds ? from_bf16(__ldcg(y + row + 8)) + bottom : bottom);
      }
    }
  }
}

}  // namespace

cudaError_t gemv(Epilogue epilogue, const Gemv& a, const Launch& on) noexcept {
  const dim3 grid(static_cast<unsigned>((a.rows + kTileRows - 1) / kTileRows),
                  static_cast<unsigned>((a.vectors + kVectors - 1) / kVectors));
  switch (epilogue) {
    case Epilogue::kStore:
      return launch(gemv_kernel<Epilogue::kStore>, grid, kThreads, 0, on, a);
    case Epilogue::kAccumulate:
      return launch(gemv_kernel<Epilogue::kAccumulate>, grid, kThreads, 0, on, a);
    case Epilogue::kSwiglu:
      return launch(gemv_kernel<Epilogue::kSwiglu>, grid, kThreads, 0, on, a);
    case Epilogue::kLogits:
      return launch(gemv_kernel<Epilogue::kLogits>, grid, kThreads, 0, on, a);
  }
  return cudaErrorInvalidValue;
}

}  // namespace kts::workload_cuda
