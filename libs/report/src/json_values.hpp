// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace kts::report {

using Json = nlohmann::ordered_json;

// What is unavailable is null.
template <typename T>
Json optional(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

inline Json text(const std::string& value) { return value.empty() ? Json(nullptr) : Json(value); }

template <typename Items, typename Render>
Json array(const Items& items, Render render) {
  Json out = Json::array();
  for (const auto& item : items) out.push_back(render(item));
  return out;
}

}  // namespace kts::report
