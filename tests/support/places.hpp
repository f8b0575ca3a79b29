// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace kts {

// Absolute paths. Functions, since a test that had them as macros would be another one for the
// compiler's cache in each clone.
std::string in_source(std::string_view path);
std::string in_build(std::string_view path);

}  // namespace kts
