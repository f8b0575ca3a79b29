// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kts/base/clock.hpp"
#include "kts/pod/frames.hpp"
#include "kts/pod/plan.hpp"

namespace kts::pod {

struct OutboxLimits {
  std::size_t chunk_bytes = 256 << 10;   // at most kMaxChunkBytes
  std::size_t window_bytes = 2 << 20;    // printed and not acknowledged, at most
  std::size_t memory_bytes = 1UL << 30;  // kept, at most; records beyond are dropped and counted
  Nanoseconds patience = std::chrono::seconds(5);  // then what isn't acknowledged is printed again
};

// The records of a pod, in memory until they are acknowledged: cut into chunks between lines, and
// numbered when their block is over. Knows neither files nor clocks.
class Outbox {
 public:
  explicit Outbox(const OutboxLimits& limits) : limits_(limits) {}

  // Facts of a block that all of its chunks' headers state.
  struct BlockFacts {
    bool complete = false;
    std::optional<std::int64_t> late_ns = {}, overrun_ns = {}, throttled_usec = {};
  };
  // One block is open at a time.
  void open(int block);
  // One whole line of META, APP or END with its newline.
  void add(std::string_view line);
  void close(const BlockFacts& facts);
  void discard();  // what was added since open()

  // kBadInput, and nothing else happens, when more is acknowledged than was ever printed.
  [[nodiscard]] Status acknowledge(const Ack& ack, MonotonicTime now);

  // The chunk to print now: one that was asked for again after its last printing, one that is
  // overdue
  // (`patience` has passed since it was printed and since anything was acknowledged), or the next
  // new one if the window has room for it or `ignore_window`.
  [[nodiscard]] std::optional<std::uint64_t> next(MonotonicTime now, bool ignore_window) const;
  // Prints a chunk that next() named: its header and records.
  [[nodiscard]] std::string print(std::uint64_t chunk, MonotonicTime now);
  // When next() may answer for want of an acknowledgement.
  [[nodiscard]] std::optional<MonotonicTime> next_patience() const;

  [[nodiscard]] std::uint64_t chunks() const { return first_ + chunks_.size(); }
  [[nodiscard]] std::uint64_t printed_chunks() const { return printed_; }
  [[nodiscard]] std::uint64_t prints() const { return prints_; }
  [[nodiscard]] std::uint64_t acknowledged_chunks() const { return acknowledged_; }
  [[nodiscard]] std::uint64_t dropped() const { return dropped_; }
  // Closed blocks alone.
  [[nodiscard]] bool all_printed() const { return printed_ == chunks(); }
  [[nodiscard]] bool all_acknowledged() const { return acknowledged_ == chunks(); }
  [[nodiscard]] MonotonicTime last_progress() const { return last_progress_; }

 private:
  struct Chunk {
    ChunkHeader header;
    std::string bytes;
    bool acknowledged = false;
    bool again = false;  // asked for, not yet printed since
    MonotonicTime printed_at;
  };
  [[nodiscard]] const Chunk& at(std::uint64_t number) const { return chunks_[number - first_]; }
  [[nodiscard]] MonotonicTime patience_ends(const Chunk& chunk) const;
  void drop(Chunk& chunk);

  OutboxLimits limits_;
  std::deque<Chunk> chunks_;  // numbers first_, first_ + 1, …
  std::uint64_t first_ = 0;
  std::uint64_t printed_ = 0;
  std::uint64_t prints_ = 0;
  std::uint64_t acknowledged_ = 0;
  std::size_t kept_bytes_ = 0;
  std::size_t outstanding_bytes_ = 0;  // printed, not acknowledged
  std::uint64_t dropped_ = 0;
  MonotonicTime last_progress_;

  int block_ = 0;
  std::vector<Chunk> open_;
  std::uint64_t open_dropped_ = 0;
};

}  // namespace kts::pod
