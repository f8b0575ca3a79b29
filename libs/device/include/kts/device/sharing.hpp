// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "kts/base/error.hpp"

namespace kts::device {

// What of a card's sharing can be seen from here.
struct SharingFacts {
  std::filesystem::path mps_pipe_folder;  // CUDA_MPS_PIPE_DIRECTORY, or its default
  bool mps_daemon = false;                // its control pipe is there
  std::optional<bool> mig_enabled;
};
[[nodiscard]] SharingFacts inspect_sharing(std::filesystem::path mps_pipe_folder,
                                           std::optional<bool> mig_enabled);
[[nodiscard]] std::filesystem::path mps_pipe_folder();

// kEnvironment, saying what to do, when processes started now would not share the device in mode
// `wanted`. `device_kind` is "cpu" or "cuda".
[[nodiscard]] Status check_sharing(std::string_view wanted, std::string_view device_kind,
                                   const SharingFacts& facts);

}  // namespace kts::device
