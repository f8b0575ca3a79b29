// SPDX-License-Identifier: Apache-2.0
#include "kts/workload/operands.hpp"

namespace kts::workload {

std::vector<std::complex<float>> fft_operand(std::int64_t size, std::uint64_t seed) {
  const auto n = static_cast<std::size_t>(size);
  const OperandStream stream = fft_stream(seed);
  std::vector<std::complex<float>> operand(n * n);
  for (std::size_t i = 0; i < operand.size(); ++i) operand[i] = {stream[2 * i], stream[2 * i + 1]};
  return operand;
}

GemmOperands gemm_operands(std::int64_t size, std::uint64_t seed) {
  const auto n = static_cast<std::size_t>(size);
  GemmOperands operands{std::vector<float>(n * n), std::vector<float>(n * n)};
  gemm_a_stream(seed).fill(operands.a);
  gemm_b_stream(seed).fill(operands.b);
  return operands;
}

}  // namespace kts::workload
