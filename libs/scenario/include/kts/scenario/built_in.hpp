// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

#include "kts/scenario/scenario.hpp"

namespace kts::scenario {

// A scenario that travels inside the binary, sized for one kind of device.
struct BuiltIn {
  std::string_view name;
  std::string_view device_kind;  // "cpu" | "cuda"
  std::string_view yaml;
};
[[nodiscard]] std::span<const BuiltIn> built_ins();
[[nodiscard]] bool is_built_in(std::string_view name);
// kBadInput with the nearest known name.
[[nodiscard]] Result<Scenario> load_built_in(std::string_view name, std::string_view device_kind);

// The same scenario in about a quarter of the time: 10 cycles of 0.4 s blocks (one of 4 s each in
// the study's order).
[[nodiscard]] Scenario quickened(Scenario scenario);

}  // namespace kts::scenario
