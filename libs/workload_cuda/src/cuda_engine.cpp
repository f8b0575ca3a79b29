// SPDX-License-Identifier: Apache-2.0
#include <cublas_v2.h>
#include <cuda.h>
#include <cuda_runtime_api.h>
#include <cufft.h>
#include <fmt/format.h>

#include <algorithm>
#include <complex>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cuda_clock.hpp"
#include "kts/base/units.hpp"
#include "kts/record/iteration.hpp"
#include "kts/workload/cost.hpp"
#include "kts/workload/cuda_module.hpp"
#include "kts/workload/engine.hpp"
#include "kts/workload/operands.hpp"
#include "kts/workload/registry.hpp"
#include "kts/workload/verify.hpp"

namespace kts::workload_cuda {
namespace {

using workload::EngineSpec;

Error cufft_error(cufftResult code, const char* doing) {
  return Error{code == CUFFT_ALLOC_FAILED ? ErrorCode::kEnvironment : ErrorCode::kInternal,
               fmt::format("{}: cuFFT error {}", doing, static_cast<int>(code)),
               {},
               "cuFFT"};
}

Error cublas_error(cublasStatus_t code, const char* doing) {
  return Error{code == CUBLAS_STATUS_ALLOC_FAILED ? ErrorCode::kEnvironment : ErrorCode::kInternal,
               fmt::format("{}: {}", doing, cublasGetStatusString(code)),
               {},
               "cuBLAS"};
}

#define KTS_CUDA(call, doing)                                         \
  do {                                                                \
    if (const cudaError_t kts_code = (call); kts_code != cudaSuccess) \
      return tl::unexpected(cuda_error(kts_code, doing));             \
  } while (false)

struct DeviceFree {
  void operator()(void* p) const { cudaFree(p); }
};
using DeviceMemory = std::unique_ptr<void, DeviceFree>;

Status require_memory(std::uint64_t bytes) {
  std::size_t free = 0;
  std::size_t total = 0;
  KTS_CUDA(cudaMemGetInfo(&free, &total), "cannot ask for the device's memory");
  if (bytes > free) {
    return environment_lacks(
        fmt::format("the operands need {} ({} bytes) of device memory, {} ({} bytes) are free",
                    format_bytes(bytes), bytes, format_bytes(free), free),
        "choose a smaller --size, or free memory on the card", "CUDA");
  }
  return {};
}

Result<DeviceMemory> allocate(std::size_t bytes) {
  void* p = nullptr;
  KTS_CUDA(cudaMalloc(&p, std::max<std::size_t>(bytes, 256)), "cannot allocate device memory");
  return DeviceMemory(p);
}

// The part that differs between workloads. `launch` enqueues one iteration on the stream.
class Work {
 public:
  virtual ~Work() = default;
  virtual Status create(const EngineSpec& spec, cudaStream_t stream) = 0;
  virtual Status launch() noexcept = 0;
  virtual Result<workload::Verification> verify() = 0;
  [[nodiscard]] virtual std::uint64_t bytes() const = 0;
  // Device pointer and count of floats of the result.
  [[nodiscard]] virtual std::pair<const void*, std::size_t> result() const = 0;
};

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
    KTS_CHECK_OK(require_memory(bytes_));
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

  Status launch() noexcept override {
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
  std::pair<const void*, std::size_t> result() const override {
    const auto n = static_cast<std::size_t>(size_);
    return {out_.get(), 2 * n * n};
  }

 private:
  std::int64_t size_ = 0;
  std::uint64_t seed_ = 0;
  cufftHandle plan_ = 0;
  DeviceMemory in_, out_, workspace_;
  std::uint64_t bytes_ = 0;
};

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
    bytes_ = workload::memory_of(spec.workload, "cuda").total() + kWorkspaceBytes;
    KTS_CHECK_OK(require_memory(bytes_));
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

