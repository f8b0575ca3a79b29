// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace kts {

std::string_view version();
// Abbreviated commit, with "-dirty" when the tree had changes, or "unknown" outside a checkout.
std::string_view commit();

}  // namespace kts
