// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "kts/analysis/summary.hpp"

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

// Parts of documents that tell of a run.
Json estimate_json(const analysis::Estimate& e);
Json device_json(const analysis::DeviceInfo& device);
Json run_json(const analysis::Summary& s);
Json memory_json(const std::optional<analysis::MemoryUse>& use);
Json agent_json(const analysis::AgentInfo& a);

}  // namespace kts::report