  Status launch() noexcept override {
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
  std::pair<const void*, std::size_t> result() const override {
    const auto n = static_cast<std::size_t>(size_);
    return {c_.get(), n * n};
  }

 private:
  // What cuBLAS recommends for Hopper; given once so that nothing is allocated later.
  static constexpr std::size_t kWorkspaceBytes = std::size_t{32} << 20;

  std::int64_t size_ = 0;
  std::uint64_t seed_ = 0;
  cublasHandle_t handle_ = nullptr;
  DeviceMemory a_, b_, c_, workspace_;
  std::uint64_t bytes_ = 0;
};

std::unique_ptr<Work> make_work(std::string_view kind) {
  if (kind == "fft") return std::make_unique<FftWork>();
  if (kind == "gemm") return std::make_unique<GemmWork>();
  return nullptr;
}

std::string format_uuid(const char* prefix, const CUuuid& uuid) {
  std::string text = prefix;
  for (int i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += fmt::format("{:02x}", static_cast<unsigned char>(uuid.bytes[i]));
  }
  return text;
}

// The UUID of what this process really runs on: a MIG instance's own where there is one.
std::string device_uuid(int ordinal, const cudaDeviceProp& properties) {
  CUuuid physical{};
  std::memcpy(&physical, &properties.uuid, sizeof physical);
  CUresult (*get)(CUuuid*, CUdevice) = nullptr;
  void* function = nullptr;
  cudaDriverEntryPointQueryResult found{};
  if (cudaGetDriverEntryPointByVersion("cuDeviceGetUuid", &function, 12000, cudaEnableDefault,
                                       &found) == cudaSuccess &&
      found == cudaDriverEntryPointSuccess) {
    get = reinterpret_cast<decltype(get)>(function);
  }
  CUuuid own{};
  if (get && get(&own, ordinal) == CUDA_SUCCESS && std::memcmp(&own, &physical, sizeof own) != 0) {
    return format_uuid("MIG-", own);
  }
  return format_uuid("GPU-", physical);
}

class CudaEngine final : public workload::Engine {
 public:
  ~CudaEngine() override {
    if (stream_) cudaStreamSynchronize(stream_);
    work_.reset();
    for (Slot& slot : slots_) {
      if (slot.start) cudaEventDestroy(slot.start);
      if (slot.end) cudaEventDestroy(slot.end);
    }
    if (stream_) cudaStreamDestroy(stream_);
  }

  [[nodiscard]] Status create(const EngineSpec& spec) {
    spec_ = spec;
    int devices = 0;
    if (const auto code = cudaGetDeviceCount(&devices); code != cudaSuccess || devices == 0) {
      return environment_lacks(
          fmt::format("no CUDA device can be used: {}",
                      code == cudaSuccess ? "none is there" : cudaGetErrorString(code)),
          "check nvidia-smi; this build needs a driver for CUDA 13 (580 or later); or take "
          "--device cpu",
          "CUDA");
    }
    if (spec.cuda_device < 0 || spec.cuda_device >= devices) {
      return environment_lacks(fmt::format("there is no CUDA device {}", spec.cuda_device),
                               fmt::format("choose one of 0 to {}", devices - 1), "--device");
    }
    KTS_CUDA(cudaSetDevice(spec.cuda_device), "cannot choose the device");
    KTS_CUDA(
        cudaSetDeviceFlags(spec.sync == workload::SyncMode::kSpin ? cudaDeviceScheduleSpin
                                                                  : cudaDeviceScheduleBlockingSync),
        "cannot choose how to synchronise");
    cudaDeviceProp properties{};
    KTS_CUDA(cudaGetDeviceProperties(&properties, spec.cuda_device), "cannot describe the device");
    identity_ = {"cuda", properties.name, device_uuid(spec.cuda_device, properties)};
    int least = 0;
    int greatest = 0;
    KTS_CUDA(cudaDeviceGetStreamPriorityRange(&least, &greatest), "cannot ask for priorities");
    KTS_CUDA(cudaStreamCreateWithPriority(&stream_, cudaStreamNonBlocking,
                                          spec.high_priority ? greatest : least),
             "cannot create a stream");

    const unsigned flags =
        spec.sync == workload::SyncMode::kBlock ? cudaEventBlockingSync : cudaEventDefault;
    slots_.resize(static_cast<std::size_t>(spec.in_flight));
    for (Slot& slot : slots_) {
      KTS_CUDA(cudaEventCreateWithFlags(&slot.start, cudaEventDefault), "cannot create an event");
      KTS_CUDA(cudaEventCreateWithFlags(&slot.end, flags), "cannot create an event");
    }
    work_ = make_work(spec.workload.kind());
    if (!work_) {
      return environment_lacks(
          fmt::format("the CUDA backend has no workload '{}'", spec.workload.kind()));
    }
    KTS_CHECK_OK(work_->create(spec, stream_));
    return clock_.create(stream_);
  }

  workload::DeviceIdentity device() const override { return identity_; }
  std::uint64_t operand_bytes() const override { return work_->bytes(); }

  Status warm_up(int iterations) override {
    KTS_CHECK_OK(fix_quietly());
    const int rounds = std::max(iterations, spec_.in_flight);
    for (int i = 0; i < rounds; ++i) {
      const int slot = i % spec_.in_flight;
      submit(slot, {});
      wait(slot);
      (void)span(slot);
    }
    KTS_CUDA(cudaStreamSynchronize(stream_), "the warm-up failed");
    return status();
  }

