// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "kts/base/clock.hpp"
#include "kts/base/error.hpp"

namespace kts::kube {

struct Request {
  std::string method = "GET";
  std::string path{};          // with its query, percent-encoded
  std::string content_type{};  // of the body
  std::string body{};
  Nanoseconds timeout = std::chrono::seconds(30);  // for the whole answer
};

struct Response {
  int status = 0;  // HTTP
  std::string body;
};

using StreamId = std::uint64_t;

struct StreamOptions {
  MonotonicTime start_at{};     // not before
  Nanoseconds idle_timeout{0};  // without a byte for so long it is cut; 0: never
};

// How a stream ended. A body that isn't the stream's own (status other than 2xx) is in `response`.
struct StreamEnd {
  Status broken;  // holds a value when the server ended it in good order
  Response response;
};

class StreamListener {
 public:
  virtual ~StreamListener() = default;
  // Without its newline.
  virtual void on_line(StreamId stream, std::string_view line) = 0;
  // Not after close().
  virtual void on_end(StreamId stream, const StreamEnd& end) = 0;
};

// HTTP to one API server. One thread uses it; only wait() calls listeners, which may use all of it
// but wait().
class Transport {
 public:
  // A longer line ends its stream.
  static constexpr std::size_t kMaxLine = 16U << 20;

  virtual ~Transport() = default;
  // Any answer is a Response, whatever its status; kEnvironment when none came in time,
  // kInterrupted when the user wants an end.
  [[nodiscard]] virtual Result<Response> send(const Request& request) = 0;
  // GETs `path` and hands its lines on until the server ends it or close() is called.
  virtual StreamId open(const std::string& path, StreamListener& listener,
                        const StreamOptions& options) = 0;
  virtual void close(StreamId stream) = 0;
  // Moves bytes and calls listeners until something happened, `wake_fd` is readable, or the
  // deadline has passed.
  [[nodiscard]] virtual Status wait(MonotonicTime deadline, int wake_fd = -1) = 0;
  [[nodiscard]] virtual MonotonicTime now() const = 0;
};

}  // namespace kts::kube
