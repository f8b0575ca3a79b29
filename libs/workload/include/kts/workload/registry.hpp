// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "kts/base/clock.hpp"
#include "kts/base/error.hpp"
#include "kts/workload/engine.hpp"

namespace kts::workload {

// One entry of the list of workloads: what help texts, v1 records and the study's defaults say.
struct WorkloadInfo {
  std::string_view kind;     // "fft"
  std::string_view v1_kind;  // "FFT"
  std::string_view meaning;  // one phrase
  Nanoseconds study_think;   // the study's SLEEP_MS
};
[[nodiscard]] std::span<const WorkloadInfo> workloads();
[[nodiscard]] const WorkloadInfo* find_workload(std::string_view kind);
// Of one agent's operands and results, the same on every device; a library's workspace comes on
// top. 0 for an unknown kind.
[[nodiscard]] std::uint64_t operand_bytes(std::string_view kind, std::int64_t size);

inline constexpr std::int64_t kMaxSize = 1 << 20;
inline constexpr int kMaxInFlight = 1024;
inline constexpr int kMaxThreads = 1024;

// What a device argument ("auto", "cpu", "cuda", "cuda:N") comes to on this machine.
struct DeviceChoice {
  std::string kind;  // "cpu" | "cuda"
  int ordinal = 0;
  std::string reason;  // why `auto` came to this; empty when the argument said it
};
// kBadInput for other words. `auto` takes CUDA when its module and a device are there; an explicit
// "cuda" isn't tried yet.
[[nodiscard]] Result<DeviceChoice> choose_device(std::string_view device);

// kBadInput for a spec out of range; kEnvironment when the device, its libraries or the memory for
// the operands are missing. To be driven by the thread that calls this.
[[nodiscard]] Result<std::unique_ptr<Engine>> make_engine(const EngineSpec& spec,
                                                          const DeviceChoice& device);
[[nodiscard]] Result<std::unique_ptr<Engine>> make_engine(const EngineSpec& spec,
                                                          std::string_view device);

}  // namespace kts::workload
