// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "kts/scenario/scenario.hpp"
#include "yaml.hpp"

namespace kts::scenario {

// `root`: a scenario's document, of which `agents` were read already. Also refuses an agent that
// waits for a chain and is in none.
[[nodiscard]] Result<std::vector<Chain>> read_chains(const YamlValue& root,
                                                     const Scenario& scenario);
[[nodiscard]] std::string to_yaml(const std::vector<Chain>& chains);

// What agents and chains both have.
[[nodiscard]] Result<workload::ArrivalSpec> read_arrival(const YamlValue& value);
[[nodiscard]] Result<std::uint64_t> read_seed(const YamlValue& value);
[[nodiscard]] Result<Slo> read_slo(const YamlValue& value);
[[nodiscard]] std::string to_yaml(const workload::ArrivalSpec& arrival);
[[nodiscard]] std::string to_yaml(const Slo& slo);

}  // namespace kts::scenario
