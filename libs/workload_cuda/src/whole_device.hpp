// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mutex>

namespace kts::workload_cuda {

// Agents that are threads of one process share a context and the driver's locks. A call that waits
// for the whole device (memory freed, a kernel loaded at its first launch) keeps such a lock; a
// clock's bracket needs one while it holds its stream back. Each would wait for the other for ever,
// so whoever does either holds this one meanwhile. Never inside a block, except to allocate.
inline std::mutex& whole_device() {
  static std::mutex mutex;
  return mutex;
}

}  // namespace kts::workload_cuda
