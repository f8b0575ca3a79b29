// SPDX-License-Identifier: Apache-2.0
#include "spawn.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

namespace kts::process {
namespace {

struct Pipe {
  Descriptor read, write;
};

// Both ends above the standard descriptors, so that dup2 onto those never meets itself.
Result<Pipe> make_pipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    return environment_lacks(with_errno("cannot make a pipe", errno), "raise ulimit -n");
  }
  Pipe low{Descriptor(ends[0]), Descriptor(ends[1])};
  if (ends[0] > 2 && ends[1] > 2) return low;
  Pipe high{Descriptor(fcntl(ends[0], F_DUPFD_CLOEXEC, 3)),
            Descriptor(fcntl(ends[1], F_DUPFD_CLOEXEC, 3))};
  if (!high.read.is_open() || !high.write.is_open()) {
    return environment_lacks(with_errno("cannot make a pipe", errno), "raise ulimit -n");
  }
  return high;
}

void set_nonblocking(int fd) { fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK); }

// Between fork and exec only async-signal-safe calls: other threads may hold any lock.
[[noreturn]] void become(char* const* argv, char* const* environment, const Pipe& in,
                         const Pipe& out, const Pipe& err, int report_fd, pid_t parent,
                         Lifetime lifetime, const std::vector<int>& kept) {
  if (lifetime == Lifetime::kOutlivesUs) {
    setsid();
  } else {
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(127);
  }
  for (const int fd : kept) fcntl(fd, F_SETFD, 0);
  signal(SIGPIPE, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  if (dup2(in.read.get(), 0) >= 0 && dup2(out.write.get(), 1) >= 0 &&
      dup2(err.write.get(), 2) >= 0) {
    execve(argv[0], argv, environment);
  }
  const int error_number = errno;
  const ssize_t written = write(report_fd, &error_number, sizeof error_number);
  _exit(written == sizeof error_number ? 127 : 126);
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> out;
  for (std::string& text : strings) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

std::vector<std::string> environment_with(const std::vector<std::string>& additions) {
  std::vector<std::string> all = additions;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const std::string_view name = text.substr(0, text.find('=') + 1);
    bool replaced = false;
    for (const std::string& addition : additions) replaced |= addition.starts_with(name);
    if (!replaced) all.emplace_back(text);
  }
  return all;
}

}  // namespace

std::optional<std::filesystem::path> find_program(std::string_view name) {
  const char* path = std::getenv("PATH");
  std::string_view rest = path == nullptr ? "" : path;
  while (!rest.empty()) {
    const auto end = std::min(rest.find(':'), rest.size());
    const auto candidate = std::filesystem::path(rest.substr(0, end)) / name;
    std::error_code ec;
    if (std::filesystem::is_regular_file(candidate, ec) && access(candidate.c_str(), X_OK) == 0) {
      return candidate;
    }
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return std::nullopt;
}

void Descriptor::reset() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

Result<Spawned> spawn(const Command& command, Lifetime lifetime) {
  KTS_TRY(Pipe in, make_pipe());
  KTS_TRY(Pipe out, make_pipe());
  KTS_TRY(Pipe err, make_pipe());
  KTS_TRY(Pipe report, make_pipe());

  std::vector<std::string> argument_strings = command.argv;
  std::vector<std::string> environment_strings = environment_with(command.environment);
  const std::vector<char*> argv = pointers(argument_strings);
  const std::vector<char*> environment = pointers(environment_strings);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid < 0) {
    return environment_lacks(with_errno("cannot start a process", errno),
                             "close other programs or raise ulimit -u", command.argv.at(0));
  }
  if (pid == 0) {
    become(argv.data(), environment.data(), in, out, err, report.write.get(), parent, lifetime,
           command.descriptors);
  }
  if (lifetime == Lifetime::kOurs) setpgid(pid, pid);
  report.write.reset();
  int error_number = 0;
  ssize_t n = 0;
  do {
    n = read(report.read.get(), &error_number, sizeof error_number);
  } while (n < 0 && errno == EINTR);
  if (n > 0) {
    while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
    }
    return environment_lacks(with_errno("cannot be executed", error_number),
                             "check that it is installed and executable", command.argv.at(0));
  }

  Spawned spawned;
  spawned.pid = pid;
  spawned.input = std::move(in.write);
  spawned.output = std::move(out.read);
  spawned.error = std::move(err.read);
  spawned.exit = Descriptor(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  for (const Descriptor* end : {&spawned.input, &spawned.output, &spawned.error}) {
    set_nonblocking(end->get());
  }
  return spawned;
}

}  // namespace kts::process
