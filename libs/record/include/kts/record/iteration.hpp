// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>

namespace kts::record {

// Stands for an instant or a part that the backend can't give; printed as an empty field.
inline constexpr std::int64_t kUnavailable = std::numeric_limits<std::int64_t>::min();

// One iteration's five instants, nanoseconds since the epoch on the run's time line.
struct Iteration {
  std::uint64_t seq = 0;
  std::int64_t due_ns = 0;
  std::int64_t submit_ns = 0;
  std::int64_t gpu_start_ns = kUnavailable;
  std::int64_t gpu_end_ns = kUnavailable;
  std::int64_t done_ns = 0;

  friend bool operator==(const Iteration&, const Iteration&) = default;
};

// The headline and the four parts that add up to it.
enum class Measure : std::uint8_t { kLatency, kBacklog, kGpuWait, kGpuTime, kNotify };
inline constexpr std::array kMeasures{Measure::kLatency, Measure::kBacklog, Measure::kGpuWait,
                                      Measure::kGpuTime, Measure::kNotify};

// One entry of the metric catalogue: what reports, legends and help texts say of a measure.
struct MeasureInfo {
  Measure measure;
  std::string_view name;     // "gpu_wait", as in files
  std::string_view formula;  // "gpu_start - submit"
  std::string_view meaning;  // one plain sentence
};
[[nodiscard]] const MeasureInfo& info(Measure measure);
[[nodiscard]] std::optional<Measure> measure_from_name(std::string_view name);

// Length of a part in ns, or kUnavailable when an instant that it needs is.
[[nodiscard]] constexpr std::int64_t length_ns(const Iteration& i, Measure measure) {
  const auto between = [](std::int64_t from, std::int64_t to) {
    return from == kUnavailable || to == kUnavailable ? kUnavailable : to - from;
  };
  switch (measure) {
    case Measure::kLatency:
      return between(i.due_ns, i.done_ns);
    case Measure::kBacklog:
      return between(i.due_ns, i.submit_ns);
    case Measure::kGpuWait:
      return between(i.submit_ns, i.gpu_start_ns);
    case Measure::kGpuTime:
      return between(i.gpu_start_ns, i.gpu_end_ns);
    case Measure::kNotify:
      return between(i.gpu_end_ns, i.done_ns);
  }
  return kUnavailable;
}

}  // namespace kts::record
