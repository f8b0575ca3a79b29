// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "kts/base/error.hpp"
#include "kts/workload/spec.hpp"

namespace kts::workload {

enum class SyncMode { kSpin, kBlock };

// What an agent does, and where.
struct EngineSpec {
  WorkloadSpec workload;
  std::uint64_t seed = 1;  // same seed, same operands on every backend
  int in_flight = 1;       // slots
  SyncMode sync = SyncMode::kBlock;
  int threads = 1;             // CPU backend
  int device_core = -1;        // CPU backend: core of the device thread, -1 = not pinned
  int cuda_device = 0;         // CUDA backend: ordinal
  bool high_priority = false;  // CUDA backend: of its stream
};

// Tokens of one request; 0: the workload's own number. Others than `request` ignore it.
struct RequestShape {
  std::int64_t input_tokens = 0;
  std::int64_t output_tokens = 0;
};

// The workload's own numbers in place of zeros, cut to what max_context has room for.
[[nodiscard]] RequestShape fitted(const RequestShape& shape, const WorkloadSpec& request);

struct DeviceIdentity {
  std::string kind;  // "cpu" | "cuda"
  std::string name;
  std::string uuid;
};

// Comparison of the engine's result with the CPU reference of the same seed.
struct Verification {
  double checksum = 0;
  double reference = 0;
  double relative_error = 0;
  double tolerance = 0;
};

// When the device worked on an iteration, CLOCK_MONOTONIC ns, or record::kUnavailable.
struct DeviceSpan {
  std::int64_t start_ns = 0;
  std::int64_t end_ns = 0;
};

// Of a workload that takes ever more memory.
struct Growth {
  std::uint64_t held_bytes = 0;
  std::optional<std::uint64_t> refused_bytes;  // the step that the device refused, once it did
};

struct ClockCalibration {
  std::int64_t bound_ns = 0;  // proven bound of |mapped - true| at this moment
  std::int64_t error_ns = 0;  // mapping as used until now, minus this calibration; 0 the first time
  double drift_ppm = 0;       // device clock against CLOCK_MONOTONIC
};

// One agent's work on one device, driven by one host thread. Everything is allocated, planned and
// loaded by create and warm_up; submit, wait and span allocate nothing (but `grow`, whose work that
// is) and do no I/O.
class Engine {
 public:
  virtual ~Engine() = default;
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  [[nodiscard]] virtual DeviceIdentity device() const = 0;
  [[nodiscard]] virtual std::uint64_t operand_bytes() const = 0;
  // Throw-away iterations; touches every slot, shape and algorithm.
  [[nodiscard]] virtual Status warm_up(int iterations) = 0;
  // One iteration against the reference; kInternal when the error exceeds the tolerance.
  [[nodiscard]] virtual Result<Verification> verify() = 0;

  // Hands one iteration to the device and returns without waiting for it.
  virtual void submit(int slot, const RequestShape& shape) noexcept = 0;
  // Returns when the iteration in `slot` is complete; a `request` is driven from token to token.
  virtual void wait(int slot) noexcept = 0;
  // After wait: when the device began and ended. Called outside due..done.
  [[nodiscard]] virtual DeviceSpan span(int slot) noexcept = 0;

  // After wait: CLOCK_MONOTONIC ns at which the host had each output token; empty for other kinds
  // than `request`. Valid until the slot's next submit.
  [[nodiscard]] virtual std::span<const std::int64_t> token_times(int /*slot*/) const noexcept {
    return {};
  }

  // Maps the device's clock; to be called while the device is otherwise idle.
  [[nodiscard]] virtual Result<ClockCalibration> calibrate() = 0;
  // First device error since creation, if any. Submit, wait and span after one do nothing.
  [[nodiscard]] virtual Status status() const = 0;
  // Whether the results now in memory are finite.
  [[nodiscard]] virtual Result<bool> results_finite() = 0;
  // CPU time that the device thread has used, ns, or record::kUnavailable.
  [[nodiscard]] virtual std::int64_t device_cpu_ns() const = 0;
  // What the warm-up chose among a library's algorithms, a line; empty where it had no choice.
  [[nodiscard]] virtual std::string algorithms() const { return {}; }
  // Empty for all workloads but `grow`. Called while nothing is in flight.
  [[nodiscard]] virtual std::optional<Growth> growth() const { return std::nullopt; }

 protected:
  Engine() = default;
};

}  // namespace kts::workload
