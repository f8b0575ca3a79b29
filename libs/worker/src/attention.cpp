// SPDX-License-Identifier: Apache-2.0
#include "kts/worker/attention.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace kts::worker {
namespace {

// Not a signalfd: libraries start threads before main that block no signal, and would take it.
std::atomic<int> handler_pipe{-1};

extern "C" void on_signal(int number) {
  const int saved = errno;
  const char byte = static_cast<char>(number);
  // A full pipe holds enough of them.
  [[maybe_unused]] const ssize_t written = write(handler_pipe.load(), &byte, 1);
  errno = saved;
}

constexpr std::array kSignals{SIGINT, SIGTERM};
// What the pipe carries when it is time to leave; no signal has this number.
constexpr char kLeave = 0;

void set_blocked(bool blocked) {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : kSignals) sigaddset(&set, number);
  pthread_sigmask(blocked ? SIG_BLOCK : SIG_UNBLOCK, &set, nullptr);
}

void set_handler(void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  for (const int number : kSignals) sigaction(number, &action, nullptr);
}

}  // namespace

Result<std::unique_ptr<Attention>> Attention::make(int commands, bool takes_signals,
                                                   StopFlag& stop) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) {
    return environment_lacks(with_errno("cannot make a pipe", errno));
  }
  if (takes_signals) handler_pipe.store(ends[1]);
  return std::unique_ptr<Attention>(new Attention(commands, ends[0], ends[1], takes_signals, stop));
}

Result<std::unique_ptr<Attention>> Attention::start(int commands, StopFlag& stop) {
  return make(commands, true, stop);
}

Result<std::unique_ptr<Attention>> Attention::start_hosted(int commands, StopFlag& stop) {
  return make(commands, false, stop);
}

Attention::Attention(int commands, int wake_read, int wake_write, bool takes_signals,
                     StopFlag& stop)
    : commands_(commands),
      signals_(wake_read),
      wake_(wake_write),
      takes_signals_(takes_signals),
      stop_(stop) {
  if (takes_signals_) {
    set_handler(on_signal);
    set_blocked(true);
  }
  thread_ = std::thread([this] {
    if (takes_signals_) set_blocked(false);
    live();
  });
}

Attention::~Attention() {
  [[maybe_unused]] const ssize_t written = write(wake_, &kLeave, 1);
  thread_.join();
  if (takes_signals_) {
    set_handler(SIG_DFL);
    set_blocked(false);
    handler_pipe.store(-1);
  }
  ::close(wake_);
  ::close(signals_);
}

Result<control::Command> Attention::next() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return signal_ != 0 || !queue_.empty() || channel_end_; });
  if (signal_ == 0 && !queue_.empty()) {
    control::Command command = std::move(queue_.front());
    queue_.pop_front();
    return command;
  }
  lock.unlock();
  KTS_CHECK_OK(interruption());
  return control::Exit{};
}

Status Attention::interruption() const {
  const std::lock_guard lock(mutex_);
  if (signal_ != 0) {
    return fail(ErrorCode::kInterrupted,
                fmt::format("interrupted by SIG{}", sigabbrev_np(signal_)));
  }
  return channel_end_.value_or(Status{});
}

void Attention::live() {
  pthread_setname_np(pthread_self(), "kts-attention");
  std::array<pollfd, 2> watched{pollfd{signals_, POLLIN, 0}, pollfd{commands_, POLLIN, 0}};
  for (;;) {
    if (poll(watched.data(), watched.size(), -1) < 0) {
      if (errno == EINTR) continue;
      return end_channel(environment_lacks(with_errno("cannot wait for commands", errno)));
    }
    if (watched[0].revents != 0) {
      char byte = kLeave;
      if (read(signals_, &byte, 1) != 1) continue;
      if (byte == kLeave) return;
      take_signal(byte);
    }
    // A negative descriptor is passed over.
    if (watched[1].revents != 0 && !take_bytes()) watched[1].fd = -1;
  }
}

void Attention::take_signal(int number) {
  const std::lock_guard lock(mutex_);
  if (signal_ != 0) std::_Exit(static_cast<int>(ErrorCode::kInterrupted));
  signal_ = number;
  stop_.raise(StopRequest::kInterrupt);
  changed_.notify_all();
}

bool Attention::take_bytes() {
  std::array<char, 4096> bytes;
  const ssize_t count = read(commands_, bytes.data(), bytes.size());
  if (count < 0 && (errno == EINTR || errno == EAGAIN)) return true;
  if (count < 0) {
    end_channel(environment_lacks(with_errno("cannot read commands", errno)));
    return false;
  }
  if (count == 0) {
    end_channel({});
    return false;
  }
  unread_.append(bytes.data(), static_cast<std::size_t>(count));
  std::size_t begin = 0;
  for (std::size_t end = 0; (end = unread_.find('\n', begin)) != std::string::npos;
       begin = end + 1) {
    if (!take_line(std::string_view(unread_).substr(begin, end - begin))) return false;
  }
  unread_.erase(0, begin);
  if (unread_.size() < control::kMaxFrame) return true;
  end_channel(bad_input(fmt::format("a control line of more than {} bytes", control::kMaxFrame), {},
                        "stdin"));
  return false;
}

bool Attention::take_line(std::string_view line) {
  auto command = control::parse_command(line);
  if (!command) {
    Error error = std::move(command).error();
    error.where = "stdin";
    end_channel(tl::unexpected(std::move(error)));
    return false;
  }
  if (std::holds_alternative<control::Stop>(*command)) {
    stop_.raise(StopRequest::kStop);
    return true;
  }
  if (std::holds_alternative<control::GiveUp>(*command)) {
    stop_.raise(StopRequest::kGiveUp);
    return true;
  }
  if (std::holds_alternative<control::Exit>(*command)) {
    end_channel({});
    return false;
  }
  const std::lock_guard lock(mutex_);
  queue_.push_back(std::move(*command));
  changed_.notify_all();
  return true;
}

void Attention::end_channel(Status why) {
  const std::lock_guard lock(mutex_);
  channel_end_ = std::move(why);
  stop_.raise(StopRequest::kInterrupt);
  changed_.notify_all();
}

}  // namespace kts::worker
