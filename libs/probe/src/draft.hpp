// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "kts/analysis/datasheet.hpp"
#include "kts/analysis/turns.hpp"
#include "kts/base/error.hpp"

namespace kts::probe {

// A data sheet in the making.
class Draft {
 public:
  explicit Draft(std::function<void(std::string_view)> progress) : progress_(std::move(progress)) {}

  analysis::DataSheet sheet;

  // A figure without a value is listed as unavailable.
  void add(std::string key, std::string unit, const analysis::Estimate& value, std::uint64_t n,
           std::string method, std::string note = {});
  // A quantile (median) of samples in ns, given in `unit`; the interval is at least the clock's
  // step.
  void add_quantile(std::string key, std::string unit, const analysis::Blocks& ns,
                    std::string method, std::string note = {}, double p = 0.5, double step_ns = 0);
  void add_spread(std::string key, std::string unit, int contexts, const analysis::Blocks& ns);
  void agree(std::string_view key, std::string_view other, double limit_ratio);
  [[nodiscard]] analysis::Estimate value(std::string_view key) const;

  // Runs a part, which promises `keys`; those that it didn't bring are listed with its error.
  // Nothing more is run once one was interrupted.
  void part(std::string_view name, const std::vector<std::string>& keys,
            const std::function<Status()>& measure);
  [[nodiscard]] bool interrupted() const { return interrupted_; }
  [[nodiscard]] bool has(std::string_view key) const;
  void miss(std::string key, std::string reason);

 private:
  std::function<void(std::string_view)> progress_;
  bool interrupted_ = false;
};

// 1 of ns in `unit`: "ms", "us", "ns".
[[nodiscard]] double from_ns(std::string_view unit);
// A series as samples.
[[nodiscard]] std::vector<double> doubles(const std::vector<std::int64_t>& numbers);

}  // namespace kts::probe
