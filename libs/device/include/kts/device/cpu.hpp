// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace kts::device {

// What this process may use of the machine's processor; what the system doesn't tell is empty.
struct CpuInfo {
  std::string model;
  std::vector<int> allowed_cores;     // ascending, never empty; affinity and cpuset together
  std::optional<double> quota_cores;  // cgroup bandwidth limit, in cores
  std::optional<std::uint64_t> memory_bytes;
  std::string governor;  // of the last allowed core
  std::string kernel;    // "Linux 6.1.0-13-amd64"
};

// `root` stands for "/", so that tests can supply a machine.
[[nodiscard]] CpuInfo inspect_cpu(const std::filesystem::path& root = "/");
[[nodiscard]] CpuInfo inspect_cpu(const std::filesystem::path& root, std::vector<int> affinity);

// "0-2,5", as taskset reads it.
[[nodiscard]] std::string format_cores(const std::vector<int>& cores);

}  // namespace kts::device
