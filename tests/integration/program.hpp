// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "kts/base/clock.hpp"
#include "kts/base/error.hpp"
#include "kts/process/fleet.hpp"
#include "places.hpp"

namespace kts {

inline const std::string kKts = in_build("bin/kts");

struct Outcome {
  int exit = -1;
  std::string out, err;
};

// Runs a program to its end; `on_stderr` sees each line as it comes, and the program's pid.
class Program final : process::Fleet::Listener {
 public:
  using OnLine = std::function<void(std::string_view line, pid_t pid)>;
  static Outcome run(std::vector<std::string> argv, OnLine on_stderr = {},
                     std::chrono::seconds limit = std::chrono::seconds(200)) {
    Program program(std::move(on_stderr));
    process::Fleet fleet(program);
    const auto child = fleet.start({std::move(argv), {"NO_COLOR=1", "KTS_WORKER="}});
    if (!child) return {-1, "", to_line(child.error())};
    program.pid_ = fleet.pid(*child);
    const MonotonicTime deadline = MonotonicTimeline::now() + limit;
    while (fleet.any_running() && MonotonicTimeline::now() < deadline) {
      if (!fleet.wait(deadline)) break;
    }
    return program.outcome_;
  }

 private:
  explicit Program(OnLine on_stderr) : on_line_(std::move(on_stderr)) {}
  void on_stdout(std::size_t /*child*/, std::string_view line) override { outcome_.out += line; }
  void on_stderr(std::size_t /*child*/, std::string_view line) override {
    outcome_.err += line;
    if (on_line_) on_line_(line, pid_);
  }
  void on_exit(std::size_t /*child*/, const process::ExitStatus& status) override {
    outcome_.exit = status.signal == 0 ? status.code : 128 + status.signal;
  }

  OnLine on_line_;
  pid_t pid_ = -1;
  Outcome outcome_;
};

inline bool one_line(const std::string& text) {
  return std::count(text.begin(), text.end(), '\n') == 1;
}

inline std::string last_line(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text.substr(text.rfind('\n') + 1);
}

}  // namespace kts
