// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "kts/base/error.hpp"
#include "kts/record/iteration.hpp"

namespace kts::record {

// Longest record line that the formatters write, newline included.
inline constexpr std::size_t kMaxAgentName = 63;
inline constexpr std::size_t kMaxRecordLine = 256;

// "KTS_APP,v2,<agent>,<seq>,<due>,<submit>,<gpu_start>,<gpu_end>,<done>\n", for an LLM request with
// ",<input_tokens>,<output_tokens>,<first_token>" before its end, into `out`, which holds
// kMaxRecordLine bytes. Returns the end. Allocates nothing; independent of the locale.
char* format_v2(char* out, std::string_view agent, const Iteration& iteration);

// "KTS_TOKEN,v2,<agent>,<seq>,<index>,<done>\n", likewise.
char* format_token(char* out, std::string_view agent, const Token& token);

// "KTS_STEP,v2,<agent>,<seq>,<chain>,<request>,<step>\n", likewise; `chain` is the chain's name. A
// step that several come right before has ",<last>" before its end.
char* format_step(char* out, std::string_view agent, std::string_view chain, const Step& step);

// "KTS_APP,v1,<KIND>,<i>,<start>,<end>,<gpu_time in ms, 6 decimals>,<phase>\n". `gpu_time_ns` may
// be kUnavailable: then done - submit stands in, as a host-only clock of the study's form would
// say.
char* format_v1(char* out, std::string_view kind, std::string_view phase,
                const Iteration& iteration, std::int64_t gpu_time_ns);

// What one line of a worker's output is. Views point into the line.
struct V1Record {
  std::string_view kind;
  std::string_view phase;
  Iteration iteration;  // due = submit = start, done = end, device instants unavailable
  std::int64_t gpu_time_ns = 0;
};
struct V2Record {
  std::string_view agent;
  Iteration iteration;
};
struct TokenRecord {
  std::string_view agent;
  Token token;
};
struct StepRecord {
  std::string_view agent;
  std::string_view chain;
  Step step;  // its place of the chain is not known
};
struct MetaLine {
  std::string_view json;
};
struct EndLine {
  std::string_view json;
};
struct ControlLine {};  // another KTS_ line of the control channel (READY, ACK)
struct ForeignLine {};  // somebody else's output
struct MalformedLine {
  std::string_view reason;  // static text
};
using Line = std::variant<ForeignLine, V2Record, TokenRecord, StepRecord, V1Record, MetaLine,
                          EndLine, ControlLine, MalformedLine>;

// `line` without its newline (a trailing CR is tolerated). Never fails: what doesn't parse is
// ForeignLine or MalformedLine.
[[nodiscard]] Line parse_line(std::string_view line);

}  // namespace kts::record
