// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "kts/device/gpu.hpp"

namespace kts::runner {

// Of the processes that the driver lists on a card, those that are not `ours`; the MPS server works
// for us. Where the driver's numbers are another PID namespace's, ours are not in the list: then
// only a surplus can be known, as one process without a number.
[[nodiscard]] std::vector<device::GpuProcess> foreign_processes(
    const std::vector<device::GpuProcess>& on_card, std::span<const std::int64_t> ours);

// "python3 (4242)".
[[nodiscard]] std::string describe(const device::GpuProcess& process);

}  // namespace kts::runner
