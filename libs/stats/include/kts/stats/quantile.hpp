// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace kts::stats {

// Order statistics and quantiles of one buffer, which it reorders in place. Every rank that was
// asked for stays placed and splits the buffer, so each further one searches a smaller stretch: a
// dozen quantiles cost little more than the first. Order of asking doesn't change the answers.
template <typename T>
class QuantileSelector {
 public:
  explicit QuantileSelector(std::span<T> values) : values_(values) {}

  [[nodiscard]] std::size_t size() const { return values_.size(); }

  // The value that would stand at `rank` (from 0, below size()) if the buffer were sorted.
  [[nodiscard]] T order_statistic(std::size_t rank) {
    const auto above = std::lower_bound(placed_.begin(), placed_.end(), rank);
    if (above == placed_.end() || *above != rank) {
      const std::size_t first = above == placed_.begin() ? 0 : *(above - 1) + 1;
      const std::size_t last = above == placed_.end() ? values_.size() : *above;
      place(values_.subspan(first, last - first), rank - first);
      placed_.insert(above, rank);
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

  std::span<T> values_;
  std::vector<std::size_t> placed_;  // ascending
};

}  // namespace kts::stats
