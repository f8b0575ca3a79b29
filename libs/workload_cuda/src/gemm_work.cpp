// SPDX-License-Identifier: Apache-2.0
#include <cublas_v2.h>
#include <fmt/format.h>

#include <vector>

#include "cuda_error.hpp"
#include "device_memory.hpp"
#include "kts/workload/cost.hpp"
#include "kts/workload/operands.hpp"
#include "kts/workload/verify.hpp"
#include "work.hpp"

namespace kts::workload_cuda {
namespace {

using workload::EngineSpec;

Error cublas_error(cublasStatus_t code, const char* doing) {
  return Error{code == CUBLAS_STATUS_ALLOC_FAILED ? ErrorCode::kEnvironment : ErrorCode::kInternal,
               fmt::format("{}: {}", doing, cublasGetStatusString(code)),
               {},
               "cuBLAS"};
}

class GemmWork final : public Work {
 public:
  ~GemmWork() override {
    if (handle_) cublasDestroy(handle_);
  }

  Status create(const EngineSpec& spec, cudaStream_t stream) override {
    size_ = spec.workload.number("size");
    seed_ = spec.seed;
    const auto n = static_cast<std::size_t>(size_);
    const std::size_t array = n * n * sizeof(float);
    bytes_ = workload::memory_of(spec.workload, "cuda").total();
    KTS_CHECK_OK(require_memory(bytes_, "a smaller --size"));
    if (auto code = cublasCreate(&handle_); code != CUBLAS_STATUS_SUCCESS) {
      return tl::unexpected(cublas_error(code, "cannot create a handle"));
    }
    // FP32 throughout: the default mode never takes TF32, and says so explicitly.
    cublasSetMathMode(handle_, CUBLAS_DEFAULT_MATH);
    cublasSetStream(handle_, stream);
    KTS_TRY(a_, allocate(array));
    KTS_TRY(b_, allocate(array));
    KTS_TRY(c_, allocate(array));
    KTS_TRY(workspace_, allocate(kWorkspaceBytes));
    if (auto code = cublasSetWorkspace(handle_, workspace_.get(), kWorkspaceBytes);
        code != CUBLAS_STATUS_SUCCESS) {
      return tl::unexpected(cublas_error(code, "cannot set the workspace"));
    }
    const auto host = workload::gemm_operands(size_, spec.seed);
    KTS_CUDA(cudaMemcpy(a_.get(), host.a.data(), array, cudaMemcpyHostToDevice),
             "cannot copy the operand");
    KTS_CUDA(cudaMemcpy(b_.get(), host.b.data(), array, cudaMemcpyHostToDevice),
             "cannot copy the operand");
    KTS_CUDA(cudaMemset(c_.get(), 0xff, array), "cannot clear the result");
    return {};
  }

  Status launch(const workload::RequestShape&) noexcept override {
    const int n = static_cast<int>(size_);
    const float one = 1;
    const float zero = 0;
    // Row-major C = A B is column-major C' = B' A'.
    const auto code = cublasSgemm(
        handle_, CUBLAS_OP_N, CUBLAS_OP_N, n, n, n, &one, static_cast<const float*>(b_.get()), n,
        static_cast<const float*>(a_.get()), n, &zero, static_cast<float*>(c_.get()), n);
    if (code != CUBLAS_STATUS_SUCCESS) {
      return tl::unexpected(cublas_error(code, "cannot run the GEMM"));
    }
    return {};
  }

  Result<workload::Verification> verify() override {
    const auto n = static_cast<std::size_t>(size_);
    std::vector<float> c(n * n);
    KTS_CUDA(cudaMemcpy(c.data(), c_.get(), c.size() * sizeof c[0], cudaMemcpyDeviceToHost),
             "cannot copy the result");
    return workload::verify_gemm(size_, seed_, c);
  }

  std::uint64_t bytes() const override { return bytes_; }
  Result<bool> results_finite() override {
    const auto n = static_cast<std::size_t>(size_);
    return all_finite(c_.get(), n * n);
  }

 private:
  // Given once so that nothing is allocated later.
  static constexpr std::size_t kWorkspaceBytes = workload::kProductWorkspaceBytes;

  std::int64_t size_ = 0;
  std::uint64_t seed_ = 0;
  cublasHandle_t handle_ = nullptr;
  DeviceMemory a_, b_, c_, workspace_;
  std::uint64_t bytes_ = 0;
};

}  // namespace

std::unique_ptr<Work> make_gemm_work() { return std::make_unique<GemmWork>(); }

}  // namespace kts::workload_cuda
