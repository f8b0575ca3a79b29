// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mutex>

namespace kts::workload_cuda {

// Agents that are threads of one process share a context and the driver's locks. A call that waits
// for the whole device (memory freed, a kernel loaded at its first launch) keeps such a lock; a
// clock's bracket needs one while it holds its stream back. Each would wait for the other for ever,
// so whoever does either holds this one meanwhile. Never inside a block, except to allocate; a
// warm-up holds it, and what it warms up may allocate, so a thread may take it again.
inline std::recursive_mutex& whole_device() {
  static std::recursive_mutex mutex;
  return mutex;
}

}  // namespace kts::workload_cuda
