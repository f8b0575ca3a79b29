// SPDX-License-Identifier: Apache-2.0
#include "kts/process/signals.hpp"

#include <pthread.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace kts::process {

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

std::optional<int> SignalWatch::take() {
  signalfd_siginfo info{};
  if (read(fd_, &info, sizeof info) != static_cast<ssize_t>(sizeof info)) return std::nullopt;
  return static_cast<int>(info.ssi_signo);
}

}  // namespace kts::process
