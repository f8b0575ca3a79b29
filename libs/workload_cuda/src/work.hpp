// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <memory>

#include "kts/base/error.hpp"
#include "kts/workload/engine.hpp"

namespace kts::workload_cuda {

// The part that differs between workloads; everything runs on one stream.
class Work {
 public:
  Work() = default;
  Work(const Work&) = delete;
  Work& operator=(const Work&) = delete;
  virtual ~Work() = default;

  // Allocates, plans and fills everything that an iteration needs.
  [[nodiscard]] virtual Status create(const workload::EngineSpec& spec, cudaStream_t stream) = 0;
  // Enqueues one iteration.
  [[nodiscard]] virtual Status launch() noexcept = 0;
  // Checks the result of the last iteration, which is complete.
  [[nodiscard]] virtual Result<workload::Verification> verify() = 0;
  [[nodiscard]] virtual std::uint64_t bytes() const = 0;
  [[nodiscard]] virtual Result<bool> results_finite() = 0;
};

[[nodiscard]] std::unique_ptr<Work> make_fft_work();
[[nodiscard]] std::unique_ptr<Work> make_gemm_work();

// Of `count` floats in device memory.
[[nodiscard]] Result<bool> all_finite(const void* floats, std::size_t count);

}  // namespace kts::workload_cuda
