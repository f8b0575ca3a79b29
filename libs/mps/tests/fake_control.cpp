// SPDX-License-Identifier: Apache-2.0
// Stands in for nvidia-cuda-mps-control: `-d` starts a daemon on CUDA_MPS_PIPE_DIRECTORY, and
// without arguments commands on stdin go to it and answers to stdout, as the real one does. A
// process becomes a client by leaving a file `client-<pid>` in the pipe directory, and a server
// appears with the first. It misbehaves on request, KTS_FAKE_MPS=
//   refuse (doesn't start) | deaf (lists no client) | stubborn (doesn't quit) | rude (odd answers)
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>

namespace {

namespace fs = std::filesystem;

std::string environment(const char* name, const char* otherwise) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0' ? value : otherwise;
}

const fs::path kPipes = environment("CUDA_MPS_PIPE_DIRECTORY", "/tmp/nvidia-mps");
const std::string kMode = environment("KTS_FAKE_MPS", "");

sockaddr_un address() {
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  std::snprintf(at.sun_path, sizeof at.sun_path, "%s", (kPipes / "control").c_str());
  return at;
}

std::string clients() {
  std::string list;
  for (const auto& entry : fs::directory_iterator(kPipes)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with("client-")) continue;
    const std::string pid = name.substr(7);
    if (kill(std::atoi(pid.c_str()), 0) == 0) list += pid + "\n";
  }
  return kMode == "deaf" ? "" : list;
}

void write_text(const fs::path& path, const std::string& text) {
  std::ofstream(path, std::ios::app) << text;
}

[[noreturn]] void serve(int listener) {
  pid_t server = 0;
  for (;;) {
    const int caller = accept(listener, nullptr, nullptr);
    char bytes[256];
    const ssize_t n = read(caller, bytes, sizeof bytes);
    const std::string command(bytes, n > 0 ? static_cast<std::size_t>(n) : 0);
    std::string answer;
    if (server == 0 && !clients().empty()) {
      server = fork();
      if (server == 0) {
        close(caller);
        close(listener);
        for (;;) pause();
      }
    }
    if (kMode == "rude") {
      answer = "Unknown command\n";
    } else if (command == "get_server_list") {
      if (server != 0) answer = std::to_string(server) + "\n";
    } else if (command == "get_client_list " + std::to_string(server)) {
      answer = clients();
    } else if (command == "quit" && kMode != "stubborn") {
      if (server != 0) kill(server, SIGKILL);
      fs::remove(kPipes / "control");
      fs::remove(kPipes / "nvidia-cuda-mps-control.pid");
      _exit(0);
    } else {
      answer = "Invalid command\n";
    }
    if (write(caller, answer.data(), answer.size()) < 0) _exit(1);
    close(caller);
  }
}

int start() {
  if (kMode == "refuse") {
    std::printf("An instance of this daemon is already running\n");
    return 1;
  }
  const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_un at = address();
  if (bind(listener, reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0 ||
      listen(listener, 8) != 0) {
    std::printf("Cannot create the control pipe\n");
    return 1;
  }
  if (fork() != 0) return 0;
  setsid();
  write_text(kPipes / "nvidia-cuda-mps-control.pid", std::to_string(getpid()) + "\n");
  write_text(fs::path(environment("CUDA_MPS_LOG_DIRECTORY", "/tmp")) / "control.log",
             "Starting control daemon\n");
  serve(listener);
}

int talk() {
  std::string line;
  while (std::getline(std::cin, line)) {
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_un at = address();
    if (connect(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0) {
      std::fprintf(stderr, "Cannot find MPS control daemon process\n");
      return 1;
    }
    if (write(fd, line.data(), line.size()) < 0) return 1;
    char bytes[4096];
    for (ssize_t n = 0; (n = read(fd, bytes, sizeof bytes)) > 0;) {
      std::fwrite(bytes, 1, static_cast<std::size_t>(n), stdout);
    }
    close(fd);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::string(argv[1]) == "-d") return start();
  return talk();
}
