// SPDX-License-Identifier: Apache-2.0
#include "handover.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

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

// Room for the three descriptors, aligned as the kernel wants it.
union Control {
  cmsghdr header;
  std::array<char, CMSG_SPACE(3 * sizeof(int))> bytes;
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

Status hand_over(int socket, const std::vector<std::string>& arguments) {
  std::string text;
  for (const std::string& argument : arguments) text += argument + '\0';
  if (text.size() > kMaxMessage) return bad_input("the arguments are too long");
  const std::array<int, 3> streams{STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO};
  Control control{};
  iovec body{text.data(), text.size()};
  msghdr message{};
  message.msg_iov = &body;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes.data();
  message.msg_controllen = control.bytes.size();
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof streams);
  std::memcpy(CMSG_DATA(header), streams.data(), sizeof streams);
  if (sendmsg(socket, &message, MSG_NOSIGNAL) == static_cast<ssize_t>(text.size())) return {};
  return environment_lacks(with_errno("cannot hand the agent over", errno));
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
  Handover handover;
  if (header == nullptr || header->cmsg_type != SCM_RIGHTS ||
      header->cmsg_len != CMSG_LEN(sizeof handover.streams)) {
    return std::nullopt;
  }
  std::memcpy(handover.streams.data(), CMSG_DATA(header), sizeof handover.streams);
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
