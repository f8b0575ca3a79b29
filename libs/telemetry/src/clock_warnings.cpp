// SPDX-License-Identifier: Apache-2.0
#include "kts/telemetry/clock_warnings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

namespace kts::telemetry {
namespace {

constexpr double kLargestClockDifference = 0.02;

std::optional<double> median(std::vector<unsigned> values) {
  if (values.empty()) return std::nullopt;
  std::sort(values.begin(), values.end());
  const std::size_t n = values.size();
  return (static_cast<double>(values[(n - 1) / 2]) + static_cast<double>(values[n / 2])) / 2;
}

struct Seen {
  std::vector<unsigned> solo_clocks, shared_clocks;
  std::size_t in_blocks = 0;
  std::size_t throttled = 0;
  std::uint64_t reasons = 0;
};

}  // namespace

std::vector<std::string> clock_warnings(std::span<const Reading> readings,
                                        std::span<const Window> windows) {
  std::map<int, Seen> cards;
  for (const Reading& reading : readings) {
    const auto window = std::ranges::find_if(windows, [&](const Window& w) {
      return reading.epoch_ns >= w.start_ns && reading.epoch_ns < w.stop_ns;
    });
    if (window == windows.end()) continue;
    Seen& seen = cards[reading.gpu];
    ++seen.in_blocks;
    if (reading.sample.sm_clock_mhz) {
      (window->shared ? seen.shared_clocks : seen.solo_clocks)
          .push_back(*reading.sample.sm_clock_mhz);
    }
    const std::uint64_t reasons = reading.sample.clock_event_reasons.value_or(0);
    if (!device::throttle_names(reasons).empty()) {
      ++seen.throttled;
      seen.reasons |= reasons;
    }
  }

  std::vector<std::string> warnings;
  for (const auto& [gpu, seen] : cards) {
    const auto solo = median(seen.solo_clocks);
    const auto shared = median(seen.shared_clocks);
    if (solo && shared && *solo > 0 && std::abs(*shared / *solo - 1) > kLargestClockDifference) {
      warnings.push_back(
          fmt::format("GPU {}: the median SM clock was {:.0f} MHz in solo and {:.0f} MHz in shared "
                      "blocks; part "
                      "of the difference between them may be the clock's",
                      gpu, *solo, *shared));
    }
    if (seen.throttled > 0) {
      warnings.push_back(
          fmt::format("GPU {}: clocks were held down in {} of {} readings inside "
                      "blocks ({})",
                      gpu, seen.throttled, seen.in_blocks,
                      fmt::join(device::throttle_names(seen.reasons), ", ")));
    }
  }
  return warnings;
}

}  // namespace kts::telemetry
