// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "kts/base/error.hpp"
#include "kts/workload/engine.hpp"

namespace kts::workload {

// What one workload is on the CPU. Made, run and asked by the device thread.
class CpuWork {
 public:
  virtual ~CpuWork() = default;
  // Plans, fills the operands; kEnvironment when memory runs out.
  [[nodiscard]] virtual Status prepare(const EngineSpec& spec) = 0;
  virtual void run() noexcept = 0;
  [[nodiscard]] virtual Result<Verification> verify() const = 0;
  [[nodiscard]] virtual std::span<const float> result() const = 0;
};

// Null for an unknown kind.
[[nodiscard]] std::unique_ptr<CpuWork> make_cpu_work(std::string_view kind);

}  // namespace kts::workload
