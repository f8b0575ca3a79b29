// SPDX-License-Identifier: Apache-2.0
#include "kts/process/guard.hpp"

#include <poll.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "kts/process/wait.hpp"
#include "spawn.hpp"

namespace kts::process {
namespace {

using std::chrono_literals::operator""ms;

// Whether `fd` became readable before the deadline.
bool await_readable(int fd, MonotonicTime deadline) {
  for (;;) {
    pollfd watched{fd, POLLIN, 0};
    const int ready = poll(&watched, 1, poll_timeout_ms(deadline));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
    if (MonotonicTimeline::now() >= deadline) return false;
  }
}

}  // namespace

struct Guard::State {
  Spawned spawned;
  std::string unread;
  bool running = true;
};

Guard::Guard(std::unique_ptr<State> state) : state_(std::move(state)) {}
Guard::Guard(Guard&&) noexcept = default;

Guard::~Guard() {
  if (state_) (void)release(std::chrono::seconds(30));
}

Result<Guard> Guard::start(const std::string& script, const std::vector<std::string>& arguments,
                           const std::vector<std::string>& environment) {
  Command command{{"/bin/sh", "-c", "exec 2>/dev/null\n" + script, "kts-guard"}, environment};
  command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
  auto state = std::make_unique<State>();
  KTS_TRY(state->spawned, spawn(command, Lifetime::kOutlivesUs));
  return Guard(std::move(state));
}

Result<std::string> Guard::line(Nanoseconds timeout) {
  const MonotonicTime deadline = MonotonicTimeline::now() + timeout;
  for (;;) {
    if (const auto end = state_->unread.find('\n'); end != std::string::npos) {
      std::string line = state_->unread.substr(0, end);
      state_->unread.erase(0, end + 1);
      return line;
    }
    std::array<char, 4096> bytes;
    const bool readable = await_readable(state_->spawned.output.get(), deadline);
    const ssize_t n = readable ? read(state_->spawned.output.get(), bytes.data(), bytes.size()) : 0;
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n <= 0) return environment_lacks("no answer from a script that kts started");
    state_->unread.append(bytes.data(), static_cast<std::size_t>(n));
  }
}

std::optional<ExitStatus> Guard::release(Nanoseconds timeout) {
  state_->spawned.input.reset();
  const MonotonicTime deadline = MonotonicTimeline::now() + timeout;
  while (state_->running) {
    int raw = 0;
    const pid_t ended = waitpid(state_->spawned.pid, &raw, WNOHANG);
    if (ended == state_->spawned.pid) {
      state_->running = false;
      if (WIFSIGNALED(raw)) return ExitStatus{0, WTERMSIG(raw)};
      return ExitStatus{WEXITSTATUS(raw), 0};
    }
    if (ended < 0 && errno != EINTR) state_->running = false;
    if (MonotonicTimeline::now() >= deadline) return std::nullopt;
    if (state_->spawned.exit.is_open()) {
      await_readable(state_->spawned.exit.get(), deadline);
    } else {
      const timespec pause{0, 20'000'000};
      nanosleep(&pause, nullptr);
    }
  }
  return std::nullopt;
}

}  // namespace kts::process
