// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kts/device/cpu.hpp"
#include "kts/device/gpu.hpp"
#include "kts/runner/memory.hpp"
#include "kts/telemetry/recorder.hpp"

namespace kts::runner {

// All that environment.json says of where and how a run was made.
struct Environment {
  std::string started;  // ISO 8601 UTC
  std::string device_kind, device_name, device_uuid;
  std::string driver, cuda;
  std::optional<device::Gpu> gpu;
  std::string sharing;
  std::string sync;
  device::CpuInfo cpu;
  std::optional<int> shared_core;
  std::vector<int> awake_cores;
  std::vector<AgentMemory> memory;                   // in the scenario's order
  std::optional<std::uint64_t> memory_in_use_bytes;  // by all agents at once
  std::string memory_in_use_by;                      // "processes" | "card"
  std::vector<telemetry::SourceFacts> telemetry;     // once for each part of the run
  std::vector<std::string> warnings;
  std::vector<std::string> inconclusive;  // why the run can't support its conclusion
};
[[nodiscard]] std::string to_json(const Environment& environment);

}  // namespace kts::runner
