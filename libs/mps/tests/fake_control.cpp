// SPDX-License-Identifier: Apache-2.0
// Stands in for nvidia-cuda-mps-control: `-d` starts a daemon on CUDA_MPS_PIPE_DIRECTORY, and
// without arguments commands on stdin go to it and answers to stdout, as the real one does. A
// process becomes a client by leaving a file `client-<pid>` in the pipe directory, and a server
// appears with the first. With `-S` the card cpu:1 has 16 chunks of 8 SMs and four SMs more, which
// static partitions are made of; the file of a client holds the partition that it is in. It
// misbehaves on request, KTS_FAKE_MPS=
//   refuse (doesn't start) | deaf (lists no client) | stubborn (doesn't quit) | rude (odd answers)
//   | whole (parts no card) | vacant (no client is in its partition)
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
#include <sstream>
#include <string>
#include <vector>

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

struct Partition {
  std::string id;
  int chunks = 0;
};
const std::string kCard = "cpu:1";
constexpr int kChunks = 16;
constexpr int kSmsPerChunk = 8;

bool is_taken(const Partition& partition) {
  if (kMode == "vacant") return false;
  for (const auto& entry : fs::directory_iterator(kPipes)) {
    if (!entry.path().filename().string().starts_with("client-")) continue;
    std::string in;
    std::getline(std::ifstream(entry.path()), in);
    if (in == kCard + "/" + partition.id) return true;
  }
  return false;
}

int used(const std::vector<Partition>& partitions) {
  int sum = 0;
  for (const Partition& each : partitions) sum += each.chunks;
  return sum;
}

std::string listed(const std::vector<Partition>& partitions) {
  const auto row = [](const auto&... words) {
    std::string out;
    ((out += (out.empty() ? "" : "  ") + words), ...);
    return out + "\n";
  };
  const auto text = [](int number) { return std::to_string(number); };
  const int busy = used(partitions);
  std::string out = "GPU  Partition  free  used  free  used  clients\n     chunks chunks SM SM\n";
  out +=
      row(kCard, std::string("-"), text(kChunks - busy), text(busy),
          text((kChunks - busy) * kSmsPerChunk + 4), text(busy * kSmsPerChunk), std::string("-"));
  for (const Partition& each : partitions) {
    out += row(kCard, each.id, std::string("-"), text(each.chunks), std::string("-"),
               text(each.chunks * kSmsPerChunk), std::string(is_taken(each) ? "Yes" : "No"));
  }
  return out;
}

// Answers to "sm_partition add CARD CHUNKS".
std::string part(const std::string& command, std::vector<Partition>& partitions) {
  std::istringstream words(command);
  std::string word, verb, card;
  int chunks = 0;
  words >> word >> verb >> card >> chunks;
  if (verb != "add" || card != kCard || chunks < 1 || kMode == "whole" ||
      used(partitions) + chunks > kChunks) {
    return "Failed to fulfill the requested SM partition\n";
  }
  partitions.push_back({"Dx/" + std::to_string(partitions.size()), chunks});
  return "Partition " + kCard + "/" + partitions.back().id + " created\n";
}

void write_text(const fs::path& path, const std::string& text) {
  std::ofstream(path, std::ios::app) << text;
}

[[noreturn]] void serve(int listener, bool parts) {
  pid_t server = 0;
  std::vector<Partition> partitions;
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
    } else if (parts && command == "lspart") {
      answer = listed(partitions);
    } else if (parts && command.starts_with("sm_partition ")) {
      answer = part(command, partitions);
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

int start(bool parts) {
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
  serve(listener, parts);
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
  const auto is = [&](int i, const char* word) { return argc > i && std::string(argv[i]) == word; };
  if (is(1, "-d")) return start(is(2, "-S"));
  return talk();
}
