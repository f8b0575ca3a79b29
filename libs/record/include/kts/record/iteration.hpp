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
  // Of LLM requests alone: when the caller had the first output token, and how many tokens went in
  // and came out.
  std::int64_t first_token_ns = kUnavailable;
  std::int32_t input_tokens = 0;
  std::int32_t output_tokens = 0;

  friend bool operator==(const Iteration&, const Iteration&) = default;
};
[[nodiscard]] constexpr bool is_request(const Iteration& i) {
  return i.first_token_ns != kUnavailable;
}

// A request's output token after the first; index 1 is the second.
struct Token {
  std::uint64_t seq = 0;  // of the request
  std::uint64_t index = 0;
  std::int64_t done_ns = 0;  // when the caller had it

  friend bool operator==(const Token&, const Token&) = default;
};

// That an iteration was step `step` of request `request` of a chain of agents.
inline constexpr std::int32_t kNoStep = -1;
struct Step {
  std::uint64_t seq = 0;        // of the iteration
  std::uint64_t request = 0;    // of the chain, from 0 in each block
  std::uint32_t chain = 0;      // place in the scenario; the line has its name
  std::uint32_t step = 0;       // from 0
  std::int32_t last = kNoStep;  // where several come right before it: which was done last

  friend bool operator==(const Step&, const Step&) = default;
};

// The headline; the four parts that add up to it; and of LLM requests the wait for the first token
// and the gaps between tokens.
enum class Measure : std::uint8_t { kLatency, kBacklog, kGpuWait, kGpuTime, kNotify, kTtft, kItl };
inline constexpr std::array kMeasures{Measure::kLatency, Measure::kBacklog, Measure::kGpuWait,
                                      Measure::kGpuTime, Measure::kNotify,  Measure::kTtft,
                                      Measure::kItl};
inline constexpr std::array kLatencyParts{Measure::kBacklog, Measure::kGpuWait, Measure::kGpuTime,
                                          Measure::kNotify};

// One entry of the metric catalogue: what reports, legends and help texts say of a measure.
struct MeasureInfo {
  Measure measure;
  std::string_view name;     // "gpu_wait", as in files
  std::string_view formula;  // "gpu_start - submit"
  std::string_view meaning;  // one plain sentence
};
[[nodiscard]] const MeasureInfo& info(Measure measure);
[[nodiscard]] std::optional<Measure> measure_from_name(std::string_view name);

// Length in ns, or kUnavailable when an instant that it needs is. An iteration has no one kItl.
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
    case Measure::kTtft:
      return between(i.due_ns, i.first_token_ns);
    case Measure::kItl:
      break;
  }
  return kUnavailable;
}

}  // namespace kts::record
