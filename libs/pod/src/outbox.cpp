// SPDX-License-Identifier: Apache-2.0
#include "kts/pod/outbox.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "kts/pod/crc32.hpp"

namespace kts::pod {

void Outbox::open(int block) {
  discard();
  block_ = block;
}

void Outbox::add(std::string_view line) {
  // META and END are few, and without them the rest is worth nothing.
  const bool dispensable = line.starts_with("KTS_APP,") || line.starts_with("KTS_TOKEN,");
  if (dispensable && kept_bytes_ + line.size() > limits_.memory_bytes) {
    ++open_dropped_;
    ++dropped_;
    return;
  }
  if (open_.empty() || open_.back().bytes.size() + line.size() > limits_.chunk_bytes) {
    open_.emplace_back();
    open_.back().header.block = block_;
  }
  Chunk& chunk = open_.back();
  chunk.bytes += line;
  ++chunk.header.lines;
  kept_bytes_ += line.size();
}

void Outbox::discard() {
  for (const Chunk& chunk : open_) kept_bytes_ -= chunk.bytes.size();
  open_.clear();
  dropped_ -= std::exchange(open_dropped_, 0);
}

void Outbox::close(const BlockFacts& facts) {
  for (std::size_t i = 0; i < open_.size(); ++i) {
    Chunk& chunk = open_[i];
    ChunkHeader& header = chunk.header;
    header.chunk = chunks();
    header.bytes = chunk.bytes.size();
    header.crc32 = crc32(chunk.bytes);
    header.last = i + 1 == open_.size();
    header.complete = facts.complete;
    header.late_ns = facts.late_ns;
    header.overrun_ns = facts.overrun_ns;
    header.throttled_usec = facts.throttled_usec;
    header.dropped = open_dropped_;
    chunks_.push_back(std::move(chunk));
  }
  open_.clear();
  open_dropped_ = 0;
}

Status Outbox::acknowledge(const Ack& ack, MonotonicTime now) {
  if (ack.next > printed_) {
    return bad_input(
        fmt::format("it names chunks below {}, but only {} have been printed", ack.next, printed_));
  }
  std::uint64_t number = first_;
  for (Chunk& chunk : chunks_) {
    if (number >= ack.next) break;
    const bool wanted = std::ranges::binary_search(ack.again, number++);
    if (chunk.acknowledged) continue;
    if (!wanted) {
      drop(chunk);
      last_progress_ = now;
    } else if (chunk.header.print < ack.prints) {
      chunk.again = true;  // or else its last printing is under way
    }
  }
  while (!chunks_.empty() && chunks_.front().acknowledged) {
    chunks_.pop_front();
    ++first_;
  }
  return {};
}

void Outbox::drop(Chunk& chunk) {
  chunk.acknowledged = true;
  chunk.again = false;
  kept_bytes_ -= chunk.bytes.size();
  outstanding_bytes_ -= chunk.bytes.size();
  chunk.bytes = {};
  ++acknowledged_;
}

MonotonicTime Outbox::patience_ends(const Chunk& chunk) const {
  return std::max(chunk.printed_at, last_progress_) + limits_.patience;
}

std::optional<std::uint64_t> Outbox::next(MonotonicTime now, bool ignore_window) const {
  std::optional<std::uint64_t> overdue;
  for (std::uint64_t number = first_; number < printed_; ++number) {
    const Chunk& chunk = at(number);
    if (chunk.acknowledged) continue;
    if (chunk.again) return number;
    if (!overdue && now >= patience_ends(chunk)) overdue = number;
  }
  if (overdue) return overdue;
  if (all_printed()) return std::nullopt;
  // A chunk larger than the window goes alone.
  const bool fits = outstanding_bytes_ == 0 ||
                    outstanding_bytes_ + at(printed_).bytes.size() <= limits_.window_bytes;
  return fits || ignore_window ? std::optional(printed_) : std::nullopt;
}

std::string Outbox::print(std::uint64_t number, MonotonicTime now) {
  Chunk& chunk = chunks_[number - first_];
  chunk.again = false;
  chunk.printed_at = now;
  chunk.header.print = prints_++;
  if (number == printed_) {
    ++printed_;
    outstanding_bytes_ += chunk.bytes.size();
  }
  return to_line(chunk.header) + chunk.bytes;
}

std::optional<MonotonicTime> Outbox::next_patience() const {
  std::optional<MonotonicTime> earliest;
  for (std::uint64_t number = first_; number < printed_; ++number) {
    const Chunk& chunk = at(number);
    if (chunk.acknowledged) continue;
    const MonotonicTime ends = patience_ends(chunk);
    if (!earliest || ends < *earliest) earliest = ends;
  }
  return earliest;
}

}  // namespace kts::pod
