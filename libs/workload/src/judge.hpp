// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include "kts/base/error.hpp"
#include "kts/workload/engine.hpp"
#include "kts/workload/operands.hpp"

// What the checks of results have in common.
namespace kts::workload {

// Where a check looks, of n places.
[[nodiscard]] std::size_t place(const OperandStream& stream, std::uint64_t index, std::size_t n);

// Largest of the errors seen; a NaN stays.
class Worst {
 public:
  void take(double error);
  [[nodiscard]] double value() const { return value_; }

 private:
  double value_ = 0;
};

// kInternal when the error exceeds the tolerance or isn't a number; `whose` is "fft", "layer's".
[[nodiscard]] Result<Verification> judge(const Verification& v, std::string_view whose);

}  // namespace kts::workload
