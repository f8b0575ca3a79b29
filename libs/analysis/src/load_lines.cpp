// SPDX-License-Identifier: Apache-2.0
#include "load_lines.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace kts::analysis {

Result<LineReader> LineReader::open(const std::filesystem::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return bad_input(with_errno("cannot read the log", errno), {}, path.string());
  struct stat info {};
  const bool known = fstat(fd, &info) == 0 && info.st_size > 0;
  return LineReader(fd, path, known ? static_cast<std::uint64_t>(info.st_size) : 0);
}

LineReader::LineReader(int fd, std::filesystem::path path, std::uint64_t size_bytes)
    : fd_(fd),
      path_(std::move(path)),
      size_bytes_(size_bytes),
      buffer_(std::make_unique<char[]>(kBuffer)),
      at_(buffer_.get()),
      end_(buffer_.get()) {}

LineReader::LineReader(LineReader&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      path_(std::move(other.path_)),
      size_bytes_(other.size_bytes_),
      buffer_(std::move(other.buffer_)),
      at_(other.at_),
      end_(other.end_),
      number_(other.number_),
      skipping_(other.skipping_),
      status_(std::move(other.status_)) {}

LineReader::~LineReader() {
  if (fd_ >= 0) ::close(fd_);
}

bool LineReader::fill() {
  const auto left = static_cast<std::size_t>(end_ - at_);
  std::memmove(buffer_.get(), at_, left);
  at_ = buffer_.get();
  end_ = at_ + left;
  for (;;) {
    const ssize_t n = ::read(fd_, buffer_.get() + left, kBuffer - left);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) status_ = bad_input(with_errno("cannot read the log", errno), {}, path_.string());
    if (n <= 0) return false;
    end_ += n;
    return true;
  }
}

bool LineReader::next_slow(Line& line) {
  for (;;) {
    const auto left = static_cast<std::size_t>(end_ - at_);
    const void* newline = left == 0 ? nullptr : std::memchr(at_, '\n', left);
    if (newline != nullptr) {
      const char* stop = static_cast<const char*>(newline);
      const std::string_view text(at_, static_cast<std::size_t>(stop - at_));
      at_ = stop + 1;
      if (std::exchange(skipping_, false)) continue;
      line = {text, ++number_, true};
      return true;
    }
    if (skipping_) at_ = end_;
    if (left == kBuffer && !skipping_) {
      line = {{at_, left}, ++number_, false};
      at_ = end_;
      skipping_ = true;
      return true;
    }
    if (fill()) continue;
    if (!status_ || at_ == end_) return false;
    line = {{at_, static_cast<std::size_t>(end_ - at_)}, ++number_, false};
    at_ = end_;
    return true;
  }
}

void LogCounts::add_malformed(std::string_view file, std::uint64_t line, std::string_view reason) {
  ++malformed;
  if (malformed_places.size() < kPlaces) {
    malformed_places.push_back(fmt::format("{}:{} ({})", file, line, reason));
  }
}

void LogCounts::add(const LogCounts& other) {
  malformed += other.malformed;
  foreign += other.foreign;
  duplicates += other.duplicates;
  for (const auto& place : other.malformed_places) {
    if (malformed_places.size() < kPlaces) malformed_places.push_back(place);
  }
}

Status tidy(std::vector<NumberedRecord>& records, const std::filesystem::path& file,
            LogCounts& counts) {
  std::sort(records.begin(), records.end(), [](const auto& a, const auto& b) {
    return std::pair(a.iteration.seq, a.line) < std::pair(b.iteration.seq, b.line);
  });
  std::size_t kept = 0;
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (kept > 0 && records[kept - 1].iteration.seq == records[i].iteration.seq) {
      const NumberedRecord& first = records[kept - 1];
      if (first.iteration != records[i].iteration || first.gpu_time_ns != records[i].gpu_time_ns) {
        return bad_input(fmt::format("seq {} stands here and in line {}, with different instants",
                                     records[i].iteration.seq, first.line),
                         "find out which of the two is the measured one and remove the other",
                         at_line(file, records[i].line));
      }
      ++counts.duplicates;
      continue;
    }
    records[kept++] = records[i];
  }
  records.resize(kept);
  return {};
}

Status tidy(std::vector<NumberedToken>& tokens, const std::filesystem::path& file,
            LogCounts& counts) {
  const auto place = [](const NumberedToken& t) { return std::pair(t.token.seq, t.token.index); };
  std::stable_sort(tokens.begin(), tokens.end(),
                   [&](const auto& a, const auto& b) { return place(a) < place(b); });
  std::size_t kept = 0;
  for (const NumberedToken& next : tokens) {
    if (kept > 0 && place(tokens[kept - 1]) == place(next)) {
      if (tokens[kept - 1].token != next.token) {
        return bad_input(fmt::format("token {} of seq {} stands here and in line {}, with "
                                     "different instants",
                                     next.token.index, next.token.seq, tokens[kept - 1].line),
                         "find out which of the two is the measured one and remove the other",
                         at_line(file, next.line));
      }
      ++counts.duplicates;
      continue;
    }
    tokens[kept++] = next;
  }
  tokens.resize(kept);
  return {};
}

Error clock_ran_backwards(const record::Iteration& i, const std::filesystem::path& file,
                          std::uint64_t line) {
  const bool token_outside =
      is_request(i) && (i.first_token_ns < i.submit_ns || i.first_token_ns > i.done_ns);
  const std::string_view what = i.done_ns < i.submit_ns  ? "done comes before submit"
                                : i.submit_ns < i.due_ns ? "submit comes before due"
                                : token_outside ? "the first token lies outside submit and done"
                                                : "due comes before the previous due";
  return Error{ErrorCode::kBadInput,
               fmt::format("the clock runs backwards: {} at seq {}", what, i.seq),
               "measure again with a clock that is not being set", at_line(file, line)};
}

std::string at_line(const std::filesystem::path& file, std::uint64_t line) {
  return fmt::format("{}:{}", file.string(), line);
}

}  // namespace kts::analysis
