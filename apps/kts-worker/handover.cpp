// SPDX-License-Identifier: Apache-2.0
#include "handover.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace kts::worker_app {
namespace {

constexpr std::size_t kMaxMessage = 64 * 1024;
constexpr int kWaiting = 128;

Result<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return bad_input("the path is too long for a socket", "give a shorter one", path);
  }
  path.copy(address.sun_path, path.size());
  return address;
}

constexpr std::size_t kStreams = 3;

// Room for the descriptors, aligned as the kernel wants it.
union Control {
  cmsghdr header;
  std::array<char, CMSG_SPACE((kStreams + kMaxOthers) * sizeof(int))> bytes;
};

}  // namespace

Socket::~Socket() {
  if (fd_ >= 0) ::close(fd_);
}

Result<Socket> listen_at(const std::string& path) {
  KTS_TRY(const sockaddr_un address, address_of(path));
  Socket socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (bind(socket.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      listen(socket.fd(), kWaiting) != 0) {
    return environment_lacks(with_errno("cannot listen there", errno),
                             "name a socket in a folder that you may write to", path);
  }
  return socket;
}

Result<Socket> connect_to(const std::string& path) {
  KTS_TRY(const sockaddr_un address, address_of(path));
  Socket socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (connect(socket.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return environment_lacks(with_errno("no host listens there", errno),
                             "start one: kts-worker host SOCKET", path);
  }
  return socket;
}

Status hand_over(int socket, const std::vector<std::string>& arguments,
                 std::span<const int> others) {
  std::string text;
  for (const std::string& argument : arguments) text += argument + '\0';
  if (text.size() > kMaxMessage) return bad_input("the arguments are too long");
  if (others.size() > kMaxOthers) {
    return bad_input(fmt::format("{} descriptors to hand over", others.size()),
                     fmt::format("{} at most: chain fewer agents", kMaxOthers));
  }
  std::vector<int> descriptors{STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO};
  descriptors.insert(descriptors.end(), others.begin(), others.end());
  const std::size_t size = descriptors.size() * sizeof(int);
  Control control{};
  iovec body{text.data(), text.size()};
  msghdr message{};
  message.msg_iov = &body;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes.data();
  message.msg_controllen = CMSG_SPACE(size);
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(size);
  std::memcpy(CMSG_DATA(header), descriptors.data(), size);
  if (sendmsg(socket, &message, MSG_NOSIGNAL) == static_cast<ssize_t>(text.size())) return {};
  return environment_lacks(with_errno("cannot hand the agent over", errno));
}

Handover::Handover(Handover&& other) noexcept
    : arguments(std::move(other.arguments)),
      streams(std::exchange(other.streams, {-1, -1, -1})),
      others(std::exchange(other.others, {})) {}

Handover::~Handover() {
  for (const int fd : streams) {
    if (fd >= 0) ::close(fd);
  }
  for (const int fd : others) ::close(fd);
}

std::optional<Handover> take_over(int socket) {
  std::string text(kMaxMessage, '\0');
  Control control{};
  iovec body{text.data(), text.size()};
  msghdr message{};
  message.msg_iov = &body;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes.data();
  message.msg_controllen = control.bytes.size();
  const ssize_t n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  const cmsghdr* header = n > 0 ? CMSG_FIRSTHDR(&message) : nullptr;
  if (header == nullptr || header->cmsg_type != SCM_RIGHTS || header->cmsg_len < CMSG_LEN(0)) {
    return std::nullopt;
  }
  std::vector<int> descriptors((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
  std::memcpy(descriptors.data(), CMSG_DATA(header), descriptors.size() * sizeof(int));
  Handover handover;
  if (descriptors.size() < kStreams || (message.msg_flags & MSG_CTRUNC) != 0) {
    handover.others = std::move(descriptors);
    return std::nullopt;
  }
  std::copy_n(descriptors.begin(), kStreams, handover.streams.begin());
  handover.others.assign(descriptors.begin() + kStreams, descriptors.end());
  text.resize(static_cast<std::size_t>(n));
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\0', begin);
    if (end == std::string::npos) break;
    handover.arguments.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return handover;
}

}  // namespace kts::worker_app
