// SPDX-License-Identifier: Apache-2.0
#include "kts/runner/memory.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "kts/base/units.hpp"
#include "kts/runner/local_run.hpp"
#include "kts/workload/cost.hpp"
#include "kts/workload/memory.hpp"

namespace kts::runner {

std::vector<AgentMemory> predict_memory(const scenario::Scenario& scenario) {
  std::vector<AgentMemory> agents;
  for (const scenario::AgentSpec& agent : scenario.agents) {
    agents.push_back({agent.name,
                      workload::memory_of(agent.workload, device_kind(scenario.device)).total(),
                      {},
                      {}});
  }
  return agents;
}

DeviceMemory device_memory(const std::string& device, device::GpuSource* gpus) {
  if (device_kind(device) == "cpu") return {"this machine", workload::available_memory(), {}};
  DeviceMemory memory{"the card", {}, {}};
  if (gpus == nullptr) return memory;
  const auto cards = gpus->gpus();
  if (!cards || cards->empty()) return memory;
  const device::Gpu& first = cards->front();
  const bool alike = std::ranges::all_of(
      *cards, [&](const device::Gpu& gpu) { return gpu.memory_bytes == first.memory_bytes; });
  // A part of a card has a part of its memory.
  const bool parted = std::ranges::any_of(
      *cards, [](const device::Gpu& gpu) { return gpu.mig_enabled.value_or(false); });
  if (!alike || parted) return memory;
  memory.name = first.name;
  memory.total_bytes = first.memory_bytes;
  if (cards->size() == 1) {
    if (const auto sample = gpus->sample(first.index))
      memory.used_bytes = sample->memory_used_bytes;
  }
  return memory;
}

Status check_memory(const std::vector<AgentMemory>& agents, const DeviceMemory& device) {
  if (!device.total_bytes) return {};
  std::uint64_t sum = 0;
  std::string parts;
  for (const AgentMemory& agent : agents) {
    sum += agent.predicted_bytes;
    parts += fmt::format("{}{} {}", parts.empty() ? "" : ", ", agent.agent,
                         format_bytes(agent.predicted_bytes));
  }
  const std::uint64_t used = device.used_bytes.value_or(0);
  if (sum <= *device.total_bytes - std::min(used, *device.total_bytes)) return {};
  return environment_lacks(
      fmt::format("the agents need {} together ({}), {} has {}{}", format_bytes(sum), parts,
                  device.name, format_bytes(*device.total_bytes),
                  used > 0 ? fmt::format(", {} of it in use", format_bytes(used)) : ""),
      "take smaller shapes or fewer agents; what libraries and the driver need comes on top",
      "memory");
}

std::optional<std::uint64_t> resident_bytes(std::int64_t pid, const std::filesystem::path& root) {
  std::ifstream in(root / "proc" / fmt::format("{}", pid) / "statm");
  std::uint64_t size = 0;
  std::uint64_t resident = 0;
  if (!(in >> size >> resident)) return std::nullopt;
  return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace kts::runner
