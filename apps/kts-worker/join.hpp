// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kts/base/error.hpp"

namespace kts::worker_app {

// `kts-worker join SOCKET WORKLOAD [flags]`: has the process at SOCKET run this agent as one of its
// threads, on our standard streams; the exit status of that agent.
[[nodiscard]] Result<int> join_host(int argc, const char* const* argv);

}  // namespace kts::worker_app
