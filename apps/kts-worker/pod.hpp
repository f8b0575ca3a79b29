// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kts/base/error.hpp"

namespace kts::worker_app {

// `kts-worker pod [flags] -- WORKLOAD [flags]`: process 1 of an agent's pod.
[[nodiscard]] Status run_as_pod(int argc, const char* const* argv);

}  // namespace kts::worker_app
