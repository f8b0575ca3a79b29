// SPDX-License-Identifier: Apache-2.0
#include "kts/mps/daemon.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <sstream>

#include "kts/base/units.hpp"

namespace kts::mps {
namespace {

using std::chrono_literals::operator""s;

constexpr std::string_view kPrefix = "kts-mps";
constexpr const char* kPidFile = "nvidia-cuda-mps-control.pid";
constexpr const char* kOwnerFile = "owner";

// $1 the program, $2 the folder, $3 the logs, $4 a further option or nothing. Starts the daemon,
// says so, waits for its maker's end, and stops the daemon: politely, then by force. Exit status 3:
// by force.
constexpr const char* kScript = R"sh(
trap : TERM
export CUDA_MPS_PIPE_DIRECTORY="$2/pipe" CUDA_MPS_LOG_DIRECTORY="$3"
unset CUDA_VISIBLE_DEVICES
"$1" -d ${4:+"$4"} >"$2/said" 2>&1 </dev/null
echo "$?"
while read -r _; do :; done
daemon=$(cat "$2/pipe/nvidia-cuda-mps-control.pid")
servers=$(echo get_server_list | timeout 5 "$1" | tr -cd '0-9\n')
echo quit | timeout 10 "$1" >/dev/null
status=0
for pid in $servers $daemon; do
  tries=0
  while kill -0 "$pid"; do
    tries=$((tries + 1))
    if [ "$tries" -gt 50 ]; then
      kill -KILL "$pid"
      status=3
      break
    fi
    sleep 0.1
  done
done
rm -rf "$2"
exit "$status"
)sh";

std::string first_line(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  return line;
}

bool is_alive(std::int64_t pid) {
  return pid > 0 && (kill(static_cast<pid_t>(pid), 0) == 0 || errno == EPERM);
}

// Numbers are used again: the name tells, as much as the kernel keeps of it.
bool is_daemon(std::int64_t pid) {
  constexpr std::size_t kKeptOfNames = 15;
  return is_alive(pid) &&
         first_line(fmt::format("/proc/{}/comm", pid)) == kControlProgram.substr(0, kKeptOfNames);
}

// When a process started, in ticks since the machine did; empty when /proc doesn't tell.
std::string start_of(std::int64_t pid) {
  const std::string text = first_line(fmt::format("/proc/{}/stat", pid));
  // Its name may hold anything; behind it comes field 3.
  const auto name_end = text.rfind(')');
  if (name_end == std::string::npos) return {};
  std::istringstream fields(text.substr(name_end + 1));
  std::string field;
  for (int i = 3; i <= 22; ++i) fields >> field;
  return fields ? field : std::string();
}

// The process that made a folder, as its file says: "PID START", of an older kts "PID".
bool owner_lives(std::string_view owner) {
  const auto space = owner.find(' ');
  const auto pid = parse_int64(owner.substr(0, space));
  if (!pid || !is_alive(*pid)) return false;
  const std::string start = start_of(*pid);
  return space == std::string_view::npos || start.empty() || start == owner.substr(space + 1);
}

}  // namespace

Daemon::Daemon(TemporaryDirectory folder, const DaemonSpec& spec)
    : folder_(std::move(folder)),
      pipe_folder_(folder_.path() / "pipe"),
      log_folder_(spec.log_folder),
      control_(open_control(spec.program, pipe_folder_)) {}

Daemon::~Daemon() = default;

Result<std::unique_ptr<Daemon>> Daemon::start(const DaemonSpec& spec) {
  KTS_TRY(TemporaryDirectory folder, TemporaryDirectory::create(kPrefix, spec.parent));
  KTS_CHECK_OK(make_directories(spec.log_folder));
  std::unique_ptr<Daemon> daemon(new Daemon(std::move(folder), spec));
  const std::filesystem::path& root = daemon->folder_.path();
  const std::filesystem::path socket = daemon->pipe_folder_ / "control_privileged";
  if (socket.string().size() >= sizeof(sockaddr_un::sun_path)) {
    return environment_lacks("the path is too long for MPS's sockets",
                             "have a shorter folder for temporary files", socket.string());
  }
  if (mkdir(daemon->pipe_folder_.c_str(), 0700) != 0) {
    return environment_lacks(with_errno("cannot make the folder", errno), {},
                             daemon->pipe_folder_.string());
  }
  KTS_CHECK_OK(write_file(root / kOwnerFile, fmt::format("{} {}\n", getpid(), start_of(getpid()))));
  KTS_TRY(process::Guard guard,
          process::Guard::start(kScript, {spec.program.string(), root.string(),
                                          std::filesystem::absolute(spec.log_folder).string(),
                                          spec.static_partitions ? "-S" : ""}));
  daemon->guard_ = std::make_unique<process::Guard>(std::move(guard));
  KTS_TRY(const std::string status, daemon->guard_->line(30s));
  if (status != "0") {
    const std::string said = first_line(root / "said");
    return environment_lacks(fmt::format("the MPS daemon doesn't start (exit status {}): {}",
                                         status, said.empty() ? "it said nothing" : said),
                             fmt::format("see {}", (spec.log_folder / "control.log").string()),
                             spec.program.string());
  }
  KTS_CHECK_OK(clients(*daemon->control_));
  return daemon;
}

std::vector<std::string> Daemon::client_environment() const {
  return {"CUDA_MPS_PIPE_DIRECTORY=" + pipe_folder_.string(),
          "CUDA_MPS_LOG_DIRECTORY=" + std::filesystem::absolute(log_folder_).string()};
}

Status Daemon::stop() {
  const auto status = guard_->release(30s);
  if (status && status->success()) return {};
  return environment_lacks(
      status && status->code == 3
          ? "the MPS daemon didn't leave when asked to, so it was killed"
          : fmt::format("the MPS daemon wasn't seen to leave ({})",
                        status ? process::describe(*status) : "its guard still tries"),
      fmt::format("see {}", (log_folder_ / "control.log").string()));
}

std::vector<Leftover> find_leftovers(const std::filesystem::path& parent) {
  std::vector<Leftover> found;
  std::error_code ec;
  for (const auto& entry : std::filesystem::directory_iterator(parent, ec)) {
    if (!entry.path().filename().string().starts_with(kPrefix)) continue;
    const std::string owner = first_line(entry.path() / kOwnerFile);
    const auto daemon = parse_int64(first_line(entry.path() / "pipe" / kPidFile));
    if (owner.empty() || !daemon || owner_lives(owner) || !is_daemon(*daemon)) continue;
    found.push_back({entry.path() / "pipe", *daemon});
  }
  std::ranges::sort(found, {}, &Leftover::pipe_folder);
  return found;
}

std::string describe(const Leftover& leftover) {
  return fmt::format(
      "an MPS daemon that an earlier kts started still runs (process {}); end it: echo quit | "
      "CUDA_MPS_PIPE_DIRECTORY={} {}",
      leftover.daemon, leftover.pipe_folder.string(), kControlProgram);
}

bool offers_static_partitions(const std::filesystem::path& program) {
  const auto text = read_file(program);
  return text && text->find("sm_partition") != std::string::npos;
}

}  // namespace kts::mps
