// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kts/base/error.hpp"

namespace kts::worker_app {

// `kts-worker host SOCKET`: the process whose threads the agents of sharing mode `streams` are.
// Says so in one line once it listens, hosts every agent that join_host brings, and leaves when its
// standard input ends.
[[nodiscard]] Status run_as_host(int argc, const char* const* argv);

}  // namespace kts::worker_app
