// SPDX-License-Identifier: Apache-2.0
// The study's two workloads.
#include <cblas.h>
#include <fftw3.h>

#include <algorithm>
#include <complex>
#include <limits>
#include <mutex>

#include "cpu_work.hpp"
#include "kts/workload/operands.hpp"
#include "kts/workload/verify.hpp"

namespace kts::workload {
namespace {

class FftWork final : public CpuWork {
 public:
  ~FftWork() override {
    if (plan_) fftwf_destroy_plan(plan_);
  }

  Status prepare(const EngineSpec& spec) override {
    size_ = spec.workload.number("size");
    seed_ = spec.seed;
    const auto n = static_cast<std::size_t>(size_);
    count_ = 2 * n * n;
    in_ = allocate_floats(count_);
    out_ = allocate_floats(count_);
    if (!in_ || !out_) return out_of_memory();
    fft_stream(spec.seed).fill({in_.get(), count_});
    std::fill_n(out_.get(), count_, std::numeric_limits<float>::quiet_NaN());
    if (spec.threads > 1) {
      if (fftwf_init_threads() == 0) return environment_lacks("FFTW cannot start its threads");
      fftwf_plan_with_nthreads(spec.threads);
    }
    // Estimated, not measured: every process gets the same algorithm, whatever the others do now.
    const int edge = static_cast<int>(size_);
    plan_ = fftwf_plan_dft_2d(edge, edge, reinterpret_cast<fftwf_complex*>(in_.get()),
                              reinterpret_cast<fftwf_complex*>(out_.get()), FFTW_FORWARD,
                              FFTW_ESTIMATE | FFTW_PRESERVE_INPUT);
    if (!plan_) return fail(ErrorCode::kInternal, "FFTW has no plan for this size", {}, "--size");
    return {};
  }

  void run(int /*slot*/, const RequestShape& /*shape*/) noexcept override { fftwf_execute(plan_); }

  Result<Verification> verify() override {
    return verify_fft(size_, seed_,
                      {reinterpret_cast<const std::complex<float>*>(out_.get()), count_ / 2});
  }
  std::span<const float> result() const override { return {out_.get(), count_}; }

 private:
  std::int64_t size_ = 0;
  std::uint64_t seed_ = 0;
  std::size_t count_ = 0;
  Floats in_, out_;
  fftwf_plan plan_ = nullptr;
};

class GemmWork final : public CpuWork {
 public:
  Status prepare(const EngineSpec& spec) override {
    size_ = spec.workload.number("size");
    seed_ = spec.seed;
    const auto n = static_cast<std::size_t>(size_);
    count_ = n * n;
    a_ = allocate_floats(count_);
    b_ = allocate_floats(count_);
    c_ = allocate_floats(count_);
    if (!a_ || !b_ || !c_) return out_of_memory();
    gemm_a_stream(spec.seed).fill({a_.get(), count_});
    gemm_b_stream(spec.seed).fill({b_.get(), count_});
    std::fill_n(c_.get(), count_, std::numeric_limits<float>::quiet_NaN());
    openblas_set_num_threads(spec.threads);
    return {};
  }

  void run(int /*slot*/, const RequestShape& /*shape*/) noexcept override {
    const auto n = static_cast<blasint>(size_);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, n, n, 1.0F, a_.get(), n, b_.get(), n,
                0.0F, c_.get(), n);
  }

  Result<Verification> verify() override { return verify_gemm(size_, seed_, {c_.get(), count_}); }
  std::span<const float> result() const override { return {c_.get(), count_}; }

 private:
  std::int64_t size_ = 0;
  std::uint64_t seed_ = 0;
  std::size_t count_ = 0;
  Floats a_, b_, c_;
};

}  // namespace

std::unique_ptr<CpuWork> make_matrix_work(std::string_view kind) {
  // Several agents of one process plan at the same time.
  static std::once_flag once;
  std::call_once(once, fftwf_make_planner_thread_safe);
  if (kind == "fft") return std::make_unique<FftWork>();
  if (kind == "gemm") return std::make_unique<GemmWork>();
  return nullptr;
}

}  // namespace kts::workload
