// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kts/base/clock.hpp"
#include "kts/base/error.hpp"

namespace kts::workload {

// Which stretch of a recorded trace is replayed, and how.
struct TraceSpec {
  std::string file = {};
  double scale = 1;       // gaps are divided by it: 2 replays twice as fast
  bool wrap = true;       // false: from the stretch's beginning, once
  Nanoseconds from{0};    // the stretch, in the trace's own time
  Nanoseconds length{0};  // 0: up to the trace's end

  friend bool operator==(const TraceSpec&, const TraceSpec&) = default;
};

struct TraceRow {
  std::int64_t at_ns = 0;  // since the stretch's beginning
  std::int32_t input_tokens = 0;
  std::int32_t output_tokens = 0;

  friend bool operator==(const TraceRow&, const TraceRow&) = default;
};

// Requests as somebody served them, in the order of time.
struct Trace {
  std::string format;  // "Azure LLM 2023" | "BurstGPT" | "kts"
  std::vector<TraceRow> rows;
  std::int64_t period_ns = 0;  // after which it begins again; 0: it can't
  std::uint64_t failed = 0;    // left out: requests without output tokens
  std::uint64_t clamped = 0;   // see limit_context
};

inline constexpr std::size_t kMaxTraceBytes = std::size_t{256} << 20;

// CSV with a header, which tells the format:
//   TIMESTAMP,ContextTokens,GeneratedTokens         Azure LLM inference trace 2023; date and time
//   Timestamp,…,Request tokens,Response tokens,…    BurstGPT; seconds
//   timestamp_s,input_tokens,output_tokens          plain; seconds
// Columns may stand in any order, beside others. kBadInput names file:line.
[[nodiscard]] Result<Trace> parse_trace(std::string_view csv, std::string_view file);
// The stretch that the spec asks for, times counted from its beginning, without failed requests.
// kBadInput when nothing is left, or when it can't be repeated as asked for.
[[nodiscard]] Result<Trace> select_stretch(Trace trace, const TraceSpec& spec);
// Reads spec.file and selects.
[[nodiscard]] Result<Trace> load_trace(const TraceSpec& spec);
// A selected stretch as a trace in the plain format: selected from its beginning, for as long as
// its period, it is the same again, to the nanosecond.
[[nodiscard]] std::string to_csv(const Trace& trace);
// Cuts requests down to `max_context` tokens, the input unless the output alone is too long; counts
// them.
void limit_context(Trace& trace, std::int64_t max_context);

// "8819 requests in 57min (2.57/s), Azure LLM 2023".
[[nodiscard]] std::string describe(const Trace& trace, const TraceSpec& spec);

}  // namespace kts::workload
