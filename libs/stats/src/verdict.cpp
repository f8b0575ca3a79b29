// SPDX-License-Identifier: Apache-2.0
#include "kts/stats/verdict.hpp"

#include <algorithm>
#include <cmath>

namespace kts::stats {

Verdict judge(const Interval& ratio) {
  if (ratio.low && *ratio.low > kHurtAbove) return Verdict::kHurt;
  if (ratio.high && *ratio.high < kHelpedBelow) return Verdict::kHelped;
  if (ratio.low && ratio.high && *ratio.low >= kHelpedBelow && *ratio.high <= kHurtAbove) {
    return Verdict::kFree;
  }
  return Verdict::kCannotConclude;
}

std::string_view name(Verdict verdict) {
  switch (verdict) {
    case Verdict::kHurt:
      return "hurt";
    case Verdict::kFree:
      return "free";
    case Verdict::kHelped:
      return "helped";
    case Verdict::kCannotConclude:
      return "cannot conclude";
  }
  return "";
}

std::optional<std::uint64_t> samples_needed(double ratio, const Interval& interval,
                                            std::uint64_t n) {
  constexpr double kBeyondReach = 100;
  if (!interval.low || !interval.high || !(ratio > 0) || !(*interval.low > 0)) return std::nullopt;
  const double half_width = std::log(*interval.high / *interval.low) / 2;
  const double distance =
      std::min(std::abs(std::log(ratio / kHurtAbove)), std::abs(std::log(ratio / kHelpedBelow)));
  const double times_as_many = half_width / distance * half_width / distance;
  if (!(times_as_many <= kBeyondReach)) return std::nullopt;
  const double needed = std::ceil(static_cast<double>(n) * times_as_many);
  // Of the estimate no more digits mean anything.
  const double unit = std::pow(10, std::max(0.0, std::floor(std::log10(needed)) - 1));
  return static_cast<std::uint64_t>(std::ceil(needed / unit - 0.5) * unit);
}

}  // namespace kts::stats
