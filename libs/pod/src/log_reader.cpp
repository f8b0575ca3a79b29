// SPDX-License-Identifier: Apache-2.0
#include "kts/pod/log_reader.hpp"

#include <algorithm>
#include <type_traits>
#include <utility>

#include "kts/pod/crc32.hpp"

namespace kts::pod {
namespace {

// A pod has no more chunks than this; a damaged header must not make us ask for all below it.
constexpr std::uint64_t kMaxJump = 1'000'000;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// The length of "2026-11-21T06:06:09.123456789Z" or "…+01:00" at the beginning of a line, when a
// space follows; else 0.
std::size_t timestamp_length(std::string_view line) {
  constexpr std::string_view kForm = "dddd-dd-ddTdd:dd:dd";
  if (line.size() <= kForm.size()) return 0;
  for (std::size_t i = 0; i < kForm.size(); ++i) {
    if (kForm[i] == 'd' ? !is_digit(line[i]) : line[i] != kForm[i]) return 0;
  }
  std::size_t i = kForm.size();
  if (line[i] == '.') {
    ++i;
    while (i < line.size() && is_digit(line[i])) ++i;
  }
  if (i < line.size() && line[i] == 'Z') {
    ++i;
  } else {
    constexpr std::string_view kZone = "sdd:dd";
    for (const char c : kZone) {
      if (i == line.size()) return 0;
      const bool fits = c == 'd'   ? is_digit(line[i])
                        : c == 's' ? line[i] == '+' || line[i] == '-'
                                   : line[i] == c;
      if (!fits) return 0;
      ++i;
    }
  }
  return i < line.size() && line[i] == ' ' ? i : 0;
}

}  // namespace

std::optional<LogReader::Event> LogReader::take(std::string_view line) {
  if (line.ends_with('\n')) line.remove_suffix(1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (const std::size_t length = timestamp_length(line); length > 0) {
    const std::string_view time = line.substr(0, length);
    if (time > last_time_) last_time_ = time;
    line.remove_prefix(length + 1);
  }
  if (is_record_line(line)) return take_record(line);
  auto frame = parse_frame(line);
  if (!frame) {
    ++damaged_;
    cut();
    return std::nullopt;
  }
  if (*frame) return take_frame(std::move(**frame));
  // The container's stderr, or a record line without its beginning: the checksum tells.
  return Event(line);
}

void LogReader::cut() {
  if (!in_progress_) return;
  prints_ = std::max(prints_, in_progress_->header.print + 1);
  in_progress_.reset();
  ++damaged_;
}

std::optional<LogReader::Event> LogReader::take_record(std::string_view line) {
  if (!in_progress_) return std::nullopt;
  Chunk& chunk = *in_progress_;
  if (chunk.bytes.size() + line.size() + 1 > chunk.header.bytes) {
    cut();
    return std::nullopt;
  }
  chunk.bytes += line;
  chunk.bytes += '\n';
  if (--lines_left_ > 0) return std::nullopt;
  if (chunk.bytes.size() != chunk.header.bytes || crc32(chunk.bytes) != chunk.header.crc32) {
    cut();
    return std::nullopt;
  }
  Chunk whole = std::move(chunk);
  in_progress_.reset();
  const std::uint64_t number = whole.header.chunk;
  prints_ = std::max(prints_, whole.header.print + 1);
  if (has(number)) return std::nullopt;
  above_.insert(number);
  while (!above_.empty() && *above_.begin() == below_) {
    above_.erase(above_.begin());
    ++below_;
  }
  return Event(std::move(whole));
}

std::optional<LogReader::Event> LogReader::take_frame(Frame&& frame) {
  cut();  // a frame never stands inside a chunk
  if (auto* header = std::get_if<ChunkHeader>(&frame)) {
    if (header->chunk >= seen_ + kMaxJump || header->print >= prints_ + kMaxJump) {
      ++damaged_;
      return std::nullopt;
    }
    see(header->chunk + 1, header->print);
    if (header->lines == 0 || has(header->chunk)) return std::nullopt;
    lines_left_ = header->lines;
    in_progress_ = Chunk{*header, {}};
    in_progress_->bytes.reserve(header->bytes);
    return std::nullopt;
  }
  if (auto* beat = std::get_if<Beat>(&frame)) {
    if (beat->printed >= seen_ + kMaxJump || beat->prints >= prints_ + kMaxJump) {
      ++damaged_;
      return std::nullopt;
    }
    see(beat->printed, beat->prints);
    for (const Missed& missed : beat->missed) missed_.emplace(missed.block, missed.reason);
  } else if (auto* missed = std::get_if<Missed>(&frame)) {
    missed_.emplace(missed->block, missed->reason);
  }
  return std::visit(
      [](auto& value) -> std::optional<Event> {
        if constexpr (std::is_same_v<std::remove_reference_t<decltype(value)>, ChunkHeader>) {
          return std::nullopt;
        } else {
          return Event(std::move(value));
        }
      },
      frame);
}

void LogReader::see(std::uint64_t chunks, std::uint64_t prints) {
  seen_ = std::max(seen_, chunks);
  prints_ = std::max(prints_, prints);
}

Ack LogReader::ack() const {
  Ack ack;
  ack.next = seen_;
  ack.prints = prints_;
  // What is just arriving is neither there nor missing.
  if (in_progress_ && in_progress_->header.chunk + 1 == ack.next) --ack.next;
  for (std::uint64_t chunk = below_; chunk < ack.next; ++chunk) {
    if (!above_.contains(chunk)) ack.again.push_back(chunk);
  }
  return ack;
}

}  // namespace kts::pod
