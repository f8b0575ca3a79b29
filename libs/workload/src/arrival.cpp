// SPDX-License-Identifier: Apache-2.0
#include "kts/workload/arrival.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "kts/base/units.hpp"
#include "kts/workload/operands.hpp"

namespace kts::workload {
namespace {

constexpr std::array<std::pair<ArrivalProcess, std::string_view>, 4> kNames{{
    {ArrivalProcess::kClosed, "closed"},
    {ArrivalProcess::kSaturate, "saturate"},
    {ArrivalProcess::kPoisson, "poisson"},
    {ArrivalProcess::kUniform, "uniform"},
}};

constexpr std::uint64_t kGolden = 0x9e3779b97f4a7c15U;
// A year: longer than any run, and sums of it don't overflow soon.
constexpr double kLongestGapNs = 3.2e16;

}  // namespace

std::string_view name(ArrivalProcess process) {
  return std::find_if(kNames.begin(), kNames.end(),
                      [process](const auto& entry) { return entry.first == process; })
      ->second;
}

std::optional<ArrivalProcess> arrival_process_from_name(std::string_view name) {
  for (const auto& [process, word] : kNames) {
    if (word == name) return process;
  }
  return std::nullopt;
}

std::string describe(const ArrivalSpec& spec) {
  if (is_open(spec.process)) return fmt::format("{} {:g}/s", name(spec.process), spec.rate_per_s);
  if (spec.process == ArrivalProcess::kClosed) {
    return fmt::format("closed, {} think", format_duration(spec.think));
  }
  return std::string(name(spec.process));
}

std::uint64_t block_seed(std::uint64_t seed, int block) {
  return scatter(seed ^ scatter(static_cast<std::uint64_t>(block) + kGolden));
}

ArrivalSchedule::ArrivalSchedule(const ArrivalSpec& spec, std::uint64_t seed)
    : spec_(spec), state_(seed) {}

Nanoseconds ArrivalSchedule::next_gap() {
  state_ += kGolden;                                                            // SplitMix64
  const double uniform = static_cast<double>(scatter(state_) >> 11) * 0x1p-53;  // [0, 1)
  double gaps = 1;
  if (spec_.process == ArrivalProcess::kPoisson) gaps = -std::log(1 - uniform);
  if (spec_.process == ArrivalProcess::kUniform && first_) gaps = uniform;
  first_ = false;
  const double ns = gaps * 1e9 / spec_.rate_per_s;
  return Nanoseconds(std::llround(std::min(ns, kLongestGapNs)));
}

}  // namespace kts::workload
