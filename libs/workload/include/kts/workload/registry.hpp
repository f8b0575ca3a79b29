// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "kts/base/error.hpp"
#include "kts/kernel_trace/tracer.hpp"
#include "kts/workload/engine.hpp"
#include "kts/workload/spec.hpp"

namespace kts::workload {

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

// What collects the kernels of engines that are made after it, and outlives them. kEnvironment on a
// CPU, and when the CUDA backend or CUPTI is missing.
[[nodiscard]] Result<std::unique_ptr<kernel_trace::Tracer>> make_tracer(
    const kernel_trace::TracerSpec& spec, const DeviceChoice& device);

// kBadInput for a spec out of range; kEnvironment when the device, its libraries or the memory for
// the operands are missing. To be driven by the thread that calls this.
[[nodiscard]] Result<std::unique_ptr<Engine>> make_engine(const EngineSpec& spec,
                                                          const DeviceChoice& device);
[[nodiscard]] Result<std::unique_ptr<Engine>> make_engine(const EngineSpec& spec,
                                                          std::string_view device);

}  // namespace kts::workload
