// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "kts/base/error.hpp"

namespace kts::app {

// What a user mistyped, kBadInput: the nearest option or the words that there are, and else `help`,
// which says where to read on. `command` is the one that was called.
[[nodiscard]] Error usage_error(const CLI::App& command, const CLI::ParseError& error,
                                const std::string& help);

}  // namespace kts::app
