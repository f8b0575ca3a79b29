// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "kts/base/error.hpp"

namespace kts::control {

// The channel between whoever drives a worker and the worker: a stream of bytes each way, framed by
// lines of at most kMaxFrame bytes, versioned in each line. Commands arrive on the worker's stdin
// as "KTS_CMD,v1,<json>"; answers leave on its stdout as "KTS_READY,v1,<json>" and
// "KTS_ACK,v1,<json>", in order with the records.
//
//   worker: READY                    warmed up, verified, parked
//   driver: PREPARE   worker: ACK    calibrates its clock while all others are parked, prints META
//   driver: START     worker: ACK    absolute instants; it generates, drains, and answers then
//   driver: FINISH    worker: ACK    calibrates again; END is printed before the ACK
//   driver: STOP                     ends generation early, then as after START's stop
//   driver: GIVE_UP                  as STOP, and what is due but not begun is dropped and counted
//   driver: EXIT, or end of input    the worker leaves with status 0
inline constexpr std::size_t kMaxFrame = 65536;

struct Prepare {
  int block = 0;
  std::string phase;       // "solo" | "shared"
  std::string neighbours;  // "parked" | "absent" | ""
  // From here on the worker's time line, in place of what it was started with: a worker that is
  // started before its run is planned can't know the run's.
  std::optional<std::int64_t> epoch_offset_ns = std::nullopt;
  // Of the run's plan, from 1: an agent's blocks of one cycle see equal arrivals. Without it every
  // block sees others.
  std::optional<int> cycle = std::nullopt;
  // Where a worker that traces kernels writes those of the block; empty: nowhere.
  std::string kernels = {};
};
struct Start {
  std::int64_t start_ns = 0;  // epoch ns on the run's time line
  std::int64_t stop_ns = 0;
};
struct Stop {};
struct GiveUp {};
struct Finish {};
struct Exit {};
using Command = std::variant<Prepare, Start, Stop, GiveUp, Finish, Exit>;

struct Ready {
  std::string agent;
  std::int64_t pid = 0;
  std::string device;  // "cpu" | "cuda"
  std::string device_name;
  std::string device_uuid;
  std::int64_t median_iteration_ns = 0;  // of the warm-up, submit to done
  std::uint64_t operand_bytes = 0;
  // The GPU as its driver names it ("driver"), or as the device plugin gave it to the container of
  // an agent that doesn't use it ("visible-devices"); empty when unknown.
  std::string gpu_uuid = {};
  std::string uuid_source = {};
};
enum class Step { kPrepared, kDrained, kFinished };
struct Ack {
  Step step = Step::kPrepared;
  int block = 0;
  std::optional<std::int64_t> clock_bound_ns;
};
using Answer = std::variant<Ready, Ack>;

// Lines include their newline.
[[nodiscard]] std::string to_line(const Command& command);
[[nodiscard]] std::string to_line(const Answer& answer);
// `line` without its newline; kBadInput says what is wrong.
[[nodiscard]] Result<Command> parse_command(std::string_view line);
// nullopt for a line that is no answer (a record, somebody else's output).
[[nodiscard]] Result<std::optional<Answer>> parse_answer(std::string_view line);

}  // namespace kts::control
