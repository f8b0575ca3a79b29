// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>

#include "kts/pod/frames.hpp"
#include "kts/pod/plan.hpp"

namespace kts::pod {

// Records of one block that arrived whole: `bytes` holds header.lines record lines.
struct Chunk {
  ChunkHeader header;
  std::string bytes;
};

// Reads one pod's log, however it comes: with or without the timestamps of `kubectl logs
// --timestamps`, parts of it twice, parts missing, lines cut, chunks out of order. What it hands on
// is whole and handed on once; what it lacks stands in ack(). Knows neither files nor clocks; one
// thread.
class LogReader {
 public:
  // Plain lines (views into what was given) come as std::string_view.
  using Event = std::variant<Ready, Beat, Chunk, Missed, Fail, std::string_view>;

  // The next line, with or without its newline. Record lines outside of a chunk, damaged frames and
  // chunks that have arrived before give nothing.
  [[nodiscard]] std::optional<Event> take(std::string_view line);
  // The stream was interrupted: the chunk in progress isn't continued by what comes.
  void cut();

  // What to tell the pod: changes only when it should be told.
  [[nodiscard]] Ack ack() const;

  // All blocks that the pod has missed, by block, whether their own lines arrived or not.
  [[nodiscard]] const std::map<int, std::string>& missed() const { return missed_; }
  // Chunks that began and were damaged or cut, and frames that couldn't be read.
  [[nodiscard]] std::uint64_t damaged() const { return damaged_; }
  // Chunks that arrived whole, the repeated ones not counted.
  [[nodiscard]] std::uint64_t arrived() const { return below_ + above_.size(); }
  // The latest timestamp that stood before a line ("2026-11-21T06:06:09.123456789Z"), for
  // sinceTime; empty if none did.
  [[nodiscard]] const std::string& last_time() const { return last_time_; }

 private:
  [[nodiscard]] bool has(std::uint64_t chunk) const {
    return chunk < below_ || above_.contains(chunk);
  }
  std::optional<Event> take_record(std::string_view line);
  std::optional<Event> take_frame(Frame&& frame);
  void see(std::uint64_t chunks, std::uint64_t prints);

  std::optional<Chunk> in_progress_;
  std::uint64_t lines_left_ = 0;
  std::uint64_t below_ = 0;        // every chunk below has arrived
  std::set<std::uint64_t> above_;  // arrived, beyond a hole
  std::uint64_t seen_ = 0;         // chunks below are known to have been printed
  std::uint64_t prints_ = 0;       // printings below are known to be over
  std::map<int, std::string> missed_;
  std::uint64_t damaged_ = 0;
  std::string last_time_;
};

}  // namespace kts::pod
