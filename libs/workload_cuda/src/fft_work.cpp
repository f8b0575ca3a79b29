// SPDX-License-Identifier: Apache-2.0
#include <cufft.h>
#include <fmt/format.h>

#include <complex>
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

Error cufft_error(cufftResult code, const char* doing) {
  return Error{code == CUFFT_ALLOC_FAILED ? ErrorCode::kEnvironment : ErrorCode::kInternal,
               fmt::format("{}: cuFFT error {}", doing, static_cast<int>(code)),
               {},
               "cuFFT"};
}

class FftWork final : public Work {
 public:
  ~FftWork() override {
    if (plan_) cufftDestroy(plan_);
  }

  Status create(const EngineSpec& spec, cudaStream_t stream) override {
    size_ = spec.workload.number("size");
    seed_ = spec.seed;
    const auto n = static_cast<std::size_t>(size_);
    if (auto code = cufftCreate(&plan_); code != CUFFT_SUCCESS) {
      return tl::unexpected(cufft_error(code, "cannot create a plan"));
    }
    cufftSetAutoAllocation(plan_, 0);
    std::size_t workspace = 0;
    const int edge = static_cast<int>(size_);
    if (auto code = cufftMakePlan2d(plan_, edge, edge, CUFFT_C2C, &workspace);
        code != CUFFT_SUCCESS) {
      return tl::unexpected(cufft_error(code, "cannot plan the FFT"));
    }
    const std::size_t array = n * n * sizeof(cufftComplex);
    bytes_ = workload::memory_of(spec.workload, "cuda").total() + workspace;
    KTS_CHECK_OK(require_memory(bytes_, "a smaller --size"));
    KTS_TRY(in_, allocate(array));
    KTS_TRY(out_, allocate(array));
    KTS_TRY(workspace_, allocate(workspace));
    if (auto code = cufftSetWorkArea(plan_, workspace_.get()); code != CUFFT_SUCCESS) {
      return tl::unexpected(cufft_error(code, "cannot set the work area"));
    }
    if (auto code = cufftSetStream(plan_, stream); code != CUFFT_SUCCESS) {
      return tl::unexpected(cufft_error(code, "cannot set the stream"));
    }
    const auto host = workload::fft_operand(size_, spec.seed);
    KTS_CUDA(cudaMemcpy(in_.get(), host.data(), array, cudaMemcpyHostToDevice),
             "cannot copy the operand");
    KTS_CUDA(cudaMemset(out_.get(), 0xff, array), "cannot clear the result");
    return {};
  }

  Status launch(const workload::RequestShape&) noexcept override {
    const auto code = cufftExecC2C(plan_, static_cast<cufftComplex*>(in_.get()),
                                   static_cast<cufftComplex*>(out_.get()), CUFFT_FORWARD);
    if (code != CUFFT_SUCCESS) return tl::unexpected(cufft_error(code, "cannot run the FFT"));
    return {};
  }

  Result<workload::Verification> verify() override {
    const auto n = static_cast<std::size_t>(size_);
    std::vector<std::complex<float>> out(n * n);
    KTS_CUDA(cudaMemcpy(out.data(), out_.get(), out.size() * sizeof out[0], cudaMemcpyDeviceToHost),
             "cannot copy the result");
    return workload::verify_fft(size_, seed_, out);
  }

  std::uint64_t bytes() const override { return bytes_; }
  Result<bool> results_finite() override {
    const auto n = static_cast<std::size_t>(size_);
    return all_finite(out_.get(), 2 * n * n);
  }

 private:
  std::int64_t size_ = 0;
  std::uint64_t seed_ = 0;
  cufftHandle plan_ = 0;
  DeviceMemory in_, out_, workspace_;
  std::uint64_t bytes_ = 0;
};

}  // namespace

std::unique_ptr<Work> make_fft_work() { return std::make_unique<FftWork>(); }

}  // namespace kts::workload_cuda
