// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "kts/base/error.hpp"

namespace kts::pod {

// The one writer of a descriptor. Never blocks on a pipe, whose flags it leaves alone: others may
// have it open, too.
class Output {
 public:
  explicit Output(int fd) : fd_(fd) {}

  void put(std::string_view bytes) { pending_ += bytes; }
  // Writes what the reader takes now; kEnvironment when it has gone or the disk is full.
  [[nodiscard]] Status pump();
  [[nodiscard]] bool idle() const { return pending_.empty(); }
  [[nodiscard]] std::size_t pending_bytes() const { return pending_.size() - written_; }
  [[nodiscard]] int fd() const { return fd_; }

 private:
  int fd_;
  std::string pending_;
  std::size_t written_ = 0;
};

}  // namespace kts::pod
