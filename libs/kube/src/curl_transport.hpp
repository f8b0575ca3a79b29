// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>

#include "kts/kube/transport.hpp"

namespace kts::kube {

// HTTP/1.1 over a unix socket with libcurl.
class CurlTransport final : public Transport {
 public:
  // Once `interrupt_fd` (unless -1) is readable, send() gives up; what there is to read is left.
  [[nodiscard]] static Result<std::unique_ptr<CurlTransport>> create(std::filesystem::path socket,
                                                                     int interrupt_fd = -1);
  ~CurlTransport() override;
  CurlTransport(const CurlTransport&) = delete;
  CurlTransport& operator=(const CurlTransport&) = delete;

  // Called with each failure to get an answer, to add what only others can know.
  void explain_failures(std::function<void(Error&)> explain) { explain_ = std::move(explain); }

  [[nodiscard]] Result<Response> send(const Request& request) override;
  StreamId open(const std::string& path, StreamListener& listener,
                const StreamOptions& options) override;
  void close(StreamId stream) override;
  [[nodiscard]] Status wait(MonotonicTime deadline, int wake_fd) override;
  [[nodiscard]] MonotonicTime now() const override { return MonotonicTimeline::now(); }

 private:
  struct Stream;
  struct Multi;
  CurlTransport(std::filesystem::path socket, int interrupt_fd);
  [[nodiscard]] Error failure(int curl_code, Nanoseconds timeout) const;
  void start_due_streams();
  void collect_finished();
  void cut_silent_streams();
  bool dispatch();
  [[nodiscard]] MonotonicTime next_timer(MonotonicTime deadline) const;

  std::filesystem::path socket_;
  int interrupt_fd_;
  std::function<void(Error&)> explain_;
  std::unique_ptr<Multi> requests_, stream_multi_;
  std::map<StreamId, std::unique_ptr<Stream>> streams_;
  StreamId last_id_ = 0;
};

}  // namespace kts::kube
