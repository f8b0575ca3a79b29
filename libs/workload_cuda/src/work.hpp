// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "kts/base/error.hpp"
#include "kts/workload/engine.hpp"

namespace kts::workload_cuda {

// The part that differs between workloads; everything runs on one stream. `create` and `verify` may
// allocate, what lies between doesn't.
class Work {
 public:
  Work() = default;
  Work(const Work&) = delete;
  Work& operator=(const Work&) = delete;
  virtual ~Work() = default;

  // Allocates, plans and fills everything that an iteration needs.
  [[nodiscard]] virtual Status create(const workload::EngineSpec& spec, cudaStream_t stream) = 0;
  // Enqueues one iteration, or what comes before its first step.
  [[nodiscard]] virtual Status launch(const workload::RequestShape& shape) noexcept = 0;
  // Checks the result of the last iteration, which is complete; may run another.
  [[nodiscard]] virtual Result<workload::Verification> verify() = 0;
  [[nodiscard]] virtual std::uint64_t bytes() const = 0;
  [[nodiscard]] virtual Result<bool> results_finite() = 0;

  // Whether an iteration gives the device anything to do.
  [[nodiscard]] virtual bool uses_device() const { return true; }
  [[nodiscard]] virtual std::optional<workload::Growth> growth() const { return std::nullopt; }
  [[nodiscard]] virtual std::string algorithms() const { return {}; }
  // Tokens that the host gets one by one, at most; 0 for what isn't a request.
  [[nodiscard]] virtual std::int64_t most_tokens() const { return 0; }
  // Of the iteration that was launched last: how many the host still has to ask for, each when the
  // one before is there.
  [[nodiscard]] virtual std::int64_t steps() const noexcept { return 0; }
  [[nodiscard]] virtual Status step() noexcept { return {}; }
};

[[nodiscard]] std::unique_ptr<Work> make_fft_work();
[[nodiscard]] std::unique_ptr<Work> make_gemm_work();
[[nodiscard]] std::unique_ptr<Work> make_prefill_work();
[[nodiscard]] std::unique_ptr<Work> make_decode_work();
[[nodiscard]] std::unique_ptr<Work> make_request_work();
// Encoders and rerankers.
[[nodiscard]] std::unique_ptr<Work> make_encoder_work();
[[nodiscard]] std::unique_ptr<Work> make_topk_work();
[[nodiscard]] std::unique_ptr<Work> make_membw_work();
[[nodiscard]] std::unique_ptr<Work> make_l2_work();
[[nodiscard]] std::unique_ptr<Work> make_copy_work();
[[nodiscard]] std::unique_ptr<Work> make_launch_work();
[[nodiscard]] std::unique_ptr<Work> make_idle_hold_work();
[[nodiscard]] std::unique_ptr<Work> make_grow_work();

// Of `count` floats in device memory.
[[nodiscard]] Result<bool> all_finite(const void* floats, std::size_t count);

}  // namespace kts::workload_cuda
