// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "kts/kube/transport.hpp"
#include "kts/pod/log_reader.hpp"

namespace kts::kubernetes {

// One pod's log, across cut and silent connections, until stopped.
class LogFollower final : private kube::StreamListener {
 public:
  using Sink = std::function<void(pod::LogReader::Event&&)>;

  LogFollower(kube::Transport& transport, std::string name_space, std::string pod, Sink sink);
  ~LogFollower() override;
  LogFollower(const LogFollower&) = delete;
  LogFollower& operator=(const LogFollower&) = delete;

  // Once the container has started.
  void start();
  // The container has ended: the log is read to its end, and no further.
  void last_reading() { last_ = true; }
  [[nodiscard]] bool done() const { return done_; }
  [[nodiscard]] bool started() const { return started_; }
  [[nodiscard]] const pod::LogReader& reader() const { return reader_; }
  // When it last said something new.
  [[nodiscard]] MonotonicTime last_line() const { return last_line_; }
  [[nodiscard]] int reattached() const { return reattached_; }

 private:
  void on_line(kube::StreamId stream, std::string_view line) override;
  void on_end(kube::StreamId stream, const kube::StreamEnd& end) override;
  void open(Nanoseconds delay);

  kube::Transport& transport_;
  std::string name_space_, pod_;
  Sink sink_;
  pod::LogReader reader_;
  std::optional<kube::StreamId> stream_;
  std::string resumed_from_;  // lines up to here were read before
  MonotonicTime last_line_{};
  bool started_ = false, last_ = false, done_ = false;
  bool last_reading_began_ = false;
  int reattached_ = 0;
};

}  // namespace kts::kubernetes
