// SPDX-License-Identifier: Apache-2.0
#include "cuda_clock.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <mutex>
#include <utility>
#include <vector>

#include "cuda_error.hpp"
#include "kts/base/clock.hpp"
#include "whole_device.hpp"

namespace kts::workload_cuda {
namespace {

constexpr int kBrackets = 64;
constexpr double kRenewBaseAfterNs = 2e9;
// Two fixes of 2 us each this far apart know the drift to 2 ppm at worst.
constexpr std::chrono::milliseconds kDriftBaseline{2000};

std::int64_t now_ns() { return MonotonicTimeline::now().time_since_epoch().count(); }

template <typename Function>
Function driver_function(const char* symbol) {
  void* function = nullptr;
  cudaDriverEntryPointQueryResult found{};
  if (cudaGetDriverEntryPointByVersion(symbol, &function, 12000, cudaEnableDefault, &found) !=
          cudaSuccess ||
      found != cudaDriverEntryPointSuccess) {
    return nullptr;
  }
  return reinterpret_cast<Function>(function);
}

}  // namespace

CudaClock::~CudaClock() {
  if (base_) cudaEventDestroy(base_);
  if (probe_) cudaEventDestroy(probe_);
  if (words_) cudaFreeHost(words_);
}

Status CudaClock::create(cudaStream_t stream) {
  stream_ = stream;
  for (cudaEvent_t* event : {&base_, &probe_}) {
    if (const auto code = cudaEventCreate(event); code != cudaSuccess) {
      return tl::unexpected(cuda_error(code, "cannot create an event"));
    }
  }
  wait_value_ = driver_function<decltype(wait_value_)>("cuStreamWaitValue32");
  write_value_ = driver_function<decltype(write_value_)>("cuStreamWriteValue32");
  void* words = nullptr;
  if (const auto code = cudaHostAlloc(&words, 2 * sizeof(std::uint32_t), cudaHostAllocMapped);
      code != cudaSuccess) {
    return tl::unexpected(cuda_error(code, "cannot allocate mapped host memory"));
  }
  words_ = static_cast<std::uint32_t*>(words);
  words_[0] = words_[1] = 0;
  void* device = nullptr;
  if (const auto code = cudaHostGetDevicePointer(&device, words_, 0); code != cudaSuccess) {
    return tl::unexpected(cuda_error(code, "cannot map host memory"));
  }
  words_device_ = reinterpret_cast<CUdeviceptr>(device);
  if (auto code = cudaEventRecord(base_, stream_); code != cudaSuccess) {
    return tl::unexpected(cuda_error(code, "cannot record an event"));
  }
  if (auto code = cudaEventSynchronize(base_); code != cudaSuccess) {
    return tl::unexpected(cuda_error(code, "cannot synchronise with an event"));
  }
  return {};
}

double CudaClock::device_ns(cudaEvent_t event) {
  float ms = 0;
  const auto code = cudaEventElapsedTime(&ms, base_, event);
  if (code != cudaSuccess) {
    if (error_ == cudaSuccess) error_ = code;
    return base_device_ns_;
  }
  return base_device_ns_ + static_cast<double>(ms) * 1e6;
}

Result<Bracket> CudaClock::bracket() {
  const auto failed = [](const char* doing, cudaError_t code) {
    return tl::unexpected(cuda_error(code, doing));
  };
  Bracket b;
  if (wait_value_ && write_value_) {
    std::atomic_ref<std::uint32_t> go(words_[0]);
    std::atomic_ref<std::uint32_t> seen(words_[1]);
    const std::uint32_t turn = ++turn_;
    const auto stream = reinterpret_cast<CUstream>(stream_);
    if (wait_value_(stream, words_device_, turn, CU_STREAM_WAIT_VALUE_EQ) == CUDA_SUCCESS) {
      const auto recorded = cudaEventRecord(probe_, stream_);
      const auto written = write_value_(stream, words_device_ + sizeof(std::uint32_t), turn,
                                        CU_STREAM_WRITE_VALUE_DEFAULT);
      // Let the stream reach the wait, or the bracket would hold its launch too.
      const std::int64_t settled = now_ns() + 10'000;
      while (now_ns() < settled) {
      }
      b.host_before_ns = now_ns();
      go.store(turn, std::memory_order_release);
      if (recorded != cudaSuccess) return failed("cannot record an event", recorded);
      if (written == CUDA_SUCCESS) {
        const std::int64_t give_up = b.host_before_ns + 1'000'000'000;
        while (seen.load(std::memory_order_acquire) != turn && now_ns() < give_up) {
        }
        b.host_after_ns = now_ns();
      }
      if (const auto code = cudaEventSynchronize(probe_); code != cudaSuccess) {
        return failed("cannot synchronise with an event", code);
      }
      if (written == CUDA_SUCCESS) {
        b.device_ns = device_ns(probe_);
        return b;
      }
    }
    // The driver has the calls but this device refuses them: bracket by launch and query instead.
    wait_value_ = nullptr;
  }
  b.host_before_ns = now_ns();
  if (const auto code = cudaEventRecord(probe_, stream_); code != cudaSuccess) {
    return failed("cannot record an event", code);
  }
  cudaError_t code = cudaErrorNotReady;
  while (code == cudaErrorNotReady) code = cudaEventQuery(probe_);
  b.host_after_ns = now_ns();
  if (code != cudaSuccess) return failed("cannot query an event", code);
  b.device_ns = device_ns(probe_);
  return b;
}

Result<workload::ClockCalibration> CudaClock::calibrate() {
  KTS_TRY(auto calibration, fix());
  if (map_.drift_known()) return calibration;
  SystemClock clock;
  clock.sleep_until(std::max(*first_fix_ + kDriftBaseline, clock.now() + kDriftBaseline / 4));
  return fix();
}

Result<workload::ClockCalibration> CudaClock::fix() {
  const std::scoped_lock alone(whole_device());
  // A base just recorded makes the elapsed times below exact to nanoseconds.
  KTS_TRY(const Bracket first, bracket());
  std::swap(base_, probe_);
  base_device_ns_ = first.device_ns;

  std::vector<Bracket> brackets;
  brackets.reserve(kBrackets);
  for (int i = 0; i < kBrackets; ++i) {
    KTS_TRY(brackets.emplace_back(), bracket());
  }
  if (error_ != cudaSuccess) return tl::unexpected(cuda_error(error_, "cannot time an event"));
  const auto fix = intersect(brackets, map_.drift_ratio());
  if (!fix) {
    return fail(ErrorCode::kInternal, "the device's clock and the host's contradict each other",
                "measure again; if it stays, the clocks drift by more than a calibration can hold");
  }
  if (!first_fix_) first_fix_ = MonotonicTimeline::now();
  workload::ClockCalibration result;
  result.error_ns = std::llround(map_.add(*fix));
  result.bound_ns = std::llround(std::ceil(fix->half_width_ns));
  result.drift_ppm = map_.drift_ratio() * 1e6;
  return result;
}

std::int64_t CudaClock::host_ns(cudaEvent_t event, double& device) {
  device = device_ns(event);
  return map_.to_host_ns(device);
}

void CudaClock::renew_base(cudaEvent_t& event, double device_ns) {
  if (device_ns - base_device_ns_ < kRenewBaseAfterNs) return;
  std::swap(base_, event);
  base_device_ns_ = device_ns;
}

}  // namespace kts::workload_cuda
