// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kts/base/error.hpp"
#include "kts/record/iteration.hpp"

namespace kts::analysis {

// Lines of a file through one small buffer: never the whole file, never a mapping of it, since
// mapped pages count as resident memory.
class LineReader {
 public:
  static constexpr std::size_t kBuffer = std::size_t{256} * 1024;

  struct Line {
    std::string_view text;     // until the next call
    std::uint64_t number = 0;  // from 1
    // False for a last line without its newline, which may have been cut, and for the beginning of
    // a line that is longer than the buffer.
    bool whole = true;
  };

  [[nodiscard]] static Result<LineReader> open(const std::filesystem::path& path);
  LineReader(LineReader&& other) noexcept;
  LineReader& operator=(LineReader&&) = delete;
  LineReader(const LineReader&) = delete;
  LineReader& operator=(const LineReader&) = delete;
  ~LineReader();

  // False at the end, or when reading failed, which status() tells.
  [[nodiscard]] bool next(Line& line) {
    const void* newline =
        at_ == end_ ? nullptr : std::memchr(at_, '\n', static_cast<std::size_t>(end_ - at_));
    if (newline == nullptr || skipping_) return next_slow(line);
    const char* stop = static_cast<const char*>(newline);
    line = {{at_, static_cast<std::size_t>(stop - at_)}, ++number_, true};
    at_ = stop + 1;
    return true;
  }
  [[nodiscard]] const Status& status() const { return status_; }
  [[nodiscard]] std::uint64_t size_bytes() const { return size_bytes_; }

 private:
  LineReader(int fd, std::filesystem::path path, std::uint64_t size_bytes);
  bool next_slow(Line& line);
  bool fill();  // false at the end of the file

  int fd_;
  std::filesystem::path path_;
  std::uint64_t size_bytes_;
  std::unique_ptr<char[]> buffer_;
  const char* at_;
  const char* end_;
  std::uint64_t number_ = 0;
  bool skipping_ = false;  // the rest of a line that was longer than the buffer
  Status status_;
};

// What reading a log leaves to say.
struct LogCounts {
  std::uint64_t malformed = 0;
  std::uint64_t foreign = 0;
  std::uint64_t duplicates = 0;
  std::vector<std::string> malformed_places;  // "FILE:LINE (reason)", the first few

  static constexpr std::size_t kPlaces = 3;
  void add_malformed(std::string_view file, std::uint64_t line, std::string_view reason);
  void add(const LogCounts& other);
};

// A record and where it stood.
struct NumberedRecord {
  record::Iteration iteration;
  std::int64_t gpu_time_ns = 0;
  std::uint64_t line = 0;
};

// A token and where it stood.
struct NumberedToken {
  record::Token token;
  std::uint64_t line = 0;
};

// Sorts by seq and drops identical duplicates, which it counts; differing ones are refused.
[[nodiscard]] Status tidy(std::vector<NumberedRecord>& records, const std::filesystem::path& file,
                          LogCounts& counts);
// Likewise, by seq and index.
[[nodiscard]] Status tidy(std::vector<NumberedToken>& tokens, const std::filesystem::path& file,
                          LogCounts& counts);

// Refuses instants of the host's clock that run backwards: within a record, and from the record
// before it to this one.
[[nodiscard]] inline bool host_clock_ascends(const record::Iteration& i, std::int64_t due_before) {
  return i.due_ns >= due_before && i.submit_ns >= i.due_ns && i.done_ns >= i.submit_ns &&
         (!is_request(i) || (i.first_token_ns >= i.submit_ns && i.done_ns >= i.first_token_ns));
}
[[nodiscard]] Error clock_ran_backwards(const record::Iteration& i,
                                        const std::filesystem::path& file, std::uint64_t line);

[[nodiscard]] std::string at_line(const std::filesystem::path& file, std::uint64_t line);

}  // namespace kts::analysis
