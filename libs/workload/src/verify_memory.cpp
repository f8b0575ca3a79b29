// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <set>
#include <vector>

#include "judge.hpp"
#include "kts/workload/memory_operands.hpp"
#include "kts/workload/verify.hpp"

namespace kts::workload {
namespace {

constexpr double kEps = std::numeric_limits<float>::epsilon();

}  // namespace

Result<Verification> verify_topk(std::int64_t vectors, std::int64_t dimensions, std::uint64_t seed,
                                 VectorFormat format, std::span<const std::int64_t> ids,
                                 std::span<const float> scores) {
  constexpr std::int64_t kMostElements = std::int64_t{1} << 28;
  const auto d = static_cast<std::size_t>(dimensions);
  const auto read = [&](const OperandStream& stream, std::int64_t row, std::vector<float>& to) {
    stream.fill(to, static_cast<std::uint64_t>(row) * d);
    if (format == VectorFormat::kFp16) std::ranges::transform(to, to.begin(), rounded_to_fp16);
  };
  std::vector<float> query(d);
  std::vector<float> row(d);
  read(query_stream(seed), 0, query);
  const auto score_of = [&](std::int64_t vector) {
    read(vectors_stream(seed), vector, row);
    double sum = 0;
    for (std::size_t i = 0; i < d; ++i) {
      sum += static_cast<double>(query[i]) * static_cast<double>(row[i]);
    }
    return sum;
  };

  Verification v;
  v.tolerance = 4 * kEps * std::max(1.0, std::sqrt(static_cast<double>(d)));
  const double rms = std::sqrt(static_cast<double>(d)) / 3;  // of a score, as in verify_gemm
  const double wrong = std::numeric_limits<double>::infinity();
  Worst worst;
  std::set<std::int64_t> best;
  double last = std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const bool known = ids[i] >= 0 && ids[i] < vectors && best.insert(ids[i]).second;
    if (!known) {
      worst.take(wrong);
      continue;
    }
    const double expected = score_of(ids[i]);
    const auto found = static_cast<double>(scores[i]);
    v.reference += expected * expected;
    v.checksum += found * found;
    worst.take(std::abs(found - expected) / rms);
    worst.take((found - last) / rms);  // best first
    last = found;
  }
  const std::int64_t stride = std::max<std::int64_t>(1, vectors / (kMostElements / dimensions));
  for (std::int64_t vector = 0; vector < vectors; vector += stride) {
    if (!best.contains(vector)) worst.take((score_of(vector) - last) / rms);
  }
  v.relative_error = worst.value();
  return judge(v, "topk");
}

Result<Verification> verify_triad(std::uint64_t seed, std::span<const float> a) {
  constexpr std::size_t kMost = std::size_t{1} << 22;
  constexpr double kLargest = 4;
  const OperandStream b = triad_b_stream(seed);
  const OperandStream c = triad_c_stream(seed);
  Verification v;
  v.tolerance = 2 * kEps;
  Worst worst;
  const auto look = [&](std::size_t i) {
    const double expected =
        static_cast<double>(b[i]) + static_cast<double>(kTriadScalar) * static_cast<double>(c[i]);
    v.reference += expected;
    v.checksum += static_cast<double>(a[i]);
    worst.take(std::abs(static_cast<double>(a[i]) - expected) / kLargest);
  };
  const std::size_t stride = a.size() / kMost + 1;
  for (std::size_t i = 0; i < a.size(); i += stride) look(i);
  if (!a.empty()) look(a.size() - 1);
  v.relative_error = worst.value();
  return judge(v, "triad");
}

Result<Verification> verify_sweep(std::int64_t bytes, std::int64_t sweeps, std::uint64_t seed,
                                  std::uint64_t sum) {
  std::uint64_t once = 0;
  for (std::int64_t i = 0; i < sweep_words(bytes); ++i) {
    once += sweep_word(seed, static_cast<std::uint64_t>(i));
  }
  const std::uint64_t expected = once * static_cast<std::uint64_t>(sweeps);
  Verification v;
  v.reference = static_cast<double>(expected);
  v.checksum = static_cast<double>(sum);
  v.relative_error = sum == expected ? 0 : 1;
  return judge(v, "sweep's");
}

Result<Verification> verify_copy(const OperandStream& sent, std::span<const float> arrived) {
  Verification v;
  for (std::size_t i = 0; i < arrived.size(); ++i) {
    const float expected = sent[i];
    v.reference += static_cast<double>(expected);
    v.checksum += static_cast<double>(arrived[i]);
    if (std::bit_cast<std::uint32_t>(expected) != std::bit_cast<std::uint32_t>(arrived[i])) {
      v.relative_error = 1;
    }
  }
  return judge(v, "copy's");
}

Result<Verification> verify_count(std::string_view whose, std::int64_t expected,
                                  std::int64_t found) {
  Verification v;
  v.reference = static_cast<double>(expected);
  v.checksum = static_cast<double>(found);
  v.relative_error = found == expected ? 0 : 1;
  return judge(v, whose);
}

}  // namespace kts::workload
