// SPDX-License-Identifier: Apache-2.0
#include "kts/workload/verify.hpp"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include "judge.hpp"
#include "kts/workload/operands.hpp"

namespace kts::workload {
namespace {

using Complex = std::complex<double>;

constexpr double kEpsilon = std::numeric_limits<float>::epsilon();
// Streams beyond the operands' own: where to look, and Freivalds' signs.
constexpr std::uint64_t kPlaces = 16;
constexpr std::uint64_t kSigns = 17;

}  // namespace

Result<Verification> verify_fft(std::int64_t size, std::uint64_t seed,
                                std::span<const std::complex<float>> result) {
  constexpr std::size_t kEdge = 4;
  const auto n = static_cast<std::size_t>(size);
  const OperandStream operand = fft_stream(seed);
  const OperandStream places(seed, kPlaces);

  std::vector<Complex> roots(n);
  for (std::size_t k = 0; k < n; ++k) {
    const double angle = -2 * std::numbers::pi * static_cast<double>(k) / static_cast<double>(n);
    roots[k] = {std::cos(angle), std::sin(angle)};
  }
  std::array<std::size_t, kEdge> rows{};
  std::array<std::size_t, kEdge> columns{};
  for (std::size_t k = 0; k < kEdge; ++k) {
    rows[k] = place(places, 2 * k, n);
    columns[k] = place(places, 2 * k + 1, n);
  }

  // The transform is separable: one pass over a row serves every bin of a column.
  std::array<std::array<Complex, kEdge>, kEdge> bins{};
  std::vector<float> row(2 * n);
  double operand_squares = 0;
  for (std::size_t j = 0; j < n; ++j) {
    operand.fill(row, 2 * n * j);
    for (const float x : row) operand_squares += static_cast<double>(x) * static_cast<double>(x);
    for (std::size_t c = 0; c < kEdge; ++c) {
      double re = 0;
      double im = 0;
      std::size_t turn = 0;
      for (std::size_t i = 0; i < n; ++i) {
        const double x = static_cast<double>(row[2 * i]);
        const double y = static_cast<double>(row[2 * i + 1]);
        re += x * roots[turn].real() - y * roots[turn].imag();
        im += x * roots[turn].imag() + y * roots[turn].real();
        turn += columns[c];
        if (turn >= n) turn -= n;
      }
      for (std::size_t r = 0; r < kEdge; ++r)
        bins[r][c] += Complex(re, im) * roots[j * rows[r] % n];
    }
  }

  Verification v;
  v.tolerance = 4 * kEpsilon * std::max(1.0, 2 * std::log2(static_cast<double>(n)));
  v.reference = operand_squares * static_cast<double>(n) * static_cast<double>(n);
  for (const auto& x : result) {
    const Complex wide(x);
    v.checksum += wide.real() * wide.real() + wide.imag() * wide.imag();
  }
  Worst worst;
  worst.take(std::abs(v.checksum - v.reference) / v.reference);
  const double rms = std::sqrt(v.reference) / static_cast<double>(n);
  for (std::size_t r = 0; r < kEdge; ++r) {
    for (std::size_t c = 0; c < kEdge; ++c) {
      const Complex found(result[rows[r] * n + columns[c]]);
      worst.take(std::hypot(found.real() - bins[r][c].real(), found.imag() - bins[r][c].imag()) /
                 rms);
    }
  }
  v.relative_error = worst.value();
  return judge(v, "fft");
}

Result<Verification> verify_gemm(std::int64_t size, std::uint64_t seed,
                                 std::span<const float> result) {
  constexpr std::uint64_t kElements = 64;
  const auto n = static_cast<std::size_t>(size);
  const OperandStream a = gemm_a_stream(seed);
  const OperandStream b = gemm_b_stream(seed);
  const OperandStream places(seed, kPlaces);
  const OperandStream signs(seed, kSigns);

  std::vector<double> x(n);
  for (std::size_t i = 0; i < n; ++i) x[i] = signs[i] < 0 ? -1 : 1;
  std::vector<float> row(n);
  const auto times = [&row](const std::vector<double>& vector) {
    double sum = 0;
    for (std::size_t i = 0; i < row.size(); ++i) sum += static_cast<double>(row[i]) * vector[i];
    return sum;
  };
  std::vector<double> bx(n);
  for (std::size_t i = 0; i < n; ++i) {
    b.fill(row, n * i);
    bx[i] = times(x);
  }

  Verification v;
  v.tolerance = 4 * kEpsilon * std::max(1.0, std::sqrt(static_cast<double>(n)));
  double residual = 0;
  for (std::size_t i = 0; i < n; ++i) {
    a.fill(row, n * i);
    const double expected = times(bx);
    double found = 0;
    for (std::size_t j = 0; j < n; ++j) found += static_cast<double>(result[i * n + j]) * x[j];
    v.reference += expected * expected;
    v.checksum += found * found;
    residual += (found - expected) * (found - expected);
  }
  // Expected root mean squares: a product of two operands has variance 1/9. Unlike those of this
  // one result, they can't come out near zero for a tiny n.
  const double rms = std::sqrt(static_cast<double>(n)) / 3;
  const double vector_norm = static_cast<double>(n) * rms;
  Worst worst;
  worst.take(std::abs(v.checksum - v.reference) / (vector_norm * vector_norm));
  worst.take(std::sqrt(residual) / vector_norm);
  for (std::uint64_t k = 0; k < kElements; ++k) {
    const std::size_t i = place(places, 2 * k, n);
    const std::size_t j = place(places, 2 * k + 1, n);
    double expected = 0;
    for (std::size_t l = 0; l < n; ++l) {
      expected += static_cast<double>(a[i * n + l]) * static_cast<double>(b[l * n + j]);
    }
    worst.take(std::abs(static_cast<double>(result[i * n + j]) - expected) / rms);
  }
  v.relative_error = worst.value();
  return judge(v, "gemm");
}

}  // namespace kts::workload
