// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "kts/base/error.hpp"

namespace kts::device {

// What of a card's sharing can be seen from here.
struct SharingFacts {
  std::filesystem::path mps_pipe_folder;  // CUDA_MPS_PIPE_DIRECTORY, or its default
  bool mps_daemon = false;                // one listens there that kts didn't start
  bool mps_is_another_users = false;      // of that daemon
  bool mps_program = false;               // nvidia-cuda-mps-control is on the PATH
  std::optional<bool> mig_enabled;
  std::string compute_mode;  // as Gpu's; empty: not known
};
[[nodiscard]] SharingFacts inspect_sharing(std::filesystem::path mps_pipe_folder, bool mps_program,
                                           std::optional<bool> mig_enabled);
[[nodiscard]] std::filesystem::path mps_pipe_folder();

// kEnvironment, saying what to do, when kts can't have its agents share the device in mode
// `wanted`, that many of them. `device_kind` is "cpu" or "cuda".
[[nodiscard]] Status check_sharing(std::string_view wanted, std::string_view device_kind,
                                   const SharingFacts& facts, std::size_t agents = 1);

}  // namespace kts::device
