// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "kts/base/error.hpp"
#include "kts/device/gpu.hpp"
#include "kts/scenario/scenario.hpp"

namespace kts::runner {

// An agent's memory on the device. Predicted: operands, weights, cache and activations, without a
// library's workspace and a driver's context. Measured: all that its process held once it was
// warmed up; empty when nobody says.
struct AgentMemory {
  std::string agent;
  std::uint64_t predicted_bytes = 0;
  std::optional<std::uint64_t> measured_bytes;
  std::string measured_by;  // "nvml" | "resident set"
};
// `scenario`'s device is decided.
[[nodiscard]] std::vector<AgentMemory> predict_memory(const scenario::Scenario& scenario);

// What the device has for them; empty where it isn't known.
struct DeviceMemory {
  std::string name;  // "NVIDIA H200", "this machine"
  std::optional<std::uint64_t> total_bytes;
  std::optional<std::uint64_t> used_bytes;  // now, by others
};
// Of a CPU: what this process could still take. Of a card: NVML's, when it is clear which one CUDA
// means: the only one, or any of several of one size, whose use then stays empty.
[[nodiscard]] DeviceMemory device_memory(const std::string& device, device::GpuSource* gpus);

// kEnvironment, with the sum and what there is, when the agents can't all be there at once.
[[nodiscard]] Status check_memory(const std::vector<AgentMemory>& agents,
                                  const DeviceMemory& device);

// The memory that a process holds of this machine. `root` stands for "/".
[[nodiscard]] std::optional<std::uint64_t> resident_bytes(std::int64_t pid,
                                                          const std::filesystem::path& root = "/");

}  // namespace kts::runner
