// SPDX-License-Identifier: Apache-2.0
#include "kts/device/sharing.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

namespace kts::device {

std::filesystem::path mps_pipe_folder() {
  const char* folder = std::getenv("CUDA_MPS_PIPE_DIRECTORY");
  return folder != nullptr && *folder != '\0' ? folder : "/tmp/nvidia-mps";
}

namespace {

// A socket on which nobody listens any more is what a daemon that was killed left behind.
bool is_listened_to(const std::filesystem::path& control) {
  struct stat found {};
  if (stat(control.c_str(), &found) != 0) return errno == EACCES;
  sockaddr_un address{};
  if (!S_ISSOCK(found.st_mode) || control.string().size() >= sizeof address.sun_path) return true;
  address.sun_family = AF_UNIX;
  control.string().copy(address.sun_path, sizeof address.sun_path - 1);
  const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return true;
  const bool refused =
      connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 &&
      errno == ECONNREFUSED;
  ::close(fd);
  return !refused;
}

bool is_another_users(const std::filesystem::path& control) {
  struct stat found {};
  return stat(control.c_str(), &found) != 0 || found.st_uid != geteuid();
}

}  // namespace

SharingFacts inspect_sharing(std::filesystem::path mps_pipe_folder, bool mps_program,
                             std::optional<bool> mig_enabled) {
  SharingFacts facts;
  const std::filesystem::path control = mps_pipe_folder / "control";
  facts.mps_daemon = is_listened_to(control);
  facts.mps_is_another_users = facts.mps_daemon && is_another_users(control);
  facts.mps_program = mps_program;
  facts.mig_enabled = mig_enabled;
  facts.mps_pipe_folder = std::move(mps_pipe_folder);
  return facts;
}

Status check_sharing(std::string_view wanted, std::string_view device_kind,
                     const SharingFacts& facts, std::size_t agents) {
  if (device_kind == "cpu") {
    if (wanted == "time-slicing" || wanted == "exclusive" || wanted == "streams") return {};
    return environment_lacks(fmt::format("a CPU can't be shared by '{}'", wanted),
                             "take --sharing time-slicing or streams, or a GPU");
  }
  if (facts.compute_mode == "prohibited") {
    return environment_lacks(
        "the card's compute mode is prohibited: no process may use it, and kts never changes that",
        "have an administrator set it: nvidia-smi --compute-mode=DEFAULT");
  }
  if (facts.compute_mode == "exclusive-process" && wanted == "time-slicing" && agents > 1) {
    return environment_lacks(
        fmt::format("the card's compute mode is exclusive-process: one process may use it, not {}, "
                    "and kts never changes that",
                    agents),
        "take --sharing mps or streams, or have an administrator set it: nvidia-smi "
        "--compute-mode=DEFAULT");
  }
  const bool mig = facts.mig_enabled.value_or(false);
  if (wanted == "mig") {
    if (mig) return {};
    return environment_lacks("MIG is not enabled on this card, and kts never changes that",
                             "have an administrator enable it, or take --sharing time-slicing");
  }
  if (mig) {
    return environment_lacks(
        fmt::format("MIG is enabled on this card, so '{}' would measure an instance of it", wanted),
        "take --sharing mig");
  }
  if (wanted != "mps") return {};
  if (!facts.mps_program) {
    return environment_lacks("nvidia-cuda-mps-control is not on the PATH",
                             "it comes with the NVIDIA driver's utilities");
  }
  if (facts.mps_is_another_users) {
    return environment_lacks(
        "an MPS daemon of another user is in force, and a card's clients must be one user's",
        "have that user stop it (echo quit | nvidia-cuda-mps-control), or take --sharing "
        "time-slicing",
        (facts.mps_pipe_folder / "control").string());
  }
  return {};
}

}  // namespace kts::device
