// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kts/base/clock.hpp"
#include "kts/base/error.hpp"

namespace kts::process {

struct Command {
  std::vector<std::string> argv;         // argv[0] is a path, not searched for
  std::vector<std::string> environment;  // "NAME=value", added to ours
  std::vector<int> descriptors = {};     // of ours that stay open in it, by the same numbers
};

// The program of that name on the PATH.
[[nodiscard]] std::optional<std::filesystem::path> find_program(std::string_view name);

// How a process ended.
struct ExitStatus {
  int code = 0;    // when signal is 0
  int signal = 0;  // 0: it left by itself
  [[nodiscard]] bool success() const { return code == 0 && signal == 0; }
};
// "exit status 4", "killed by signal 9 (SIGKILL)".
[[nodiscard]] std::string describe(const ExitStatus& status);

// Child processes with pipes on stdin, stdout and stderr, each in a process group of its own, none
// of which outlives this object, nor this process even if it is killed. One thread uses a Fleet.
class Fleet {
 public:
  // Longest line handed on whole; a longer one comes in pieces.
  static constexpr std::size_t kMaxLine = 65536;

  class Listener {
   public:
    virtual ~Listener() = default;
    // `line` includes its newline, unless it is a piece or the child's last words.
    virtual void on_stdout(std::size_t child, std::string_view line) = 0;
    virtual void on_stderr(std::size_t child, std::string_view line) = 0;
    // After the last of its output.
    virtual void on_exit(std::size_t child, const ExitStatus& status) = 0;
  };

  // While it lives, this process ignores SIGPIPE.
  explicit Fleet(Listener& listener);
  ~Fleet();
  Fleet(const Fleet&) = delete;
  Fleet& operator=(const Fleet&) = delete;

  // The child's number: 0, 1, … kEnvironment when it can't be started.
  [[nodiscard]] Result<std::size_t> start(const Command& command);
  // Queues bytes for stdin; never blocks. To a child that has gone they are dropped: on_exit tells.
  // kInternal when it has left more than 1 MiB unread.
  [[nodiscard]] Status send(std::size_t child, std::string_view bytes);
  // End of input, after what is queued.
  void close_input(std::size_t child);
  // Moves bytes and calls the listener until something happened, `wake_fd` is readable, or the
  // deadline has passed. Takes no more than a bounded amount at a time, so no child can starve it.
  [[nodiscard]] Status wait(MonotonicTime deadline, int wake_fd = -1);
  // Closes all inputs; who still runs after `grace` gets SIGTERM, after another SIGKILL.
  void shut_down(Nanoseconds grace);

  [[nodiscard]] bool running(std::size_t child) const;
  [[nodiscard]] bool any_running() const;
  [[nodiscard]] pid_t pid(std::size_t child) const;
  // Last lines of its stderr, on one line; at most a few hundred characters.
  [[nodiscard]] std::string last_words(std::size_t child) const;
  // The last of them, up to a thousand characters, without the program's name before it: of a kts
  // binary that failed, its own error.
  [[nodiscard]] const std::string& last_line(std::size_t child) const;

 private:
  struct Child;
  void read_from(std::size_t index, bool from_stderr);
  void flush_input(Child& child);
  bool reap(std::size_t index);
  void signal_all(int signal_number);

  Listener& listener_;
  std::vector<std::unique_ptr<Child>> children_;
  void (*old_sigpipe_)(int) = nullptr;
};

}  // namespace kts::process
