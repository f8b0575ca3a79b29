// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace kts::worker {

// Counts of durations in buckets whose width is at most 1/256 of their value: a bounded memory for
// any number of samples, allocated once, and quantiles within 0.2 %. Exact below 512 ns.
class Histogram {
 public:
  Histogram() : counts_(bucket(INT64_MAX) + 1) {}

  // What is negative counts as 0.
  void add(std::int64_t ns) noexcept {
    if (ns < 0) ns = 0;
    ++counts_[bucket(ns)];
    ++count_;
    if (ns > max_) max_ = ns;
  }
  void clear();
  [[nodiscard]] std::uint64_t count() const { return count_; }
  // Empty without samples.
  [[nodiscard]] std::optional<std::int64_t> quantile(double p) const;
  [[nodiscard]] std::optional<std::int64_t> max() const;

 private:
  static std::size_t bucket(std::int64_t ns) noexcept;

  std::vector<std::uint64_t> counts_;
  std::uint64_t count_ = 0;
  std::int64_t max_ = 0;
};

}  // namespace kts::worker
