// SPDX-License-Identifier: Apache-2.0
#include "judge.hpp"

#include <fmt/format.h>

#include <cmath>

namespace kts::workload {

std::size_t place(const OperandStream& stream, std::uint64_t index, std::size_t n) {
  const auto share = (static_cast<double>(stream[index]) + 1.0) / 2.0;
  return static_cast<std::size_t>(share * static_cast<double>(n));
}

void Worst::take(double error) {
  if (!(error <= value_)) value_ = std::isnan(value_) ? value_ : error;
}

Result<Verification> judge(const Verification& v, std::string_view whose) {
  if (v.relative_error <= v.tolerance) return v;
  return fail(
      ErrorCode::kInternal,
      fmt::format("the {} result is wrong: relative error {:.3g}, tolerance {:.3g}, checksum "
                  "{:.9g}, reference {:.9g}",
                  whose, v.relative_error, v.tolerance, v.checksum, v.reference),
      "the device or its libraries compute wrongly; measure nothing on it");
}

}  // namespace kts::workload
