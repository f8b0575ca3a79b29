// SPDX-License-Identifier: Apache-2.0
#include "kts/process/fleet.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <deque>

#include "kts/process/wait.hpp"
#include "spawn.hpp"

namespace kts::process {
namespace {

using std::chrono_literals::operator""ms;

constexpr std::size_t kMaxQueuedInput = 1 << 20;
constexpr std::size_t kReadAtATime = 256 * 1024;
constexpr std::size_t kKeptLines = 4;
constexpr std::size_t kKeptLineLength = 200;
constexpr std::size_t kLastLineLength = 1000;
// How often to look for ended children where the kernel can't tell by a descriptor.
constexpr auto kReapInterval = 20ms;

std::string_view trimmed(std::string_view line) {
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r' || line.back() == ' ')) {
    line.remove_suffix(1);
  }
  return line;
}

}  // namespace

struct Fleet::Child {
  Spawned spawned;
  std::string queued_input;
  bool input_ends = false;
  std::array<std::string, 2> partial;  // of stdout, stderr
  std::deque<std::string> last_lines;
  std::string last_line;
  std::string introduction;  // "kts-worker: ", with which our programs begin their errors
  bool running = true;
};

std::string describe(const ExitStatus& status) {
  if (status.signal == 0) return fmt::format("exit status {}", status.code);
  const char* name = sigabbrev_np(status.signal);
  return name == nullptr ? fmt::format("killed by signal {}", status.signal)
                         : fmt::format("killed by signal {} (SIG{})", status.signal, name);
}

Fleet::Fleet(Listener& listener) : listener_(listener), old_sigpipe_(signal(SIGPIPE, SIG_IGN)) {}

