// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

namespace kts::pod {

// What the kernel counts for this process' cgroup, of version 2 or 1; nullopt where it can't be
// read (the root cgroup has neither).
class Cgroup {
 public:
  explicit Cgroup(const std::filesystem::path& root = "/");

  // Microseconds in which the CPU limit held its processes back.
  [[nodiscard]] std::optional<std::int64_t> throttled_usec() const;
  // How many of its processes the kernel has killed for want of memory.
  [[nodiscard]] std::optional<std::int64_t> oom_kills() const;

 private:
  std::filesystem::path cpu_stat_, memory_events_;
};

}  // namespace kts::pod
