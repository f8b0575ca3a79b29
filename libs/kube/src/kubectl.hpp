// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kts/base/error.hpp"

namespace kts::kube {

// The command that runs kubectl: itself, or the one inside k3s.
[[nodiscard]] Result<std::vector<std::string>> find_kubectl();

// What kubectl's last words mean for the user; `ending` says how it ended.
[[nodiscard]] Error explain_kubectl(std::string_view ending, std::string_view last_words);

}  // namespace kts::kube
