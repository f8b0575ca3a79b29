// SPDX-License-Identifier: Apache-2.0
#include "kts/runner/foreign.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace kts::runner {

std::vector<device::GpuProcess> foreign_processes(const std::vector<device::GpuProcess>& on_card,
                                                  std::span<const std::int64_t> ours) {
  std::vector<device::GpuProcess> others;
  std::size_t found = 0;
  for (const device::GpuProcess& process : on_card) {
    if (process.name.starts_with("nvidia-cuda-mps")) continue;
    if (std::ranges::find(ours, process.pid) != ours.end()) {
      ++found;
    } else {
      others.push_back(process);
    }
  }
  if (found > 0 || ours.empty()) return others;
  if (others.size() <= ours.size()) return {};
  device::GpuProcess surplus;
  surplus.name = fmt::format("{} more than kts started", others.size() - ours.size());
  return {surplus};
}

std::string describe(const device::GpuProcess& process) {
  if (process.pid == 0) return process.name;
  return fmt::format("{} ({})", process.name.empty() ? "process" : process.name, process.pid);
}

}  // namespace kts::runner
