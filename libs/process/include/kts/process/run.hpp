// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "kts/process/fleet.hpp"

namespace kts::process {

struct RunOptions {
  std::string input;  // its stdin, which then ends
  Nanoseconds timeout = std::chrono::seconds(10);
  int interrupt_fd = -1;  // once it is readable the program is ended
  // Each line of either stream, as it comes.
  std::function<void(std::string_view line)> on_line;
};
struct Ran {
  ExitStatus status;
  std::string output;      // its stdout
  std::string last_words;  // of its stderr, on one line
};

// Runs a program to its end. kEnvironment when it can't be started or takes
// longer than the timeout, kInterrupted; how it ended is for the caller to judge.
[[nodiscard]] Result<Ran> run(const Command& command, const RunOptions& options = {});

}  // namespace kts::process
