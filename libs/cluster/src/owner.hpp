// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "kts/cluster/status.hpp"

namespace kts::cluster {

// Tools that say on an object that it is theirs.
[[nodiscard]] std::vector<Owner> owners_of(const kube::Value& object, const std::string& kind);

}  // namespace kts::cluster
