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
// A warp's step: 32 columns of 16 rows. kSteps of them make a unit, whose loads go together.
constexpr int kStepColumns = 32;
constexpr int kSteps = 4;
constexpr int kUnitColumns = kStepColumns * kSteps;
// Units of a warp that are under way, in shared memory: registers don't hold as much as a fast
// memory takes to be kept busy (on an H200, 64 KiB a multiprocessor reach 87 % of its speed, 192
// KiB 94 %).
constexpr int kUnitsAhead = 2;
constexpr int kBlocksAMultiprocessor = 3;
struct UnitOfWarp {
  uint4 upper[kSteps][32];  // of each lane: rows 0 to 7 of the tile
  uint4 lower[kSteps][32];  // rows 8 to 15
};
constexpr std::size_t kSharedBytes = sizeof(UnitOfWarp) * kWarps * kUnitsAhead;

// A lane copies what it will itself read. `valid` false: zeros.
__device__ __forceinline__ void copy_weights(uint4* to, const Bf16* from, bool valid) {
  asm volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], 16, %2;" ::"r"(shared_address(to)),
               "l"(from), "r"(valid ? 16 : 0)
               : "memory");
}

// A block makes 16 rows; its warps take turns along the columns. Lane l loads eight neighbouring
// columns of rows l / 4 and l / 4 + 8, and of vector l / 4. Which column an mma takes for its k-th
// is free as long as both operands agree: so a lane's eight serve two mma as they are.
template <Epilogue kEpilogue>
__global__ void __launch_bounds__(kThreads, kBlocksAMultiprocessor) gemv_kernel(const Gemv a) {
  extern __shared__ UnitOfWarp units_of[];  // [kWarps][kUnitsAhead]
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

  UnitOfWarp* const units = units_of + warp * kUnitsAhead;
  // A unit beyond the last copies nothing, so that no copy is under way when the warp ends.
  const auto load = [&](UnitOfWarp& to, int unit) {
    if (unit * kUnitColumns < a.columns) {
#pragma unroll
      for (int step = 0; step < kSteps; ++step) {
        const int column = unit * kUnitColumns + step * kStepColumns + lane % 4 * 8;
        const bool inside = column < a.columns;
        copy_weights(&to.upper[step][lane], upper + (inside ? column : 0), inside);
        copy_weights(&to.lower[step][lane], lower + (inside ? column : 0), inside);
      }
    }
    end_copies();
  };
#pragma unroll
  for (int i = 0; i < kUnitsAhead; ++i) load(units[i], warp + i * kWarps);
  // Before the wait, so that the next kernel's first loads fill this one's end: it too waits before
  // it touches what this one writes.
  let_next_kernel_begin();
  wait_for_previous_kernel();

  uint4 next[kSteps];
  const auto load_vector = [&](int unit) {
#pragma unroll
    for (int step = 0; step < kSteps; ++step) {
      const int column = unit * kUnitColumns + step * kStepColumns + lane % 4 * 8;
      next[step] =
          mine && column < a.columns ? __ldcg(reinterpret_cast<const uint4*>(x + column)) : zero;
    }
  };
  load_vector(warp);
  float sums[4] = {};
  float squares = 0;
  int slot = 0;
  for (int unit = warp; unit * kUnitColumns < a.columns; unit += kWarps) {
    uint4 in[kSteps];
#pragma unroll
    for (int step = 0; step < kSteps; ++step) in[step] = next[step];
    load_vector(unit + kWarps);
    wait_for_copies<kUnitsAhead - 1>();
#pragma unroll
    for (int step = 0; step < kSteps; ++step) {
      const uint4 u = units[slot].upper[step][lane];
      const uint4 l = units[slot].lower[step][lane];
      multiply(sums, {u.x, l.x, u.y, l.y}, in[step].x, in[step].y);
      multiply(sums, {u.z, l.z, u.w, l.w}, in[step].z, in[step].w);
      if (a.normalise) {
        float values[8];
        unpack(in[step], values);
#pragma unroll
        for (const float value : values) squares += value * value;
      }
    }
    load(units[slot], unit + kUnitsAhead * kWarps);
    slot = slot + 1 == kUnitsAhead ? 0 : slot + 1;
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

template <Epilogue kEpilogue>
cudaError_t launch_gemv(const Gemv& a, const Launch& on) {
  const dim3 grid(static_cast<unsigned>((a.rows + kTileRows - 1) / kTileRows),
                  static_cast<unsigned>((a.vectors + kVectors - 1) / kVectors));
  return launch(gemv_kernel<kEpilogue>, grid, kThreads, kSharedBytes, on, a);
}

}  // namespace

cudaError_t gemv(Epilogue epilogue, const Gemv& a, const Launch& on) noexcept {
  switch (epilogue) {
    case Epilogue::kStore:
      return launch_gemv<Epilogue::kStore>(a, on);
    case Epilogue::kAccumulate:
      return launch_gemv<Epilogue::kAccumulate>(a, on);
    case Epilogue::kSwiglu:
      return launch_gemv<Epilogue::kSwiglu>(a, on);
    case Epilogue::kLogits:
      return launch_gemv<Epilogue::kLogits>(a, on);
  }
  return cudaErrorInvalidValue;
}

cudaError_t prepare_gemv() noexcept {
  for (const auto kernel : {gemv_kernel<Epilogue::kStore>, gemv_kernel<Epilogue::kAccumulate>,
                            gemv_kernel<Epilogue::kSwiglu>, gemv_kernel<Epilogue::kLogits>}) {
    const cudaError_t code = cudaFuncSetAttribute(
        kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(kSharedBytes));
    if (code != cudaSuccess) return code;
  }
  return cudaSuccess;
}

}  // namespace kts::workload_cuda
