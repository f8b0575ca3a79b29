// SPDX-License-Identifier: Apache-2.0
#include "matmul.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>

#include "cuda_error.hpp"

namespace kts::workload_cuda {
namespace {

constexpr int kProposals = 8;
// The least of some runs: neighbours that come in between only ever add to a time.
constexpr int kTimings = 5;
// A proposal further down must beat the one before by this much, lest noise decides.
constexpr float kClearly = 0.97F;

Error lt_error(cublasStatus_t code, const char* doing) {
  return Error{code == CUBLAS_STATUS_ALLOC_FAILED ? ErrorCode::kEnvironment : ErrorCode::kInternal,
               fmt::format("{}: {}", doing, cublasLtGetStatusString(code)),
               {},
               "cuBLASLt"};
}

// The layouts of one product, on the stack. The library counts by columns, so row-major y = x W^T
// is its y' = W'' x' with W transposed once more.
struct Layouts {
  cublasLtMatmulDescOpaque_t operation{};
  cublasLtMatrixLayoutOpaque_t weights{};
  cublasLtMatrixLayoutOpaque_t x{};
  cublasLtMatrixLayoutOpaque_t y{};

  cublasStatus_t describe(const Product& p, std::int64_t rows, std::int64_t x_stride) {
    const cublasOperation_t transposed = CUBLAS_OP_T;
    const auto out = static_cast<std::uint64_t>(p.out);
    const auto in = static_cast<std::uint64_t>(p.in);
    const auto n = static_cast<std::uint64_t>(rows);
    for (const cublasStatus_t code :
         {cublasLtMatmulDescInit(&operation, CUBLAS_COMPUTE_32F, CUDA_R_32F),
          cublasLtMatmulDescSetAttribute(&operation, CUBLASLT_MATMUL_DESC_TRANSA, &transposed,
                                         sizeof transposed),
          cublasLtMatrixLayoutInit(&weights, CUDA_R_16BF, in, out, p.in),
          cublasLtMatrixLayoutInit(&x, CUDA_R_16BF, in, n, x_stride),
          cublasLtMatrixLayoutInit(&y, p.to_float ? CUDA_R_32F : CUDA_R_16BF, out, n, p.out)}) {
      if (code != CUBLAS_STATUS_SUCCESS) return code;
    }
    return CUBLAS_STATUS_SUCCESS;
  }
};

}  // namespace

Matmul::~Matmul() {
  if (start_) cudaEventDestroy(start_);
  if (end_) cudaEventDestroy(end_);
  if (handle_) cublasLtDestroy(handle_);
}

Status Matmul::create(cudaStream_t stream) {
  stream_ = stream;
  if (const auto code = cublasLtCreate(&handle_); code != CUBLAS_STATUS_SUCCESS) {
    return tl::unexpected(lt_error(code, "cannot create a handle"));
  }
  KTS_CUDA(cudaEventCreate(&start_), "cannot create an event");
  KTS_CUDA(cudaEventCreate(&end_), "cannot create an event");
  KTS_TRY(workspace_, allocate(kWorkspaceBytes));
  return {};
}

Status Matmul::choose(const Product& product, std::int64_t rows, const Bf16* weights, const Bf16* x,
                      void* y) {
  Layouts layouts;
  if (const auto code = layouts.describe(product, rows, product.in);
      code != CUBLAS_STATUS_SUCCESS) {
    return tl::unexpected(lt_error(code, "cannot describe a matrix product"));
  }
  cublasLtMatmulPreferenceOpaque_t preference{};
  cublasLtMatmulPreferenceInit(&preference);
  const std::size_t workspace = kWorkspaceBytes;
  cublasLtMatmulPreferenceSetAttribute(&preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
                                       &workspace, sizeof workspace);
  if (product.to_float) {
    // A batch's later logits begin anywhere.
    const std::uint32_t alignment = sizeof(float);
    for (const auto attribute :
         {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES}) {
      cublasLtMatmulPreferenceSetAttribute(&preference, attribute, &alignment, sizeof alignment);
    }
  }
  std::array<cublasLtMatmulHeuristicResult_t, kProposals> proposals{};
  int found = 0;
  const auto asked = cublasLtMatmulAlgoGetHeuristic(handle_, &layouts.operation, &layouts.weights,
                                                    &layouts.x, &layouts.y, &layouts.y, &preference,
                                                    kProposals, proposals.data(), &found);
  if (asked != CUBLAS_STATUS_SUCCESS || found == 0) {
    return tl::unexpected(lt_error(asked, "no algorithm for a matrix product"));
  }

  Choice best;
  best.product = product;
  best.rows = rows;
  best.proposals = found;
  best.milliseconds = std::numeric_limits<float>::infinity();
  for (int i = 0; i < found; ++i) {
    const cublasLtMatmulAlgo_t& algorithm = proposals[static_cast<std::size_t>(i)].algo;
    float least = std::numeric_limits<float>::infinity();
    for (int run = 0; run <= kTimings; ++run) {  // the first loads the kernel
      KTS_CUDA(cudaEventRecord(start_, stream_), "cannot record an event");
      if (launch(product, rows, weights, x, product.in, y, &algorithm) != CUBLAS_STATUS_SUCCESS) {
        break;  // proposed, yet not possible here
      }
      KTS_CUDA(cudaEventRecord(end_, stream_), "cannot record an event");
      KTS_CUDA(cudaEventSynchronize(end_), "a matrix product failed");
      float ms = 0;
      KTS_CUDA(cudaEventElapsedTime(&ms, start_, end_), "cannot time a matrix product");
      if (run > 0) least = std::min(least, ms);
    }
    if (least < best.milliseconds * kClearly) {
      best.algorithm = algorithm;
      best.rank = i;
      best.milliseconds = least;
    }
  }
  if (best.milliseconds == std::numeric_limits<float>::infinity()) {
    return tl::unexpected(lt_error(CUBLAS_STATUS_NOT_SUPPORTED, "no algorithm of a product ran"));
  }
  choices_.push_back(best);
  return {};
}

Status Matmul::run(const Product& product, std::int64_t rows, const Bf16* weights, const Bf16* x,
                   std::int64_t x_stride, void* y) noexcept {
  const Choice* chosen = nullptr;
  for (const Choice& choice : choices_) {
    if (choice.product == product && choice.rows >= rows &&
        (!chosen || choice.rows < chosen->rows)) {
      chosen = &choice;
    }
  }
  cublasStatus_t code =
      launch(product, rows, weights, x, x_stride, y, chosen ? &chosen->algorithm : nullptr);
  // Refused for this very count of rows: what the library takes by itself.
  if (chosen && code == CUBLAS_STATUS_NOT_SUPPORTED) {
    code = launch(product, rows, weights, x, x_stride, y, nullptr);
  }
  if (code != CUBLAS_STATUS_SUCCESS) {
    return tl::unexpected(lt_error(code, "cannot run a matrix product"));
  }
  return {};
}

cublasStatus_t Matmul::launch(const Product& product, std::int64_t rows, const Bf16* weights,
                              const Bf16* x, std::int64_t x_stride, void* y,
                              const cublasLtMatmulAlgo_t* algorithm) noexcept {
  Layouts layouts;
  if (const auto code = layouts.describe(product, rows, x_stride); code != CUBLAS_STATUS_SUCCESS) {
    return code;
  }
  const float one = 1;
  const float beta = product.accumulate ? 1 : 0;
  return cublasLtMatmul(handle_, &layouts.operation, &one, weights, &layouts.weights, x, &layouts.x,
                        &beta, y, &layouts.y, y, &layouts.y, algorithm, workspace_.get(),
                        kWorkspaceBytes, stream_);
}

std::string Matmul::describe() const {
  std::string text;
  for (const Choice& choice : choices_) {
    std::uint32_t id = 0;
    std::uint32_t tile = 0;
    std::uint32_t stages = 0;
    std::int32_t split = 0;
    std::size_t written = 0;
    cublasLtMatmulAlgoConfigGetAttribute(&choice.algorithm, CUBLASLT_ALGO_CONFIG_ID, &id, sizeof id,
                                         &written);
    cublasLtMatmulAlgoConfigGetAttribute(&choice.algorithm, CUBLASLT_ALGO_CONFIG_TILE_ID, &tile,
                                         sizeof tile, &written);
    cublasLtMatmulAlgoConfigGetAttribute(&choice.algorithm, CUBLASLT_ALGO_CONFIG_STAGES_ID, &stages,
                                         sizeof stages, &written);
    cublasLtMatmulAlgoConfigGetAttribute(&choice.algorithm, CUBLASLT_ALGO_CONFIG_SPLITK_NUM, &split,
                                         sizeof split, &written);
    text += fmt::format("{}{}x{} rows {}: algorithm {} tile {} stages {} split {} ({} of {})",
                        text.empty() ? "" : "; ", choice.product.out, choice.product.in,
                        choice.rows, id, tile, stages, split, choice.rank + 1, choice.proposals);
  }
  return text;
}

}  // namespace kts::workload_cuda
