// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>
#include <unistd.h>

#include <string_view>
#include <utility>

#include "kts/base/error.hpp"
#include "options.hpp"

namespace kts::worker_app {

// Where an agent's commands come from and its words go: its process's own streams, or those that
// another process handed over for one of several agents.
struct Streams {
  int in = STDIN_FILENO;
  int out = STDOUT_FILENO;
  int err = STDERR_FILENO;
  bool hosted = false;
};

// One agent from start to end, on the calling thread.
[[nodiscard]] Status run_agent(const Options& options, const Streams& streams);

void write_line(int fd, std::string_view line);
// "kts-worker: …", one line on a descriptor.
template <typename... Args>
void say(int fd, fmt::format_string<Args...> format, Args&&... args) {
  write_line(fd, fmt::format("kts-worker: {}\n", fmt::format(format, std::forward<Args>(args)...)));
}

}  // namespace kts::worker_app
