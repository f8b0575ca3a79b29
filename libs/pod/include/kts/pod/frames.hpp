// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "kts/base/error.hpp"

namespace kts::pod {

// What a pod's log holds: frames, one line "KTS_<KIND>,v1,<json>" each; after each KTS_CHUNK
// exactly the record lines that it announces; and between those, plain lines: whatever the worker
// or its libraries say, "worker: " put before those that begin with "KTS_". One writer, so nothing
// stands inside a chunk; a container's stderr, which a log mixes in anywhere, carries the last
// error only, and no line of it looks like a record.
//
// Fields that don't apply are left out.

// KTS_READY: warmed up, verified, parked. Said whenever the worker has been started anew, and once
// more every 5 s until the first plan is there.
struct Ready {
  std::string agent = {};
  int starts = 1;           // how often the worker has been started
  std::string device = {};  // "cpu" | "cuda"
  std::string device_name = {};
  std::string uuid = {};         // of the GPU
  std::string uuid_source = {};  // "driver" | "visible-devices"
  std::int64_t median_iteration_ns = 0;
  std::uint64_t operand_bytes = 0;
  std::string pod_uid = {}, pod = {}, node = {};  // from KTS_POD_UID, KTS_POD_NAME, KTS_NODE_NAME
  std::int64_t monotonic_ns = 0;                  // CLOCK_MONOTONIC and the epoch at one instant
  std::int64_t epoch_ns = 0;
  std::string kts_version = {}, kts_commit = {};

  friend bool operator==(const Ready&, const Ready&) = default;
};

// KTS_MISSED: a block of the plan that isn't what it should be because of this pod, so that it is
// to be repeated. Stands in every later KTS_BEAT as well, as a line may get lost.
struct Missed {
  int block = 0;
  // "late": its turn, or the plan, came when it should already have begun; it was not run.
  // "warming_up": its worker wasn't ready. "still_there": its worker should have been gone.
  // "overrun": it wasn't active, but its last block's work reached into this one.
  std::string reason = {};

  friend bool operator==(const Missed&, const Missed&) = default;
};

// KTS_BEAT: every second.
struct Beat {
  std::int64_t monotonic_ns = 0;
  // "starting" | "ready" | "preparing" | "running" | "draining" | "finishing" | "absent" |
  // "leaving" | "delivering" (its work is over) | "failed"
  std::string state = {};
  std::optional<int> block = {};    // in progress, whoever is active in it
  std::uint64_t iterations = 0;     // completed so far in that block, by this agent
  std::uint64_t printed = 0;        // chunks below this number have been printed at least once
  std::uint64_t prints = 0;         // printings until now, the repeated ones included
  std::uint64_t acknowledged = 0;   // how many chunks
  std::uint64_t dropped = 0;        // records for which there was no memory, in all blocks
  std::uint64_t planned = 0;        // blocks of the plan as last read
  std::vector<Missed> missed = {};  // all until now

  friend bool operator==(const Beat&, const Beat&) = default;
};

// KTS_CHUNK: announces `lines` record lines (META, APP, END) of together `bytes` bytes, newlines
// included.
struct ChunkHeader {
  std::uint64_t chunk = 0;  // counts from 0 in the pod's life
  int block = 0;
  std::uint64_t bytes = 0;
  std::uint64_t lines = 0;
  std::uint32_t crc32 = 0;  // zlib's, of these bytes; eight hexadecimal digits on the wire
  std::uint64_t print = 0;  // counts the printings of chunks in the pod's life, from 0
  bool last = false;        // of its block
  // Of the block, in each of its chunks:
  bool complete = false;                        // END is there; false after a failure
  std::optional<std::int64_t> late_ns = {};     // generation began that much after start_ns
  std::optional<std::int64_t> overrun_ns = {};  // it was over that much after its end, if so
  std::optional<std::int64_t> throttled_usec =
      {};                     // of the container's cgroup, between START and drain
  std::uint64_t dropped = 0;  // records for which there was no memory

  friend bool operator==(const ChunkHeader&, const ChunkHeader&) = default;
};
inline constexpr std::size_t kMaxChunkBytes = std::size_t{4} << 20;

// KTS_FAIL: the pod can't go on. Said when it happens, and again every 5 s until the pod leaves.
struct Fail {
  std::optional<int> block = {};  // in progress
  std::string message = {};       // one line: what, where, what to do
  std::string status =
      {};  // how the worker's process ended, if it did: "killed by signal 9 (SIGKILL)"
  bool out_of_memory = false;   // the kernel killed it: the container's memory limit
  std::string last_words = {};  // of the worker's stderr
  int exit_code = 0;            // the pod's

  friend bool operator==(const Fail&, const Fail&) = default;
};

using Frame = std::variant<Ready, Beat, ChunkHeader, Missed, Fail>;

// With its newline.
[[nodiscard]] std::string to_line(const Frame& frame);
// `line` without its newline. nullopt for a line that is no frame; kBadInput for one that tries to.
[[nodiscard]] Result<std::optional<Frame>> parse_frame(std::string_view line);

// Whether a line may stand in a chunk: KTS_META, KTS_APP or KTS_END.
[[nodiscard]] bool is_record_line(std::string_view line);

}  // namespace kts::pod
