// SPDX-License-Identifier: Apache-2.0
#include "http_server.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>

namespace kts::kube {
namespace {

std::string hexadecimal(std::size_t value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%zx", value);
  return text.data();
}

// Header names are ASCII; libcurl writes them capitalised.
std::size_t content_length(const std::string& head) {
  const auto at = head.find("Content-Length: ");
  return at == std::string::npos ? 0 : std::strtoul(head.c_str() + at + 16, nullptr, 10);
}

std::optional<HttpRequest> read_request(int fd) {
  std::string bytes;
  std::array<char, 65536> buffer;
  std::size_t head_end = std::string::npos;
  for (;;) {
    head_end = bytes.find("\r\n\r\n");
    if (head_end != std::string::npos &&
        bytes.size() >= head_end + 4 + content_length(bytes.substr(0, head_end))) {
      break;
    }
    const ssize_t n = read(fd, buffer.data(), buffer.size());
    if (n <= 0) return std::nullopt;
    bytes.append(buffer.data(), static_cast<std::size_t>(n));
  }
  HttpRequest request;
  request.head = bytes.substr(0, head_end);
  request.body = bytes.substr(head_end + 4);
  const auto first = request.head.find(' ');
  const auto second = request.head.find(' ', first + 1);
  request.method = request.head.substr(0, first);
  request.path = request.head.substr(first + 1, second - first - 1);
  return request;
}

}  // namespace

void HttpPeer::raw(std::string_view bytes) {
  while (!bytes.empty() && !cut_) {
    const ssize_t n = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) {
      cut_ = true;
      return;
    }
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

void HttpPeer::reply(int status, std::string_view body) {
  raw("HTTP/1.1 " + std::to_string(status) +
      " x\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body));
}

void HttpPeer::begin_chunks(int status) {
  raw("HTTP/1.1 " + std::to_string(status) + " x\r\nTransfer-Encoding: chunked\r\n\r\n");
}

void HttpPeer::chunk(std::string_view bytes) {
  raw(hexadecimal(bytes.size()) + "\r\n" + std::string(bytes) + "\r\n");
}

void HttpPeer::cut() {
  cut_ = true;
  shutdown(fd_, SHUT_RDWR);
}

void HttpPeer::wait_for_hang_up() {
  char byte = 0;
  while (read(fd_, &byte, 1) > 0) {
  }
  cut_ = true;
}

HttpServer::HttpServer(const std::filesystem::path& socket, Handler handler)
    : handler_(std::move(handler)) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, socket.c_str(), sizeof address.sun_path - 1);
  listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      listen(listener_, 128) != 0) {
    std::perror("HttpServer");
    std::abort();
  }
  acceptor_ = std::thread([this] { accept_all(); });
}

HttpServer::~HttpServer() {
  ending_ = true;
  shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  {
    const std::lock_guard lock(mutex_);
    for (const int fd : open_) shutdown(fd, SHUT_RDWR);
  }
  for (std::thread& thread : threads_) thread.join();
  close(listener_);
}

void HttpServer::accept_all() {
  while (!ending_) {
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    const std::lock_guard lock(mutex_);
    open_.push_back(fd);
    threads_.emplace_back([this, fd] { serve(fd); });
  }
}

void HttpServer::serve(int fd) {
  HttpPeer peer(fd);
  while (!peer.is_cut() && !ending_) {
    const auto request = read_request(fd);
    if (!request) break;
    handler_(*request, peer);
  }
  const std::lock_guard lock(mutex_);
  open_.erase(std::find(open_.begin(), open_.end(), fd));
  close(fd);
}

}  // namespace kts::kube
