// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
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
  // Pieces of an iteration that the host hands over one by one; run() does one of them.
  [[nodiscard]] virtual std::int64_t pieces() const { return 1; }
  virtual void run(int slot, const RequestShape& shape) noexcept = 0;
  // Of the slot's last request.
  [[nodiscard]] virtual std::span<const std::int64_t> token_times(int /*slot*/) const noexcept {
    return {};
  }
  // Of an iteration that was just run. Not const: a check may compute something anew.
  [[nodiscard]] virtual Result<Verification> verify() = 0;
  [[nodiscard]] virtual std::span<const float> result() const = 0;
  [[nodiscard]] virtual std::optional<Growth> growth() const { return std::nullopt; }
};

struct FreeMemory {
  void operator()(void* p) const { std::free(p); }
};
using Floats = std::unique_ptr<float, FreeMemory>;
// Page-aligned, not yet touched; null when memory runs out.
[[nodiscard]] Floats allocate_floats(std::size_t count);
[[nodiscard]] tl::unexpected<Error> out_of_memory();

// One a family; null for a kind of another one.
[[nodiscard]] std::unique_ptr<CpuWork> make_matrix_work(std::string_view kind);
[[nodiscard]] std::unique_ptr<CpuWork> make_language_work(std::string_view kind);
[[nodiscard]] std::unique_ptr<CpuWork> make_memory_work(std::string_view kind);
[[nodiscard]] std::unique_ptr<CpuWork> make_retrieval_work(std::string_view kind);

// Null for an unknown kind.
[[nodiscard]] std::unique_ptr<CpuWork> make_cpu_work(std::string_view kind);

}  // namespace kts::workload
