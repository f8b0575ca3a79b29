// SPDX-License-Identifier: Apache-2.0
#include "kts/worker/histogram.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace kts::worker {
namespace {

constexpr int kBits = 8;
constexpr std::size_t kPerOctave = std::size_t{1} << kBits;

}  // namespace

std::size_t Histogram::bucket(std::int64_t ns) noexcept {
  const auto value = static_cast<std::uint64_t>(ns);
  const int shift = std::max(0, static_cast<int>(std::bit_width(value)) - kBits - 1);
  return static_cast<std::size_t>(shift) * kPerOctave + static_cast<std::size_t>(value >> shift);
}

void Histogram::clear() {
  std::fill(counts_.begin(), counts_.end(), 0);
  count_ = 0;
  max_ = 0;
}

std::optional<std::int64_t> Histogram::quantile(double p) const {
  if (count_ == 0) return std::nullopt;
  const auto rank = static_cast<std::uint64_t>(std::llround(p * static_cast<double>(count_ - 1)));
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    below += counts_[i];
    if (below <= rank) continue;
    const std::size_t shift = i < 2 * kPerOctave ? 0 : i / kPerOctave - 1;
    const std::uint64_t low = (i - shift * kPerOctave) << shift;
    const std::uint64_t middle = low + ((std::uint64_t{1} << shift) >> 1);
    return std::min(static_cast<std::int64_t>(middle), max_);
  }
  return max_;
}

std::optional<std::int64_t> Histogram::max() const {
  return count_ == 0 ? std::nullopt : std::optional(max_);
}

}  // namespace kts::worker
