// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "places.hpp"

namespace kts {

// The real kts-worker with pipes on its three descriptors.
class WorkerProcess {
 public:
  // `environment`: "NAME=value", added to ours less the study's variables.
  explicit WorkerProcess(std::vector<std::string> arguments,
                         const std::vector<std::string>& environment = {}) {
    std::signal(SIGPIPE, SIG_IGN);
    std::array<std::array<int, 2>, 3> pipes{};
    for (auto& ends : pipes) {
      if (pipe2(ends.data(), O_CLOEXEC) != 0) std::abort();
    }
    arguments.insert(arguments.begin(), in_build("bin/kts-worker"));
    std::vector<char*> argv;
    for (auto& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    pid_ = fork();
    if (pid_ == 0) {
      dup2(pipes[0][0], 0);
      dup2(pipes[1][1], 1);
      dup2(pipes[2][1], 2);
      for (const char* name : {"ITERATIONS", "MATRIX_SIZE", "SLEEP_MS"}) unsetenv(name);
      for (const auto& entry : environment) putenv(const_cast<char*>(entry.c_str()));
      execv(argv[0], argv.data());
      _exit(127);
    }
    close(pipes[0][0]);
    close(pipes[1][1]);
    close(pipes[2][1]);
    in_ = pipes[0][1];
    out_ = pipes[1][0];
    err_ = pipes[2][0];
  }
  ~WorkerProcess() {
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
    close_input();
    close_output();
    close(err_);
  }
  WorkerProcess(const WorkerProcess&) = delete;
  WorkerProcess& operator=(const WorkerProcess&) = delete;

  void send(const std::string& text) const {
    if (write(in_, text.data(), text.size()) != static_cast<ssize_t>(text.size())) std::abort();
  }
  void close_input() { shut(in_); }
  void close_output() { shut(out_); }
  void signal(int number) const { kill(pid_, number); }

  // Next line of its standard output without the newline; empty at the end.
  std::string line() {
    std::size_t newline = 0;
    while ((newline = unread_.find('\n')) == std::string::npos) {
      if (!take(out_, unread_)) return {};
    }
    std::string result = unread_.substr(0, newline);
    unread_.erase(0, newline + 1);
    return result;
  }
  std::vector<std::string> lines() {
    std::vector<std::string> result;
    for (std::string next = line(); !next.empty(); next = line()) result.push_back(next);
    return result;
  }
  std::string error_output() const {
    std::string text;
    while (take(err_, text)) {
    }
    return text;
  }
  // Exit status, or minus the signal that killed it.
  int wait() {
    int status = 0;
    waitpid(std::exchange(pid_, -1), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

 private:
  static bool take(int fd, std::string& to) {
    std::array<char, 4096> bytes;
    const ssize_t count = read(fd, bytes.data(), bytes.size());
    if (count > 0) to.append(bytes.data(), static_cast<std::size_t>(count));
    return count > 0;
  }
  static void shut(int& fd) {
    if (fd >= 0) close(fd);
    fd = -1;
  }

  pid_t pid_ = -1;
  int in_ = -1;
  int out_ = -1;
  int err_ = -1;
  std::string unread_;
};

}  // namespace kts
