// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <csignal>
#include <initializer_list>
#include <optional>
#include <vector>

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

// As SignalWatch, for programs whose libraries start threads before main: those block no signal, so
// that a signal which is only blocked here would reach one of them instead. One at a time in a
// process.
class SignalPipe {
 public:
  [[nodiscard]] static Result<SignalPipe> create(std::initializer_list<int> signals);
  SignalPipe(SignalPipe&& other) noexcept;
  SignalPipe& operator=(SignalPipe&&) = delete;
  SignalPipe(const SignalPipe&) = delete;
  SignalPipe& operator=(const SignalPipe&) = delete;
  ~SignalPipe();

  [[nodiscard]] int fd() const { return fd_; }
  // The next signal that arrived, if any; never blocks.
  [[nodiscard]] std::optional<int> take();

 private:
  SignalPipe(int fd, std::initializer_list<int> signals) : fd_(fd), signals_(signals) {}
  int fd_ = -1;
  std::vector<int> signals_;
};

}  // namespace kts::process
