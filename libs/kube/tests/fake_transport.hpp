// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <map>
#include <string>
#include <vector>

#include "kts/kube/transport.hpp"

namespace kts::kube {

// An API server that says what it was told to say, and moves its clock only when waited on.
class FakeTransport final : public Transport {
 public:
  struct Opened {
    StreamId id = 0;
    std::string path;
    StreamOptions options;
    StreamListener* listener = nullptr;
    MonotonicTime at{};
    bool closed = false;
  };

  // `path` with its query, or without to match any. Several answers come in turn; the last stays.
  // Method "STREAM": the lines that wait() feeds to a stream of that path before it ends it.
  void answer(const std::string& method, const std::string& path, int status, std::string body);
  void refuse_to_connect(const std::string& method, const std::string& path);
  // {"kind":"Status","reason":…,"message":…}.
  static std::string status_body(const std::string& reason, const std::string& message, int code);

  [[nodiscard]] Result<Response> send(const Request& request) override;
  StreamId open(const std::string& path, StreamListener& listener,
                const StreamOptions& options) override;
  void close(StreamId stream) override;
  [[nodiscard]] Status wait(MonotonicTime deadline, int wake_fd = -1) override;
  [[nodiscard]] MonotonicTime now() const override { return clock.now(); }

  // For the test: a line to, or the end of, the stream opened last.
  void feed(const std::string& line);
  void end(const StreamEnd& how);
  void end() { end({{}, {200, {}}}); }
  [[nodiscard]] Opened& last() { return opened.back(); }

  FakeClock clock;
  std::vector<Request> requests;
  std::vector<Opened> opened;

 private:
  using Answers = std::map<std::string, std::deque<Result<Response>>>;
  Answers::iterator find(const std::string& method, const std::string& path);
  Answers answers_;
};

}  // namespace kts::kube
