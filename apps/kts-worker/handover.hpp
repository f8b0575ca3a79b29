// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "kts/base/error.hpp"

namespace kts::worker_app {

// How an agent gets from its own process into the common one: one message over a Unix socket with
// its arguments, its three standard streams and what else it has open for its work (a chain's
// inboxes); the answer is its exit status.

class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {}
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&&) = delete;
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket();
  [[nodiscard]] int fd() const { return fd_; }

 private:
  int fd_;
};

[[nodiscard]] Result<Socket> listen_at(const std::string& path);
[[nodiscard]] Result<Socket> connect_to(const std::string& path);

inline constexpr std::size_t kMaxOthers = 128;

// At most kMaxOthers descriptors beside the streams, else kBadInput.
[[nodiscard]] Status hand_over(int socket, const std::vector<std::string>& arguments,
                               std::span<const int> others);
// Closes its descriptors.
struct Handover {
  std::vector<std::string> arguments;
  std::array<int, 3> streams{-1, -1, -1};
  std::vector<int> others;  // as handed over, in order, by this process's numbers

  Handover() = default;
  Handover(Handover&& other) noexcept;
  Handover& operator=(Handover&&) = delete;
  Handover(const Handover&) = delete;
  Handover& operator=(const Handover&) = delete;
  ~Handover();
};
// Empty when the other side went away without a whole message.
[[nodiscard]] std::optional<Handover> take_over(int socket);

}  // namespace kts::worker_app
