// SPDX-License-Identifier: Apache-2.0
#include "log_follower.hpp"

#include <utility>

#include "kts/kube/paths.hpp"

namespace kts::kubernetes {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

// A pod says something every second; a stream that doesn't has lost its file to rotation.
constexpr Nanoseconds kFirstSilence = 5s;
constexpr Nanoseconds kPause = 250ms;
// A log without an end of its own is over when nothing more comes.
constexpr Nanoseconds kLastSilence = 2s;

}  // namespace

LogFollower::LogFollower(kube::Transport& transport, std::string name_space, std::string pod,
                         Sink sink)
    : transport_(transport),
      name_space_(std::move(name_space)),
      pod_(std::move(pod)),
      sink_(std::move(sink)) {}

LogFollower::~LogFollower() {
  if (stream_) transport_.close(*stream_);
}

void LogFollower::start() {
  if (std::exchange(started_, true)) return;
  last_line_ = transport_.now();
  open(0ms);
}

void LogFollower::open(Nanoseconds delay) {
  kube::LogOptions options;
  options.follow = true;
  options.timestamps = true;
  options.since_time = reader_.last_time();
  resumed_from_ = reader_.last_time();
  last_reading_began_ = last_;
  kube::StreamOptions how;
  how.start_at = transport_.now() + delay;
  how.idle_timeout = last_ ? kLastSilence : kFirstSilence;
  stream_ = transport_.open(kube::pod_log(name_space_, pod_, options), *this, how);
}

void LogFollower::on_line(kube::StreamId /*stream*/, std::string_view line) {
  const std::string_view stamp = line.substr(0, line.find(' '));
  const bool again = !resumed_from_.empty() && stamp <= resumed_from_;
  if (!again) last_line_ = transport_.now();
  auto event = reader_.take(line);
  if (!event) return;
  if (again && std::holds_alternative<std::string_view>(*event)) return;
  sink_(std::move(*event));
}

void LogFollower::on_end(kube::StreamId /*stream*/, const kube::StreamEnd& end) {
  stream_.reset();
  reader_.cut();
  const bool answered = end.broken && end.response.status >= 200 && end.response.status < 300;
  if (last_reading_began_ || end.response.status == 404) {
    done_ = true;
    return;
  }
  if (!answered || !last_) ++reattached_;
  open(kPause);
}

}  // namespace kts::kubernetes
