// SPDX-License-Identifier: Apache-2.0
#include "kts/stats/interval.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace kts::stats {
namespace {

constexpr double kTail = 0.025;
constexpr double kNormalQuantile = 1.959963984540054;

// Probability that |T| < t.
double student_t_central(double t, int degrees) {
  const double theta = std::atan(t / std::sqrt(degrees));
  const double sine = std::sin(theta);
  const double cosine_squared = std::cos(theta) * std::cos(theta);
  double term = 1;
  double sum = 0;
  if (degrees % 2 == 1) {
    if (degrees > 1) {
      term = sine * std::cos(theta);
      sum = term;
      for (int k = 3; k < degrees; k += 2) sum += term *= cosine_squared * (k - 1) / k;
    }
    return 2 / std::numbers::pi * (theta + sum);
  }
  term = sine;
  sum = term;
  for (int k = 2; k < degrees; k += 2) sum += term *= cosine_squared * (k - 1) / k;
  return sum;
}

// Distance on logarithms between an estimate and its bound; empty where there is no bound.
std::optional<double> log_distance(double value, const std::optional<double>& bound) {
  if (!bound || !(*bound > 0) || !(value > 0)) return std::nullopt;
  return std::log(value / *bound);
}

}  // namespace

double student_t_quantile(double p, int degrees) {
  if (p < 0.5) return -student_t_quantile(1 - p, degrees);
  const double central = 2 * p - 1;
  double low = 0;
  double high = 1;
  while (student_t_central(high, degrees) < central) high *= 2;
  for (int i = 0; i < 100 && low < high; ++i) {
    const double middle = (low + high) / 2;
    (student_t_central(middle, degrees) < central ? low : high) = middle;
  }
  return (low + high) / 2;
}

std::optional<ShareError> share_error(std::span<const BlockCount> blocks) {
  double n = 0;
  double at_or_below = 0;
  int filled = 0;
  for (const BlockCount& block : blocks) {
    n += static_cast<double>(block.n);
    at_or_below += static_cast<double>(block.at_or_below);
    filled += block.n > 0;
  }
  if (filled < kMinBlocks) return std::nullopt;
  double squares = 0;
  double fourth_powers = 0;
  for (const BlockCount& block : blocks) {
    const double deviation =
        static_cast<double>(block.at_or_below) - at_or_below / n * static_cast<double>(block.n);
    squares += deviation * deviation;
    fourth_powers += deviation * deviation * deviation * deviation;
  }
  const double b = filled;
  double degrees = b - 1;
  if (squares > 0) {
    // The variance of a sample variance is sigma^4 (excess / b + 2 / (b - 1)); Satterthwaite's
    // degrees of freedom follow from it. `excess` is the usual estimator G2 (Joanes & Gill 1998).
    const double plain = b * fourth_powers / (squares * squares) - 3;
    const double excess = (b - 1) / ((b - 2) * (b - 3)) * ((b + 1) * plain + 6);
    degrees = 2 / (std::max(excess, 0.0) / b + 2 / (b - 1));
  }
  return ShareError{std::sqrt(squares * b / (b - 1)) / n,
                    std::max(1, static_cast<int>(std::lround(degrees)))};
}

Interval quantile_interval(double p, std::uint64_t n, const ShareError& error) {
  const double half_width =
      std::max(student_t_quantile(1 - kTail, error.degrees) * error.standard_error,
               kNormalQuantile * std::sqrt(p * (1 - p) / static_cast<double>(n)));
  Interval interval;
  if (p - half_width >= 0) interval.low = p - half_width;
  if (p + half_width <= 1 && n >= upper_bound_floor(p)) interval.high = p + half_width;
  return interval;
}

bool maximum_bounds(std::uint64_t clusters) {
  // The largest sample fails as a bound if no cluster lies above the true quantile, of which the
  // chance is kTail when ln(1 / kTail) are expected: there must be too many for that expectation.
  const double expected = -std::log(kTail);
  double fewer = 0;
  double term = kTail;  // Poisson probability of exactly i clusters
  for (std::uint64_t i = 0; i < clusters && 1 - fewer > kTail; ++i) {
    fewer += term;
    term *= expected / static_cast<double>(i + 1);
  }
  return 1 - fewer <= kTail;
}

bool maximum_bounds_singles(std::uint64_t exceedances, std::uint64_t apart) {
  constexpr std::uint64_t kFewest = 5;
  return apart >= kFewest && 2 * apart >= exceedances;
}

std::uint64_t upper_bound_floor(double p) {
  return static_cast<std::uint64_t>(std::ceil(std::log(kTail) / std::log(p)));
}

Interval ratio_interval(double numerator, const Interval& numerator_interval, double denominator,
                        const Interval& denominator_interval) {
  Interval interval;
  const double ratio = numerator / denominator;
  const auto side = [&](const auto& own, const auto& others) -> std::optional<double> {
    const auto a = log_distance(numerator, own);
    const auto b = log_distance(denominator, others);
    if (!a || !b) return std::nullopt;
    return std::hypot(*a, *b);
  };
  if (const auto down = side(numerator_interval.low, denominator_interval.high)) {
    interval.low = ratio * std::exp(-*down);
  }
  if (const auto up = side(numerator_interval.high, denominator_interval.low)) {
    interval.high = ratio * std::exp(*up);
  }
  return interval;
}

}  // namespace kts::stats
