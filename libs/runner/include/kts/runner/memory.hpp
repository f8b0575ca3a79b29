// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "kts/base/error.hpp"
#include "kts/device/gpu.hpp"
#include "kts/scenario/scenario.hpp"
#include "kts/workload/cost.hpp"

namespace kts::runner {

// An agent's memory on the device.
struct AgentMemory {
  std::string agent;
  workload::MemoryPlan plan;  // what it will allocate
  // An estimate of what its process needs beside that: in mode streams its share of the one
  // process's.
  std::optional<std::uint64_t> context_bytes;
  std::optional<std::uint64_t> allocated_bytes;  // what its worker says that it has allocated
  std::optional<std::uint64_t> measured_bytes;   // the most that its process was seen to hold
  std::string measured_by;                       // "nvml" | "resident set"
  std::string missing;                           // why it wasn't measured

  [[nodiscard]] std::uint64_t predicted_bytes() const {
    return plan.total() + context_bytes.value_or(0);
  }
};
// `scenario`'s device is decided.
[[nodiscard]] std::vector<AgentMemory> predict_memory(const scenario::Scenario& scenario);
// The array `memory` of environment.json.
[[nodiscard]] std::string to_json(const std::vector<AgentMemory>& agents);

// What the device has for them; empty where it isn't known.
struct DeviceMemory {
  std::string name;  // "NVIDIA H200", "this machine"
  std::optional<std::uint64_t> total_bytes;
  std::optional<std::uint64_t> used_bytes;  // now, by others
  bool is_what_is_free = false;             // total_bytes is, as of a machine's memory
};
// Of a CPU: what this process could still take. Of a card: NVML's, when it is clear which one CUDA
// means: the only one, or any of several of one size, whose use then stays empty.
[[nodiscard]] DeviceMemory device_memory(const std::string& device, device::GpuSource* gpus);

// kEnvironment, with the sum and what there is, when what the agents allocate can't all be there at
// once.
[[nodiscard]] Status check_memory(const std::vector<AgentMemory>& agents,
                                  const DeviceMemory& device);
// What they will hold, of how much.
struct MemoryOutlook {
  std::string text;
  bool tight = false;  // with their contexts, which are estimated, it is more than there is
};
[[nodiscard]] MemoryOutlook memory_outlook(const std::vector<AgentMemory>& agents,
                                           const DeviceMemory& device);

// What each card that nobody uses holds, by UUID, as far as the driver says.
using CardsUse = std::map<std::string, std::uint64_t>;
[[nodiscard]] CardsUse use_of_cards(device::GpuSource& gpus);
// What `card` holds more than `before` anything of the run was on it, `ours` alone being there now:
// their memory and, under MPS, the server's. Empty where the driver doesn't say, or somebody else
// is on the card.
[[nodiscard]] std::optional<std::uint64_t> taken_of_card(device::GpuSource& gpus,
                                                         const device::Gpu& card,
                                                         const CardsUse& before,
                                                         std::span<const std::int64_t> ours);

// The memory that a process holds of this machine. `root` stands for "/".
[[nodiscard]] std::optional<std::uint64_t> resident_bytes(std::int64_t pid,
                                                          const std::filesystem::path& root = "/");

}  // namespace kts::runner
