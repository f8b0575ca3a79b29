// SPDX-License-Identifier: Apache-2.0
#include "cgroup.hpp"

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "kts/base/files.hpp"
#include "kts/base/units.hpp"

namespace kts::pod {
namespace {

namespace fs = std::filesystem;

// The value of a line "NAME VALUE".
std::optional<std::int64_t> value_of(const fs::path& file, std::string_view name) {
  if (file.empty()) return std::nullopt;
  const auto text = read_file(file);
  if (!text) return std::nullopt;
  std::string_view rest = *text;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    if (!line.starts_with(name) || line.substr(name.size(), 1) != " ") continue;
    const auto value = parse_int64(line.substr(name.size() + 1));
    return value ? std::optional(*value) : std::nullopt;
  }
  return std::nullopt;
}

// Our path below the mount of a controller ("" for version 2), from lines "N:CONTROLLERS:PATH".
std::string own_path(const fs::path& root, std::string_view controller) {
  const auto text = read_file(root / "proc/self/cgroup");
  if (!text) return "/";
  std::string_view rest = *text;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    const auto first = line.find(':');
    const auto second = first == std::string_view::npos ? first : line.find(':', first + 1);
    if (second == std::string_view::npos) continue;
    const std::string list = "," + std::string(line.substr(first + 1, second - first - 1)) + ",";
    if (list.find("," + std::string(controller) + ",") != std::string::npos) {
      return std::string(line.substr(second + 1));
    }
  }
  return "/";
}

// A container sees its own cgroup at the mount's root even where the path is the host's.
fs::path find(const fs::path& root, std::string_view controller,
              std::initializer_list<const char*> mounts, const char* file) {
  const std::string own = own_path(root, controller);
  for (const char* mount : mounts) {
    const fs::path base = root / "sys/fs/cgroup" / mount;
    for (const fs::path& folder : {base / fs::path(own).relative_path(), base}) {
      std::error_code ignored;
      if (fs::exists(folder / file, ignored)) return folder / file;
    }
  }
  return {};
}

}  // namespace

Cgroup::Cgroup(const fs::path& root) {
  cpu_stat_ = find(root, "cpu", {"cpu", "cpu,cpuacct"}, "cpu.stat");
  if (cpu_stat_.empty()) cpu_stat_ = find(root, "", {"", "unified"}, "cpu.stat");
  memory_events_ = find(root, "memory", {"memory"}, "memory.oom_control");
  if (memory_events_.empty()) memory_events_ = find(root, "", {"", "unified"}, "memory.events");
}

std::optional<std::int64_t> Cgroup::throttled_usec() const {
  if (const auto usec = value_of(cpu_stat_, "throttled_usec")) return usec;
  const auto ns = value_of(cpu_stat_, "throttled_time");  // version 1
  return ns ? std::optional(*ns / 1000) : std::nullopt;
}

std::optional<std::int64_t> Cgroup::oom_kills() const {
  return value_of(memory_events_, "oom_kill");
}

}  // namespace kts::pod
