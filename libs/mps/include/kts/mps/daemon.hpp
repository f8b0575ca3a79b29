// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "kts/base/error.hpp"
#include "kts/base/files.hpp"
#include "kts/mps/control.hpp"
#include "kts/process/guard.hpp"

namespace kts::mps {

struct DaemonSpec {
  std::filesystem::path program;          // nvidia-cuda-mps-control
  std::filesystem::path log_folder;       // made, and kept
  std::filesystem::path parent = "/tmp";  // of the pipe directory: short, as sockets' paths must be
  bool static_partitions = false;         // it takes no client without a partition
};

// An MPS daemon of our own, on a pipe directory that nobody else has. A guard process stops it on
// every way out, this process's sudden death among them. The compute mode stays as it is.
class Daemon {
 public:
  // kEnvironment when it doesn't come up.
  [[nodiscard]] static Result<std::unique_ptr<Daemon>> start(const DaemonSpec& spec);
  ~Daemon();
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  [[nodiscard]] Control& control() { return *control_; }
  [[nodiscard]] const std::filesystem::path& pipe_folder() const { return pipe_folder_; }
  // What makes a process its client: to be set before that initialises CUDA.
  [[nodiscard]] std::vector<std::string> client_environment() const;
  // After the last client has left; kEnvironment when it had to be killed.
  [[nodiscard]] Status stop();

 private:
  Daemon(TemporaryDirectory folder, const DaemonSpec& spec);

  TemporaryDirectory folder_;
  std::filesystem::path pipe_folder_;
  std::filesystem::path log_folder_;
  std::unique_ptr<Control> control_;
  std::unique_ptr<process::Guard> guard_;
};

// A daemon of an earlier kts whose guard was killed as well.
struct Leftover {
  std::filesystem::path pipe_folder;
  std::int64_t daemon = 0;
};
[[nodiscard]] std::vector<Leftover> find_leftovers(const std::filesystem::path& parent = "/tmp");
// What it is and how to end it, in one line.
[[nodiscard]] std::string describe(const Leftover& leftover);

// Whether this version of the program knows static SM partitions.
[[nodiscard]] bool offers_static_partitions(const std::filesystem::path& program);

}  // namespace kts::mps
