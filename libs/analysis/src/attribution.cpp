// SPDX-License-Identifier: Apache-2.0
#include "attribution.hpp"

#include <cmath>

#include "lengths.hpp"

namespace kts::analysis {
namespace {

constexpr std::uint64_t kMinIterations = 100;

struct PartSum {
  double ns = 0;
  std::uint64_t n = 0;
};
struct WindowSum {
  std::uint64_t n = 0;
  std::array<PartSum, kParts.size()> parts;
};

std::optional<double> difference(std::optional<double> a, std::optional<double> b) {
  if (!a || !b) return std::nullopt;
  return *a - *b;
}

}  // namespace

std::vector<WindowMeans> window_means(const Group& group,
                                      const std::vector<Distribution::Bounds>& windows) {
  std::vector<WindowSum> sums(windows.size());
  const auto add = [](WindowSum& sum, const AgentBlock& block, std::size_t i) {
    ++sum.n;
    for (std::size_t part = 0; part < kParts.size(); ++part) {
      const std::int64_t ns =
          kParts[part] == Measure::kNotify ? notify_ns(block, i) : column(block, kParts[part])[i];
      if (ns == record::kUnavailable) continue;
      sum.parts[part].ns += static_cast<double>(ns);
      ++sum.parts[part].n;
    }
  };
  for (const AgentBlock* block : group.blocks) {
    for (std::size_t i = 0; i < block->latency.size(); ++i) {
      const std::int64_t latency = block->latency[i];
      if (latency == record::kUnavailable) continue;
      const auto ns = static_cast<double>(latency);
      for (std::size_t w = 0; w < windows.size(); ++w) {
        if (ns >= windows[w].low_ns && ns <= windows[w].high_ns) add(sums[w], *block, i);
      }
    }
  }
  std::vector<WindowMeans> means(windows.size());
  for (std::size_t w = 0; w < windows.size(); ++w) {
    means[w].n = sums[w].n;
    for (std::size_t part = 0; part < kParts.size(); ++part) {
      const PartSum& sum = sums[w].parts[part];
      if (sum.n >= kMinIterations) {
        means[w].part_ms[part] = sum.ns / static_cast<double>(sum.n) / 1e6;
      }
    }
  }
  return means;
}

Attribution attribute(std::string_view agent, std::string_view at, const WindowMeans& solo,
                      const WindowMeans& shared, std::optional<double> solo_latency_ms,
                      std::optional<double> shared_latency_ms) {
  Attribution result;
  result.agent = agent;
  result.at = at;
  result.solo_n = solo.n;
  result.shared_n = shared.n;
  result.latency_growth_ms = difference(shared_latency_ms, solo_latency_ms);
  std::optional<double> rest = result.latency_growth_ms;
  bool any_part = false;
  for (std::size_t part = 0; part < kParts.size(); ++part) {
    PartGrowth growth{kParts[part], solo.part_ms[part], shared.part_ms[part], {}};
    growth.growth_ms = difference(growth.shared_ms, growth.solo_ms);
    if (growth.growth_ms) {
      any_part = true;
      rest = difference(rest, growth.growth_ms);
    }
    result.parts.push_back(growth);
  }
  // Instants are whole nanoseconds; digits below a picosecond come from summing.
  if (any_part && rest) result.residue_ms = std::round(*rest * 1e9) / 1e9;
  return result;
}

}  // namespace kts::analysis
