// SPDX-License-Identifier: Apache-2.0
#include <cuda_runtime_api.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cuda_clock.hpp"
#include "cuda_error.hpp"
#include "device_identity.hpp"
#include "kts/base/clock.hpp"
#include "kts/record/iteration.hpp"
#include "kts/workload/cuda_module.hpp"
#include "kts/workload/engine.hpp"
#include "whole_device.hpp"
#include "work.hpp"

namespace kts::workload_cuda {
namespace {

using workload::EngineSpec;

std::unique_ptr<Work> make_work(std::string_view kind) {
  constexpr std::array<std::pair<std::string_view, std::unique_ptr<Work> (*)()>, 14> kWorks{{
      {"fft", make_fft_work},
      {"gemm", make_gemm_work},
      {"prefill", make_prefill_work},
      {"decode", make_decode_work},
      {"request", make_request_work},
      {"encoder", make_encoder_work},
      {"rerank", make_encoder_work},
      {"topk", make_topk_work},
      {"membw", make_membw_work},
      {"l2", make_l2_work},
      {"copy", make_copy_work},
      {"launch", make_launch_work},
      {"idle-hold", make_idle_hold_work},
      {"grow", make_grow_work},
  }};
  const auto found = std::ranges::find(kWorks, kind, [](const auto& work) { return work.first; });
  return found == kWorks.end() ? nullptr : found->second();
}

std::int64_t now_ns() { return MonotonicTimeline::now().time_since_epoch().count(); }

class CudaEngine final : public workload::Engine {
 public:
  ~CudaEngine() override {
    const std::scoped_lock alone(whole_device());
    if (stream_) cudaStreamSynchronize(stream_);
    work_.reset();
    for (Slot& slot : slots_) {
      if (slot.start) cudaEventDestroy(slot.start);
      if (slot.end) cudaEventDestroy(slot.end);
    }
    if (stream_) cudaStreamDestroy(stream_);
  }

  [[nodiscard]] Status create(const EngineSpec& spec) {
    const std::scoped_lock alone(whole_device());
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
    KTS_TRY(identity_, identify(spec.cuda_device));
    int least = 0;
    int greatest = 0;
    KTS_CUDA(cudaDeviceGetStreamPriorityRange(&least, &greatest),
             "cannot ask for the streams' priorities");
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
      return bad_input(fmt::format("the CUDA backend has no workload '{}'", spec.workload.kind()));
    }
    KTS_CHECK_OK(work_->create(spec, stream_));
    for (Slot& slot : slots_) slot.tokens.resize(static_cast<std::size_t>(work_->most_tokens()));
    return clock_.create(stream_);
  }

  workload::DeviceIdentity device() const override { return identity_; }
  std::uint64_t operand_bytes() const override { return work_->bytes(); }

  Status warm_up(int iterations) override {
    KTS_CHECK_OK(fix_quietly());
    const std::scoped_lock alone(whole_device());
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
    KTS_TRY(auto verification, verify_work());
    // The second fix, as far from the first as start-up allows, for a first guess of the drift.
    KTS_CHECK_OK(fix_quietly());
    return verification;
  }

  void submit(int slot, const workload::RequestShape& shape) noexcept override {
    if (failed_ || !work_->uses_device()) return;
    Slot& s = slots_[static_cast<std::size_t>(slot)];
    note(cudaEventRecord(s.start, stream_), "cannot record an event");
    if (auto launched = work_->launch(shape); !launched) note(std::move(launched).error());
    note(cudaEventRecord(s.end, stream_), "cannot record an event");
    s.tokens_had = 0;
  }

  void wait(int slot) noexcept override {
    if (failed_ || !work_->uses_device()) return;
    Slot& s = slots_[static_cast<std::size_t>(slot)];
    note(cudaEventSynchronize(s.end), "the device failed while it worked");
    if (s.tokens.empty()) return;
    s.tokens[s.tokens_had++] = now_ns();
    // As a serving engine does: it learns a token before it asks for the next.
    for (std::int64_t left = work_->steps(); left > 0 && !failed_; --left) {
      if (auto stepped = work_->step(); !stepped) note(std::move(stepped).error());
      note(cudaEventRecord(s.end, stream_), "cannot record an event");
      note(cudaEventSynchronize(s.end), "the device failed while it worked");
      s.tokens[s.tokens_had++] = now_ns();
    }
  }

  std::span<const std::int64_t> token_times(int slot) const noexcept override {
    const Slot& s = slots_[static_cast<std::size_t>(slot)];
    return std::span(s.tokens).first(s.tokens_had);
  }

  workload::DeviceSpan span(int slot) noexcept override {
    if (failed_ || !work_->uses_device()) return {record::kUnavailable, record::kUnavailable};
    Slot& s = slots_[static_cast<std::size_t>(slot)];
    double start_device = 0;
    const std::int64_t start = clock_.host_ns(s.start, start_device);
    // From the start event, not from the base: the short distance is the exact one.
    float ms = 0;
    note(cudaEventElapsedTime(&ms, s.start, s.end), "cannot time the iteration");
    note(clock_.error(), "cannot time the iteration");
    if (failed_) return {record::kUnavailable, record::kUnavailable};
    const std::int64_t end = start + clock_.host_length_ns(static_cast<double>(ms) * 1e6);
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
    const std::scoped_lock alone(whole_device());
    return work_->results_finite();
  }
  std::optional<workload::Growth> growth() const override { return work_->growth(); }
  std::string algorithms() const override { return work_->algorithms(); }

  std::int64_t device_cpu_ns() const override { return record::kUnavailable; }

 private:
  struct Slot {
    cudaEvent_t start = nullptr;
    cudaEvent_t end = nullptr;
    // A request's: when the host had each.
    std::vector<std::int64_t> tokens;
    std::size_t tokens_had = 0;
  };

  Result<workload::Verification> verify_work() {
    const std::scoped_lock alone(whole_device());
    submit(0, {});
    wait(0);
    KTS_CHECK_OK(status());
    return work_->verify();
  }

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

kts::kernel_trace::Tracer* kts_workload_cuda_open_tracer_v2(
    const kts::kernel_trace::TracerSpec* spec, kts::Error* error) noexcept {
  try {
    auto tracer = kts::kernel_trace::open_cupti(*spec);
    if (tracer) return tracer->release();
    *error = std::move(tracer).error();
  } catch (const std::exception& exception) {
    *error = {kts::ErrorCode::kEnvironment, exception.what(), {}, "CUPTI"};
  }
  return nullptr;
}

}  // extern "C"