  Result<workload::Verification> verify() override {
    submit(0, {});
    wait(0);
    KTS_CHECK_OK(status());
    KTS_TRY(auto verification, work_->verify());
    // The second fix, as far from the first as start-up allows, for a first guess of the drift.
    KTS_CHECK_OK(fix_quietly());
    return verification;
  }

  void submit(int slot, const workload::RequestShape& /*shape*/) noexcept override {
    if (failed_) return;
    Slot& s = slots_[static_cast<std::size_t>(slot)];
    note(cudaEventRecord(s.start, stream_), "cannot record an event");
    if (auto launched = work_->launch(); !launched) note(std::move(launched).error());
    note(cudaEventRecord(s.end, stream_), "cannot record an event");
  }

  void wait(int slot) noexcept override {
    if (failed_) return;
    note(cudaEventSynchronize(slots_[static_cast<std::size_t>(slot)].end),
         "the device failed while it worked");
  }

  workload::DeviceSpan span(int slot) noexcept override {
    if (failed_) return {record::kUnavailable, record::kUnavailable};
    Slot& s = slots_[static_cast<std::size_t>(slot)];
    double start_device = 0;
    const std::int64_t start = clock_.host_ns(s.start, start_device);
    // From the start event, not from the base: the short distance is the exact one.
    float ms = 0;
    note(cudaEventElapsedTime(&ms, s.start, s.end), "cannot time the iteration");
    note(clock_.error(), "cannot time the iteration");
    if (failed_) return {record::kUnavailable, record::kUnavailable};
    const double length = static_cast<double>(ms) * 1e6;
    const std::int64_t end = start + static_cast<std::int64_t>(length + 0.5);
    clock_.renew_base(s.start, start_device);
    return {start, end};
  }

  Result<workload::ClockCalibration> calibrate() override {
    KTS_CUDA(cudaStreamSynchronize(stream_), "the device failed while it worked");
    return clock_.calibrate();
  }

  Status status() const override {
    if (failed_) return tl::unexpected(error_);
    return {};
  }

  Result<bool> results_finite() override {
    const auto [pointer, count] = work_->result();
    std::vector<float> host(count);
    KTS_CUDA(cudaMemcpy(host.data(), pointer, count * sizeof(float), cudaMemcpyDeviceToHost),
             "cannot copy the result");
    // An exponent of all ones is an infinity or a NaN; the sum of such bits vectorises.
    std::uint32_t bad = 0;
    for (const float value : host) {
      std::uint32_t bits = 0;
      std::memcpy(&bits, &value, sizeof bits);
      bad |= static_cast<std::uint32_t>((bits & 0x7f800000u) == 0x7f800000u);
    }
    return bad == 0;
  }

  std::int64_t device_cpu_ns() const override { return record::kUnavailable; }

 private:
  struct Slot {
    cudaEvent_t start = nullptr;
    cudaEvent_t end = nullptr;
  };

  // During start-up neighbours may be at work; a fix is then wide or impossible, and a later one,
  // when all are parked, takes its place.
  Status fix_quietly() {
    auto calibration = clock_.fix();
    if (!calibration && calibration.error().where == "CUDA") {
      return tl::unexpected(std::move(calibration).error());
    }
    return {};
  }

  void note(cudaError_t code, const char* doing) noexcept {
    if (code != cudaSuccess && !failed_) note(cuda_error(code, doing));
  }
  void note(Error error) noexcept {
    if (failed_) return;
    failed_ = true;
    error_ = std::move(error);
  }

  EngineSpec spec_;
  workload::DeviceIdentity identity_;
  cudaStream_t stream_ = nullptr;
  std::vector<Slot> slots_;
  CudaClock clock_;
  std::unique_ptr<Work> work_;
  bool failed_ = false;
  Error error_;
};

}  // namespace
}  // namespace kts::workload_cuda

extern "C" {

int kts_workload_cuda_device_count_v2() noexcept {
  int devices = 0;
  return cudaGetDeviceCount(&devices) == cudaSuccess ? devices : 0;
}

kts::workload::Engine* kts_workload_cuda_create_v2(const kts::workload::EngineSpec* spec,
                                                   kts::Error* error) noexcept {
  try {
    auto engine = std::make_unique<kts::workload_cuda::CudaEngine>();
    auto created = engine->create(*spec);
    if (created) return engine.release();
    *error = std::move(created).error();
  } catch (const std::exception& exception) {
    *error = {kts::ErrorCode::kEnvironment, exception.what(), {}, "CUDA"};
  }
  return nullptr;
}

}  // extern "C"
