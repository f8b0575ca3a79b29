// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace kts::kube {

struct HttpRequest {
  std::string method, path, body;
  std::string head;  // request line and headers as they came
};

// One connection of a real HTTP/1.1 server, as seen by the handler that answers on it.
class HttpPeer {
 public:
  explicit HttpPeer(int fd) : fd_(fd) {}
  void reply(int status, std::string_view body);
  void begin_chunks(int status = 200);
  void chunk(std::string_view bytes);
  void end_chunks() { raw("0\r\n\r\n"); }
  void raw(std::string_view bytes);
  // Ends the connection, whatever is half said.
  void cut();
  // Blocks until the client has gone.
  void wait_for_hang_up();
  [[nodiscard]] bool is_cut() const { return cut_; }

 private:
  int fd_;
  bool cut_ = false;
};

// On a unix socket, one thread a connection. Ends all of them when destroyed.
class HttpServer {
 public:
  using Handler = std::function<void(const HttpRequest&, HttpPeer&)>;
  HttpServer(const std::filesystem::path& socket, Handler handler);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

 private:
  void accept_all();
  void serve(int fd);

  Handler handler_;
  int listener_ = -1;
  std::atomic<bool> ending_{false};
  std::mutex mutex_;
  std::vector<int> open_;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

}  // namespace kts::kube