Fleet::~Fleet() {
  signal_all(SIGKILL);
  for (const auto& child : children_) {
    if (!child->running) continue;
    while (waitpid(child->spawned.pid, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  if (old_sigpipe_ != SIG_ERR) signal(SIGPIPE, old_sigpipe_);
}

Result<std::size_t> Fleet::start(const Command& command) {
  KTS_TRY(Spawned spawned, spawn(command));
  children_.push_back(std::make_unique<Child>());
  children_.back()->spawned = std::move(spawned);
  children_.back()->introduction =
      std::filesystem::path(command.argv.front()).filename().string() + ": ";
  return children_.size() - 1;
}

void Fleet::flush_input(Child& child) {
  Descriptor& input = child.spawned.input;
  while (input.is_open() && !child.queued_input.empty()) {
    const ssize_t n = write(input.get(), child.queued_input.data(), child.queued_input.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n < 0) {
      child.queued_input.clear();
      input.reset();
      return;
    }
    child.queued_input.erase(0, static_cast<std::size_t>(n));
  }
  if (child.input_ends) input.reset();
}

Status Fleet::send(std::size_t index, std::string_view bytes) {
  Child& child = *children_.at(index);
  if (!child.spawned.input.is_open()) return {};
  child.queued_input += bytes;
  flush_input(child);
  if (child.queued_input.size() > kMaxQueuedInput) {
    return fail(ErrorCode::kInternal, "does not read its input", {},
                fmt::format("process {}", child.spawned.pid));
  }
  return {};
}

void Fleet::close_input(std::size_t index) {
  Child& child = *children_.at(index);
  child.input_ends = true;
  flush_input(child);
}

void Fleet::read_from(std::size_t index, bool from_stderr) {
  Child& child = *children_[index];
  Descriptor& end = from_stderr ? child.spawned.error : child.spawned.output;
  std::string& partial = child.partial[from_stderr ? 1 : 0];
  const auto hand_on = [&](std::string_view line) {
    if (!from_stderr) {
      listener_.on_stdout(index, line);
      return;
    }
    if (const auto text = trimmed(line); !text.empty()) {
      std::string_view own = text;
      if (own.starts_with(child.introduction)) own.remove_prefix(child.introduction.size());
      child.last_line = own.substr(0, kLastLineLength);
      child.last_lines.emplace_back(text.substr(0, kKeptLineLength));
      if (child.last_lines.size() > kKeptLines) child.last_lines.pop_front();
    }
    listener_.on_stderr(index, line);
  };

  std::size_t taken = 0;
  std::array<char, 65536> buffer;
  while (end.is_open() && taken < kReadAtATime) {
    const ssize_t n = read(end.get(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) {
      end.reset();
      if (!partial.empty()) hand_on(std::exchange(partial, {}));
      return;
    }
    taken += static_cast<std::size_t>(n);
    std::string_view bytes(buffer.data(), static_cast<std::size_t>(n));
    while (!bytes.empty()) {
      const auto newline = bytes.find('\n');
      if (newline == std::string_view::npos) {
        partial += bytes;
        if (partial.size() >= kMaxLine) hand_on(std::exchange(partial, {}));
        break;
      }
      const std::string_view line = bytes.substr(0, newline + 1);
      bytes.remove_prefix(newline + 1);
      if (partial.empty()) {
        hand_on(line);
      } else {
        partial += line;
        hand_on(std::exchange(partial, {}));
      }
    }
  }
}

bool Fleet::reap(std::size_t index) {
  Child& child = *children_[index];
  if (!child.running) return false;
  int raw = 0;
  if (waitpid(child.spawned.pid, &raw, WNOHANG) != child.spawned.pid) return false;
  child.running = false;
  child.spawned.exit.reset();
  child.spawned.input.reset();
  // What it left behind in the pipes; a grandchild that holds them open is not waited for.
  for (const bool from_stderr : {false, true}) {
    Descriptor& end = from_stderr ? child.spawned.error : child.spawned.output;
    for (int rounds = 0; rounds < 8 && end.is_open(); ++rounds) read_from(index, from_stderr);
    if (end.is_open()) {
      kill(-child.spawned.pid, SIGKILL);
      end.reset();
    }
  }
  ExitStatus status;
  if (WIFSIGNALED(raw)) {
    status.signal = WTERMSIG(raw);
  } else {
    status.code = WEXITSTATUS(raw);
  }
  listener_.on_exit(index, status);
  return true;
}

Status Fleet::wait(MonotonicTime deadline, int wake_fd) {
  enum class What { kWake, kInput, kOutput, kError, kExit };
  struct Watched {
    What what;
    std::size_t child;
  };
  for (;;) {
    std::vector<pollfd> fds;
    std::vector<Watched> watched;
    const auto watch = [&](int fd, short events, What what, std::size_t child) {
      fds.push_back({fd, events, 0});
      watched.push_back({what, child});
    };
    MonotonicTime until = deadline;
    if (wake_fd >= 0) watch(wake_fd, POLLIN, What::kWake, 0);
    for (std::size_t i = 0; i < children_.size(); ++i) {
      const Spawned& s = children_[i]->spawned;
      if (s.input.is_open() && !children_[i]->queued_input.empty()) {
        watch(s.input.get(), POLLOUT, What::kInput, i);
      }
      if (s.output.is_open()) watch(s.output.get(), POLLIN, What::kOutput, i);
      if (s.error.is_open()) watch(s.error.get(), POLLIN, What::kError, i);
      if (!children_[i]->running) continue;
      if (s.exit.is_open()) {
        watch(s.exit.get(), POLLIN, What::kExit, i);
      } else {
        until = std::min(until, MonotonicTimeline::now() + kReapInterval);
      }
    }
    const int ready = poll(fds.data(), fds.size(), poll_timeout_ms(until));
    if (ready < 0 && errno != EINTR) {
      return fail(ErrorCode::kInternal, with_errno("cannot wait for the workers", errno));
    }
    bool happened = false;
    for (std::size_t i = 0; ready > 0 && i < fds.size(); ++i) {
      if (fds[i].revents == 0) continue;
      happened = true;
      switch (watched[i].what) {
        case What::kInput:
          flush_input(*children_[watched[i].child]);
          break;
        case What::kOutput:
          read_from(watched[i].child, false);
          break;
        case What::kError:
          read_from(watched[i].child, true);
          break;
        case What::kWake:
        case What::kExit:
          break;
      }
    }
    for (std::size_t i = 0; i < children_.size(); ++i) happened |= reap(i);
    if (happened || MonotonicTimeline::now() >= deadline) return {};
  }
}

void Fleet::signal_all(int signal_number) {
  for (const auto& child : children_) {
    if (child->running) kill(-child->spawned.pid, signal_number);
  }
}

void Fleet::shut_down(Nanoseconds grace) {
  for (std::size_t i = 0; i < children_.size(); ++i) close_input(i);
  for (const int signal_number : {0, SIGTERM, SIGKILL}) {
    if (signal_number != 0) signal_all(signal_number);
    const MonotonicTime deadline = MonotonicTimeline::now() + grace;
    while (any_running() && MonotonicTimeline::now() < deadline) {
      if (!wait(deadline)) break;
    }
  }
}

bool Fleet::running(std::size_t child) const { return children_.at(child)->running; }
bool Fleet::any_running() const {
  return std::ranges::any_of(children_, [](const auto& child) { return child->running; });
}
pid_t Fleet::pid(std::size_t child) const { return children_.at(child)->spawned.pid; }

std::string Fleet::last_words(std::size_t child) const {
  return fmt::format("{}", fmt::join(children_.at(child)->last_lines, " / "));
}

const std::string& Fleet::last_line(std::size_t child) const {
  return children_.at(child)->last_line;
}

}  // namespace kts::process
