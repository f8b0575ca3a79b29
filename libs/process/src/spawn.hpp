// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <utility>

#include "kts/process/fleet.hpp"

namespace kts::process {

// A descriptor that is closed with its owner.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    if (this != &other) {
      reset();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { reset(); }

  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool is_open() const { return fd_ >= 0; }
  void reset();

 private:
  int fd_ = -1;
};

// Our ends of a new child's pipes, non-blocking.
struct Spawned {
  pid_t pid = -1;
  Descriptor input, output, error;
  Descriptor exit;  // readable once the process has ended; not open on kernels without pidfd
};
// Whether a child is killed when we end, or is left alone in a session of its own.
enum class Lifetime { kOurs, kOutlivesUs };
[[nodiscard]] Result<Spawned> spawn(const Command& command, Lifetime lifetime = Lifetime::kOurs);

}  // namespace kts::process
