// SPDX-License-Identifier: Apache-2.0
#include "kts/device/cpu.hpp"

#include <fmt/format.h>
#include <sched.h>
#include <sys/utsname.h>

#include <algorithm>
#include <string_view>

#include "kts/base/files.hpp"
#include "kts/base/units.hpp"

namespace kts::device {
namespace {

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\n") - first + 1);
}

std::string first_line(const std::filesystem::path& path) {
  const auto text = read_file(path);
  return text ? std::string(trimmed(std::string_view(*text).substr(0, text->find('\n')))) : "";
}

// The value of "key : value" in a /proc file.
std::string field(const std::filesystem::path& path, std::string_view key) {
  const auto text = read_file(path);
  if (!text) return {};
  std::string_view rest = *text;
  while (!rest.empty()) {
    const auto end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    const auto colon = line.find(':');
    if (colon != std::string_view::npos && trimmed(line.substr(0, colon)) == key) {
      return std::string(trimmed(line.substr(colon + 1)));
    }
  }
  return {};
}

std::optional<double> quota_of(std::string_view limit, std::string_view period) {
  const auto us = parse_double(limit);
  const auto per = parse_double(period);
  if (!us || !per || *us <= 0 || *per <= 0) return std::nullopt;
  return *us / *per;
}

// cgroup v2's cpu.max of our group, else v1's; the tightest group above ours may be out of sight.
std::optional<double> cgroup_quota(const std::filesystem::path& root) {
  const auto memberships = read_file(root / "proc/self/cgroup");
  std::string group;
  if (memberships) {
    const auto at = memberships->find("0::/");
    if (at != std::string::npos) {
      group = memberships->substr(at + 4, memberships->find('\n', at) - at - 4);
    }
  }
  const auto base = root / "sys/fs/cgroup";
  for (const auto& folder : {base / group, base}) {
    const std::string line = first_line(folder / "cpu.max");
    const auto space = line.find(' ');
    if (space != std::string::npos) return quota_of(line.substr(0, space), line.substr(space + 1));
  }
  return quota_of(first_line(base / "cpu/cpu.cfs_quota_us"),
                  first_line(base / "cpu/cpu.cfs_period_us"));
}

std::vector<int> own_affinity() {
  std::vector<int> cores;
  // Machines with more cores than cpu_set_t holds need a larger mask; the kernel says EINVAL.
  for (int capacity = 1024; capacity <= 1 << 18; capacity *= 4) {
    cpu_set_t* set = CPU_ALLOC(capacity);
    const std::size_t size = CPU_ALLOC_SIZE(capacity);
    const bool known = sched_getaffinity(0, size, set) == 0;
    for (int core = 0; known && core < capacity; ++core) {
      if (CPU_ISSET_S(static_cast<std::size_t>(core), size, set)) cores.push_back(core);
    }
    CPU_FREE(set);
    if (known) break;
  }
  return cores;
}

}  // namespace

CpuInfo inspect_cpu(const std::filesystem::path& root) { return inspect_cpu(root, own_affinity()); }

CpuInfo inspect_cpu(const std::filesystem::path& root, std::vector<int> affinity) {
  CpuInfo info;
  utsname system{};
  uname(&system);
  info.kernel = fmt::format("{} {}", system.sysname, system.release);
  info.model = field(root / "proc/cpuinfo", "model name");
  if (info.model.empty()) info.model = system.machine;

  std::sort(affinity.begin(), affinity.end());
  if (affinity.empty()) affinity.push_back(0);
  info.allowed_cores = std::move(affinity);
  info.quota_cores = cgroup_quota(root);

  const std::string total = field(root / "proc/meminfo", "MemTotal");
  if (const auto kib = parse_int64(std::string_view(total).substr(0, total.find(' ')));
      kib && *kib > 0) {
    info.memory_bytes = static_cast<std::uint64_t>(*kib) * 1024;
  }
  info.governor =
      first_line(root / fmt::format("sys/devices/system/cpu/cpu{}/cpufreq/scaling_governor",
                                    info.allowed_cores.back()));
  return info;
}

std::string format_cores(const std::vector<int>& cores) {
  std::string out;
  for (std::size_t i = 0; i < cores.size();) {
    std::size_t last = i;
    while (last + 1 < cores.size() && cores[last + 1] == cores[last] + 1) ++last;
    if (!out.empty()) out += ',';
    out += last == i ? fmt::format("{}", cores[i]) : fmt::format("{}-{}", cores[i], cores[last]);
    i = last + 1;
  }
  return out;
}

}  // namespace kts::device
