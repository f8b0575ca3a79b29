// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>

namespace kts::app {

// What the commands' help has in common: one word for what an option takes, examples at the end.
void finish_help(CLI::App& root);

}  // namespace kts::app
