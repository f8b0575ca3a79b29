// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "kts/base/error.hpp"
#include "kts/control/protocol.hpp"
#include "kts/worker/pacing.hpp"

namespace kts::worker {

// A thread that is blocked until a signal or a line of the control channel arrives, so that the one
// which drives the engine needs to look at the stop flag only. SIGINT and SIGTERM raise kInterrupt,
// and a second one ends the process at once; STOP and GIVE_UP raise their own; what ends the
// channel interrupts.
class Attention {
 public:
  // `commands` is the control channel's descriptor, or -1. Blocks both signals in the calling
  // thread, and so in those that it starts. One at a time in a process.
  [[nodiscard]] static Result<std::unique_ptr<Attention>> start(int commands, StopFlag& stop);
  // The channel alone, for one of several agents in a process; signals are the process's affair.
  [[nodiscard]] static Result<std::unique_ptr<Attention>> start_hosted(int commands,
                                                                       StopFlag& stop);
  ~Attention();
  Attention(const Attention&) = delete;
  Attention& operator=(const Attention&) = delete;

  // The next command but STOP and GIVE_UP, waiting for it; Exit at the end of input. Errors as
  // below.
  [[nodiscard]] Result<control::Command> next();
  // kInterrupted after a signal, kBadInput after a line that is no command.
  [[nodiscard]] Status interruption() const;

 private:
  Attention(int commands, int wake_read, int wake_write, bool takes_signals, StopFlag& stop);
  static Result<std::unique_ptr<Attention>> make(int commands, bool takes_signals, StopFlag& stop);
  void live();
  void take_signal(int number);
  // False: the channel has ended.
  bool take_bytes();
  bool take_line(std::string_view line);
  void end_channel(Status why);

  const int commands_;
  const int signals_;  // read end of the handler's pipe
  const int wake_;     // its other end
  const bool takes_signals_;
  StopFlag& stop_;
  std::string unread_;  // the beginning of a line

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<control::Command> queue_;
  std::optional<Status> channel_end_;
  int signal_ = 0;
  std::thread thread_;
};

}  // namespace kts::worker
