// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "kts/base/error.hpp"
#include "kts/kube/client.hpp"

namespace kts::kubernetes {

struct Permissions {
  bool events = false;  // without them some reasons come later, or not at all
};
// Asks for all that a run needs before it writes anything; kEnvironment names what is missing.
[[nodiscard]] Result<Permissions> check_access(kube::Client& client, const std::string& name_space);

}  // namespace kts::kubernetes
