// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "format.hpp"
#include "kts/base/text.hpp"
#include "kts/report/plots.hpp"
#include "kts/report/report.hpp"

namespace kts::report {
namespace {

// Memory that a child can take for a file: unlike pipes it can't fill up and block either side.
class MemoryFile {
 public:
  explicit MemoryFile(const char* name) : fd_(memfd_create(name, MFD_CLOEXEC)) {}
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  ~MemoryFile() {
    if (fd_ >= 0) close(fd_);
  }
  [[nodiscard]] int fd() const { return fd_; }

  [[nodiscard]] bool fill(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t n = write(fd_, bytes.data(), bytes.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return lseek(fd_, 0, SEEK_SET) == 0;
  }
  [[nodiscard]] std::string contents() const {
    std::string out;
    std::array<char, 1 << 16> buffer;
    off_t offset = 0;
    for (;;) {
      const ssize_t n = pread(fd_, buffer.data(), buffer.size(), offset);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return out;
      out.append(buffer.data(), static_cast<std::size_t>(n));
      offset += n;
    }
  }

 private:
  int fd_;
};

constexpr std::string_view kInstall = "install it (Debian, Ubuntu: apt install gnuplot-nox)";

// Runs `program` with `input` as its standard input, in the C locale and deaf to the user's own
// gnuplot settings; returns its standard output.
Result<std::string> filter(const std::string& program, std::string_view input) {
  const MemoryFile in("kts-gnuplot-script"), out("kts-gnuplot-svg"), log("kts-gnuplot-log");
  if (in.fd() < 0 || out.fd() < 0 || log.fd() < 0 || !in.fill(input)) {
    return environment_lacks(with_errno("cannot hold a plot in memory", errno));
  }
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in.fd(), STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out.fd(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, log.fd(), STDERR_FILENO);
  const char* path = std::getenv("PATH");
  const std::string path_entry = std::string("PATH=") + (path ? path : "/usr/bin:/bin");
  const std::array<const char*, 4> environment{path_entry.c_str(), "LC_ALL=C", "HOME=/nonexistent",
                                               nullptr};
  const std::array<const char*, 3> arguments{program.c_str(), "-", nullptr};
  pid_t pid = 0;
  const int failed = posix_spawnp(&pid, program.c_str(), &actions, nullptr,
                                  const_cast<char* const*>(arguments.data()),
                                  const_cast<char* const*>(environment.data()));
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) {
    return environment_lacks(with_errno("cannot run gnuplot", failed), std::string(kInstall),
                             program);
  }
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  std::string svg = out.contents();
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 || svg.find("</svg>") == std::string::npos) {
    const std::string said = printable(log.contents());
    return environment_lacks(fmt::format("gnuplot drew nothing (status {}): {}", status,
                                         said.empty() ? "it said nothing" : said.substr(0, 300)),
                             "check that it knows the svg terminal", program);
  }
  return svg;
}

void replace_between(std::string& text, std::string_view open, std::string_view close,
                     std::string_view inside) {
  const auto begin = text.find(open);
  if (begin == std::string::npos) return;
  const auto end = text.find(close, begin);
  if (end == std::string::npos) return;
  text.replace(begin + open.size(), end - begin - open.size(), inside);
}

}  // namespace

Result<std::string> draw(const Plot& plot, const std::string& gnuplot) {
  KTS_TRY(std::string svg, filter(gnuplot, plot.script));
  // gnuplot puts its own name and version there.
  replace_between(svg, "<title>", "</title>", escape_html(plot.title));
  replace_between(svg, "<desc>", "</desc>", escape_html(plot.description));
  return svg;
}

}  // namespace kts::report
