// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kts/base/error.hpp"

namespace kts::worker_app {

// `kts-worker probe [--device D] [--core N]`: one context of kts probe. Says what device it has,
// then does the tasks that come on standard input, one a line, and leaves when that ends.
[[nodiscard]] Status run_as_prober(int argc, const char* const* argv);

}  // namespace kts::worker_app
