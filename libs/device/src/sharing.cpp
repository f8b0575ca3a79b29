// SPDX-License-Identifier: Apache-2.0
#include "kts/device/sharing.hpp"

#include <fmt/format.h>

#include <cstdlib>

namespace kts::device {

std::filesystem::path mps_pipe_folder() {
  const char* folder = std::getenv("CUDA_MPS_PIPE_DIRECTORY");
  return folder != nullptr && *folder != '\0' ? folder : "/tmp/nvidia-mps";
}

SharingFacts inspect_sharing(std::filesystem::path mps_pipe_folder,
                             std::optional<bool> mig_enabled) {
  std::error_code ec;
  const bool daemon = std::filesystem::exists(mps_pipe_folder / "control", ec);
  return {std::move(mps_pipe_folder), daemon, mig_enabled};
}

Status check_sharing(std::string_view wanted, std::string_view device_kind,
                     const SharingFacts& facts) {
  if (device_kind == "cpu") {
    if (wanted == "time-slicing" || wanted == "exclusive") return {};
    return environment_lacks(fmt::format("a CPU can't be shared by '{}'", wanted),
                             "take --sharing time-slicing, or a GPU");
  }
  const bool mig = facts.mig_enabled.value_or(false);
  if (wanted == "mps") {
    if (facts.mps_daemon) return {};
    return environment_lacks(
        fmt::format("no MPS daemon has its control pipe in {}", facts.mps_pipe_folder.string()),
        "start one (nvidia-cuda-mps-control -d), or take --sharing time-slicing");
  }
  if (wanted == "mig") {
    if (mig) return {};
    return environment_lacks("MIG is not enabled on this card",
                             "have an administrator enable it, or take --sharing time-slicing");
  }
  if (wanted == "streams") {
    return environment_lacks("kts run starts one process an agent, so it can't share by streams",
                             "take --sharing time-slicing");
  }
  if (facts.mps_daemon) {
    return environment_lacks(
        fmt::format("an MPS daemon is in force ({}), so processes don't take turns",
                    (facts.mps_pipe_folder / "control").string()),
        "stop it (echo quit | nvidia-cuda-mps-control), or take --sharing mps");
  }
  if (mig) {
    return environment_lacks("MIG is enabled on this card, so '" + std::string(wanted) +
                                 "' would measure an instance of it",
                             "take --sharing mig");
  }
  return {};
}

}  // namespace kts::device
