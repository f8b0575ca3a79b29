// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kts/base/error.hpp"

namespace kts::mps {

// NVIDIA's program, both the daemon and what one talks to it with.
inline constexpr std::string_view kControlProgram = "nvidia-cuda-mps-control";
// CUDA contexts that one server takes on a card from Volta on (NVIDIA's MPS documentation).
inline constexpr std::size_t kMaxClients = 48;

// A daemon, as its command lines reach it.
class Control {
 public:
  virtual ~Control() = default;
  // What it answers to one command; kEnvironment when no daemon does.
  [[nodiscard]] virtual Result<std::string> ask(std::string_view command) = 0;
};
// The daemon of a pipe directory, asked through `program`.
[[nodiscard]] std::unique_ptr<Control> open_control(const std::filesystem::path& program,
                                                    const std::filesystem::path& pipe_folder);

// The processes that a daemon's servers work for. kEnvironment when the answer isn't a list.
[[nodiscard]] Result<std::vector<std::int64_t>> clients(Control& control);

// An agent's process.
struct Member {
  std::string agent;
  std::int64_t pid = 0;
};
// kEnvironment, with what was seen, unless every one is the daemon's client. MPS can fail silently:
// a process that doesn't reach the daemon runs on without it.
[[nodiscard]] Status require_clients(Control& control, std::span<const Member> members);
// kEnvironment, with what was seen, when one of them is.
[[nodiscard]] Status require_no_client(Control& control, std::span<const Member> members);

}  // namespace kts::mps
