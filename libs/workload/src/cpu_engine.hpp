// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "kts/base/error.hpp"
#include "kts/workload/engine.hpp"

namespace kts::workload {

// The processor as a device: a thread of its own, on `device_core` if one is given, does the work
// and stamps when it began and ended; the host thread only hands over and waits.
[[nodiscard]] Result<std::unique_ptr<Engine>> make_cpu_engine(const EngineSpec& spec);

// `core` < 0: none of its own.
[[nodiscard]] DeviceIdentity processor_as_device(int core);

}  // namespace kts::workload
