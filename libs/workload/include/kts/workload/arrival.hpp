// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "kts/base/clock.hpp"

namespace kts::workload {

// closed: next request `think` after the last one finished; saturate: closed without thinking;
// poisson, uniform: open, `rate_per_s` requests a second with exponential or equal gaps.
enum class ArrivalProcess { kClosed, kSaturate, kPoisson, kUniform };

struct ArrivalSpec {
  ArrivalProcess process = ArrivalProcess::kSaturate;
  double rate_per_s = 0;  // open processes
  Nanoseconds think{0};   // closed

  friend bool operator==(const ArrivalSpec&, const ArrivalSpec&) = default;
};

[[nodiscard]] constexpr bool is_open(ArrivalProcess p) {
  return p == ArrivalProcess::kPoisson || p == ArrivalProcess::kUniform;
}
[[nodiscard]] std::string_view name(ArrivalProcess process);
[[nodiscard]] std::optional<ArrivalProcess> arrival_process_from_name(std::string_view name);
// "poisson 200/s", "closed, 100ms think", "saturate".
[[nodiscard]] std::string describe(const ArrivalSpec& spec);

// Seed of one block's schedule: repeats of a phase see different arrivals, repeats of a run the
// same.
[[nodiscard]] std::uint64_t block_seed(std::uint64_t seed, int block);

// Gaps between the due times of an open process, reproducible from the seed on every platform. The
// first gap of `uniform` is a random share of a whole one, lest agents of one rate march in step.
class ArrivalSchedule {
 public:
  ArrivalSchedule(const ArrivalSpec& spec, std::uint64_t seed);
  [[nodiscard]] Nanoseconds next_gap();

 private:
  ArrivalSpec spec_;
  std::uint64_t state_;
  bool first_ = true;
};

}  // namespace kts::workload
