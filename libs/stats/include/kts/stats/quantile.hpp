// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <limits>
#include <memory>
#include <numeric>
#include <optional>
#include <span>
#include <type_traits>
#include <vector>

namespace kts::stats {

// Bins of whole numbers by their leading one and the 7 bits after it: like a histogram of floating
// point they are as wide as the number says.
template <std::unsigned_integral T>
struct LeadingBits {
  static constexpr int kBits = 7;
  static constexpr std::size_t kBins =
      static_cast<std::size_t>(std::numeric_limits<T>::digits - kBits + 1) << kBits;
  // Ascends with the number.
  [[nodiscard]] static std::size_t bin_of(T number) {
    const int shift = std::max(0, static_cast<int>(std::bit_width(number)) - kBits - 1);
    return (static_cast<std::size_t>(shift) << kBits) + static_cast<std::size_t>(number >> shift);
  }
};

// Order statistics and quantiles of one buffer, which it reorders in place. What was found out of
// the order stays: a place before which nothing is larger than anything behind it splits the
// buffer, so each further rank is searched in a smaller stretch, and a dozen quantiles cost little
// more than the first. Order of asking doesn't change the answers.
template <typename T>
class QuantileSelector {
 public:
  explicit QuantileSelector(std::span<T> values) : values_(values), splits_{0, values.size()} {
    if constexpr (std::is_integral_v<T>) {
      if (values.size() < kLarge) return;
      const auto copy = std::make_unique_for_overwrite<T[]>(values.size());
      std::copy(values.begin(), values.end(), copy.get());
      const std::span<const T> copied(copy.get(), values.size());
      split_by_leading_bits(*std::min_element(values.begin(), values.end()), [&](auto take) {
        for (const T value : copied) take(value);
      });
    }
  }
  // Of whole numbers that for_each(take) hands over, the same ones at each call: they come into the
  // buffer, which has room for just them, where they belong. None is below `least`.
  template <typename ForEach>
  QuantileSelector(std::span<T> buffer, T least, ForEach for_each)
      : values_(buffer), splits_{0, buffer.size()} {
    if (buffer.size() >= kLarge) {
      split_by_leading_bits(least, for_each);
    } else {
      auto at = buffer.begin();
      for_each([&at](T value) { *at++ = value; });
    }
  }

  [[nodiscard]] std::size_t size() const { return values_.size(); }

  // The value that would stand at `rank` (from 0, below size()) if the buffer were sorted.
  [[nodiscard]] T order_statistic(std::size_t rank) {
    const auto above = std::upper_bound(splits_.begin(), splits_.end(), rank);
    const std::size_t first = *(above - 1);
    const std::size_t last = *above;
    if (last - first > 1) {
      place(values_.subspan(first, last - first), rank - first);
      const auto behind = rank + 1 < last ? splits_.insert(above, rank + 1) : above;
      if (rank > first) splits_.insert(behind, rank);
    }
    return values_[rank];
  }

  // Linear interpolation between order statistics: type 7 of Hyndman & Fan 1996, NumPy's default.
  // Empty for an empty buffer and for p outside 0..1.
  [[nodiscard]] std::optional<double> quantile(double p) {
    if (values_.empty() || !(p >= 0 && p <= 1)) return std::nullopt;
    const double position = p * static_cast<double>(values_.size() - 1);
    const auto rank = static_cast<std::size_t>(position);
    const auto low = static_cast<double>(order_statistic(rank));
    const double weight = position - static_cast<double>(rank);
    if (weight <= 0) return low;
    return low + weight * (static_cast<double>(order_statistic(rank + 1)) - low);
  }

 private:
  static void place(std::span<T> stretch, std::size_t at) {
    // A rank beside a placed one, which interpolation always asks for, needs one pass only.
    if (at == 0) {
      std::iter_swap(stretch.begin(), std::min_element(stretch.begin(), stretch.end()));
    } else if (at + 1 == stretch.size()) {
      std::iter_swap(stretch.end() - 1, std::max_element(stretch.begin(), stretch.end()));
    } else {
      std::nth_element(stretch.begin(), stretch.begin() + static_cast<std::ptrdiff_t>(at),
                       stretch.end());
    }
  }

  // By their leading digits first: two passes that predict no branches.
  template <typename ForEach>
  void split_by_leading_bits(T least, ForEach for_each) {
    using Distance = std::make_unsigned_t<T>;
    using Bins = LeadingBits<Distance>;
    const auto bin_of = [least](T value) {
      return Bins::bin_of(
          static_cast<Distance>(static_cast<Distance>(value) - static_cast<Distance>(least)));
    };
    std::vector<std::size_t> next(Bins::kBins + 1, 0);  // where the bin's next value goes
    for_each([&](T value) { ++next[bin_of(value) + 1]; });
    std::partial_sum(next.begin(), next.end(), next.begin());
    splits_.assign(next.begin(), next.end());
    splits_.erase(std::unique(splits_.begin(), splits_.end()), splits_.end());
    for_each([&](T value) { values_[next[bin_of(value)]++] = value; });
  }

  static constexpr std::size_t kLarge = std::size_t{1} << 14;
  std::span<T> values_;
  std::vector<std::size_t> splits_;  // ascending; the ends of the buffer too
};

}  // namespace kts::stats
