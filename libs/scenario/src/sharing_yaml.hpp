// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kts/base/error.hpp"
#include "kts/scenario/sharing.hpp"
#include "yaml.hpp"

namespace kts::scenario {

// The keys `mps` and `stream` of an agent whose device is shared by `mode`; elsewhere they are
// refused.
struct Demands {
  std::optional<MpsSpec> mps;
  std::optional<StreamSpec> stream;
};
[[nodiscard]] Result<Demands> read_demands(const YamlValue& agent, std::string_view mode);
// The key `variants`; its agents must be among `agents`.
[[nodiscard]] Result<std::vector<Variant>> read_variants(const YamlValue& value,
                                                         const std::vector<std::string>& agents);

// As flow maps: "{threads: 75, priority: below-normal, memory: 8GiB}".
[[nodiscard]] std::string to_yaml(const MpsSpec& mps);
[[nodiscard]] std::string to_yaml(const StreamSpec& stream);
[[nodiscard]] std::string to_yaml(const std::vector<Variant>& variants);

}  // namespace kts::scenario
