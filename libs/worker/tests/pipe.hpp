// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace kts::worker {

// Both ends of a pipe; lines are read without their newline.
class Pipe {
 public:
  Pipe() {
    if (pipe(ends_.data()) != 0) std::abort();
  }
  ~Pipe() {
    close_reader();
    close_writer();
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  [[nodiscard]] int reader() const { return ends_[0]; }
  [[nodiscard]] int writer() const { return ends_[1]; }
  void close_reader() { shut(ends_[0]); }
  void close_writer() { shut(ends_[1]); }

  void put(std::string_view text) const {
    if (write(ends_[1], text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
      std::abort();
    }
  }
  // Waits for a whole line; empty at the end.
  [[nodiscard]] std::string line() {
    std::size_t newline = 0;
    while ((newline = unread_.find('\n')) == std::string::npos) {
      std::array<char, 4096> bytes;
      const ssize_t count = read(ends_[0], bytes.data(), bytes.size());
      if (count <= 0) return {};
      unread_.append(bytes.data(), static_cast<std::size_t>(count));
    }
    std::string result = unread_.substr(0, newline);
    unread_.erase(0, newline + 1);
    return result;
  }

 private:
  static void shut(int& fd) {
    if (fd >= 0) close(fd);
    fd = -1;
  }
  std::array<int, 2> ends_{};
  std::string unread_;
};

}  // namespace kts::worker
