// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda.h>
#include <cuda_runtime_api.h>

#include <cstdint>
#include <optional>

#include "kts/base/clock.hpp"
#include "kts/base/error.hpp"
#include "kts/workload/engine.hpp"
#include "kts/workload_cuda/clock_map.hpp"

namespace kts::workload_cuda {

// Places CUDA events on CLOCK_MONOTONIC. Not thread-safe; one stream.
class CudaClock {
 public:
  CudaClock() = default;
  CudaClock(const CudaClock&) = delete;
  CudaClock& operator=(const CudaClock&) = delete;
  ~CudaClock();

  [[nodiscard]] Status create(cudaStream_t stream);
  // Brackets events on the stream, which must be idle; other work on the device only widens the
  // bound. About a millisecond.
  [[nodiscard]] Result<workload::ClockCalibration> fix();
  // A fix, and while the drift is still unknown a second one, so long after the first that a block
  // of some seconds can be mapped.
  [[nodiscard]] Result<workload::ClockCalibration> calibrate();
  // Host instant of `event` (completed, with timing), and the instant on the device's time line.
  [[nodiscard]] std::int64_t host_ns(cudaEvent_t event, double& device_ns);
  [[nodiscard]] std::int64_t host_ns(double device_ns) const { return map_.to_host_ns(device_ns); }
  [[nodiscard]] std::int64_t host_length_ns(double device_length_ns) const {
    return map_.to_host_length_ns(device_length_ns);
  }
  // cudaEventElapsedTime is a float of milliseconds: beyond some seconds it no longer resolves a
  // microsecond. Swaps the base for `event`, which lies at `device_ns`, when it is time.
  void renew_base(cudaEvent_t& event, double device_ns);
  [[nodiscard]] cudaError_t error() const { return error_; }

 private:
  [[nodiscard]] double device_ns(cudaEvent_t event);
  [[nodiscard]] Result<Bracket> bracket();

  cudaStream_t stream_ = nullptr;
  cudaEvent_t base_ = nullptr;
  double base_device_ns_ = 0;
  cudaEvent_t probe_ = nullptr;
  // Host memory that the stream waits on and writes to: the event is then bracketed by two stores
  // across the bus and not by a launch and a query.
  std::uint32_t* words_ = nullptr;
  CUdeviceptr words_device_ = 0;
  std::uint32_t turn_ = 0;
  CUresult (*wait_value_)(CUstream, CUdeviceptr, cuuint32_t, unsigned) = nullptr;
  CUresult (*write_value_)(CUstream, CUdeviceptr, cuuint32_t, unsigned) = nullptr;
  cudaError_t error_ = cudaSuccess;
  std::optional<MonotonicTime> first_fix_;
  ClockMap map_;
};

}  // namespace kts::workload_cuda
