// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <csignal>
#include <initializer_list>
#include <optional>

#include "kts/base/error.hpp"

namespace kts::process {

// Turns signals into a readable descriptor while it lives. To be made before any other thread.
class SignalWatch {
 public:
  [[nodiscard]] static Result<SignalWatch> create(std::initializer_list<int> signals);
  SignalWatch(SignalWatch&& other) noexcept;
  SignalWatch& operator=(SignalWatch&&) = delete;
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;
  ~SignalWatch();

  [[nodiscard]] int fd() const { return fd_; }
  // The next signal that arrived, if any; never blocks.
  [[nodiscard]] std::optional<int> take();

 private:
  SignalWatch(int fd, const sigset_t& old_mask) : fd_(fd), old_mask_(old_mask) {}
  int fd_ = -1;
  sigset_t old_mask_;
};

}  // namespace kts::process
