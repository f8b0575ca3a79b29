// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>

namespace kts::app {

// Ends the help of each command with examples of it.
void add_examples(CLI::App& root);

}  // namespace kts::app
