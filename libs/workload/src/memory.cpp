// SPDX-License-Identifier: Apache-2.0
#include "kts/workload/memory.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>
#include <string_view>

#include "kts/base/units.hpp"

namespace kts::workload {
namespace {

namespace fs = std::filesystem;

// Number after `key` in a file of "key value" lines; with an empty key the file's first number.
std::optional<std::uint64_t> number_in(const fs::path& file, std::string_view key = {}) {
  std::ifstream in(file);
  std::string line;
  while (std::getline(in, line)) {
    std::istringstream words(line);
    std::string word;
    words >> word;
    if (!key.empty() && (word != key || !(words >> word))) continue;
    if (const auto value = parse_int64(word); value && *value >= 0) {
      return static_cast<std::uint64_t>(*value);
    }
    return std::nullopt;  // "max", or nothing
  }
  return std::nullopt;
}

// What a group of version 2 still allows: its page cache that nobody uses can be taken back.
std::optional<std::uint64_t> room_in(const fs::path& group) {
  const auto limit = number_in(group / "memory.max");
  const auto used = number_in(group / "memory.current");
  if (!limit || !used) return std::nullopt;
  const auto reclaimable = number_in(group / "memory.stat", "inactive_file").value_or(0);
  const std::uint64_t held = *used - std::min(*used, reclaimable);
  return *limit - std::min(*limit, held);
}

std::string own_group(const fs::path& root) {
  std::ifstream in(root / "proc/self/cgroup");
  std::string line;
  while (std::getline(in, line)) {
    if (line.starts_with("0::/")) return line.substr(4);
  }
  return {};
}

}  // namespace

std::optional<std::uint64_t> available_memory(const fs::path& root) {
  std::optional<std::uint64_t> least;
  const auto take = [&least](std::optional<std::uint64_t> bytes) {
    if (bytes) least = std::min(least.value_or(*bytes), *bytes);
  };
  if (const auto kib = number_in(root / "proc/meminfo", "MemAvailable:")) {
    take(*kib > std::numeric_limits<std::uint64_t>::max() / 1024
             ? std::numeric_limits<std::uint64_t>::max()
             : *kib * 1024);
  }
  const fs::path top = root / "sys/fs/cgroup";
  take(room_in(top));
  fs::path group = top;
  for (const fs::path& part : fs::path(own_group(root))) {
    group /= part;
    take(room_in(group));
  }
  // Version 1 mounts the controller apart; inside a container its root is the container's group.
  const auto limit = number_in(top / "memory/memory.limit_in_bytes");
  const auto used = number_in(top / "memory/memory.usage_in_bytes");
  if (limit && used) take(*limit - std::min(*limit, *used));
  return least;
}

Status require_memory(std::uint64_t wanted, std::optional<std::uint64_t> available) {
  if (!available || wanted <= *available) return {};
  return environment_lacks(
      fmt::format("the operands need {} ({} bytes) of memory, {} ({} bytes) are free",
                  format_bytes(wanted), wanted, format_bytes(*available), *available),
      "choose a smaller shape, or free memory");
}

}  // namespace kts::workload
