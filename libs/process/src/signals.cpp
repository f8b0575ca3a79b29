// SPDX-License-Identifier: Apache-2.0
#include "kts/process/signals.hpp"

#include <fcntl.h>
#include <pthread.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <utility>

namespace kts::process {
namespace {

std::atomic<int> handler_pipe{-1};

extern "C" void note_signal(int number) {
  const int saved = errno;
  const char byte = static_cast<char>(number);
  // A full pipe holds enough of them.
  [[maybe_unused]] const ssize_t written = write(handler_pipe.load(), &byte, 1);
  errno = saved;
}

}  // namespace

Result<SignalWatch> SignalWatch::create(std::initializer_list<int> signals) {
  sigset_t wanted;
  sigemptyset(&wanted);
  for (const int number : signals) sigaddset(&wanted, number);
  const int fd = signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK);
  if (fd < 0) return environment_lacks(with_errno("cannot watch for signals", errno));
  sigset_t old_mask;
  pthread_sigmask(SIG_BLOCK, &wanted, &old_mask);
  return SignalWatch(fd, old_mask);
}

SignalWatch::SignalWatch(SignalWatch&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), old_mask_(other.old_mask_) {}

SignalWatch::~SignalWatch() {
  if (fd_ < 0) return;
  // A second Ctrl-C that came while the first was being obeyed must not end us now.
  while (take()) {
  }
  ::close(fd_);
  pthread_sigmask(SIG_SETMASK, &old_mask_, nullptr);
}

Result<SignalPipe> SignalPipe::create(std::initializer_list<int> signals) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) {
    return environment_lacks(with_errno("cannot make a pipe", errno));
  }
  handler_pipe.store(ends[1]);
  struct sigaction action {};
  action.sa_handler = note_signal;
  action.sa_flags = SA_RESTART;
  for (const int number : signals) sigaction(number, &action, nullptr);
  return SignalPipe(ends[0], signals);
}

SignalPipe::SignalPipe(SignalPipe&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), signals_(std::move(other.signals_)) {}

SignalPipe::~SignalPipe() {
  if (fd_ < 0) return;
  for (const int number : signals_) std::signal(number, SIG_DFL);
  ::close(handler_pipe.exchange(-1));
  ::close(fd_);
}

std::optional<int> SignalPipe::take() {
  char byte = 0;
  if (read(fd_, &byte, 1) != 1) return std::nullopt;
  return byte;
}

std::optional<int> SignalWatch::take() {
  signalfd_siginfo info{};
  if (read(fd_, &info, sizeof info) != static_cast<ssize_t>(sizeof info)) return std::nullopt;
  return static_cast<int>(info.ssi_signo);
}

}  // namespace kts::process
