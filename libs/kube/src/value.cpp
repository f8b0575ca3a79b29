// SPDX-License-Identifier: Apache-2.0
#include "kts/kube/value.hpp"

#include <nlohmann/json.hpp>

namespace kts::kube {
namespace {

using Json = nlohmann::json;

const Json* json(const std::shared_ptr<const void>& node) {
  return static_cast<const Json*>(node.get());
}

}  // namespace

Result<Value> Value::parse(std::string_view text) {
  auto document = std::make_shared<const Json>(Json::parse(text, nullptr, false));
  if (document->is_discarded()) return bad_input("this is not JSON");
  return Value(std::move(document));
}

bool Value::exists() const { return node_ != nullptr && !json(node_)->is_null(); }

Value Value::operator[](std::string_view key) const {
  if (!exists() || !json(node_)->is_object()) return {};
  const auto found = json(node_)->find(key);
  if (found == json(node_)->end()) return {};
  return Value(std::shared_ptr<const void>(node_, &*found));
}

std::vector<Value> Value::items() const {
  std::vector<Value> out;
  if (!exists() || !json(node_)->is_array()) return out;
  out.reserve(json(node_)->size());
  for (const Json& item : *json(node_)) {
    out.push_back(Value(std::shared_ptr<const void>(node_, &item)));
  }
  return out;
}

std::vector<std::pair<std::string, Value>> Value::members() const {
  std::vector<std::pair<std::string, Value>> out;
  if (!exists() || !json(node_)->is_object()) return out;
  for (const auto& [key, item] : json(node_)->items()) {
    out.emplace_back(key, Value(std::shared_ptr<const void>(node_, &item)));
  }
  return out;
}

std::string Value::text() const {
  return exists() && json(node_)->is_string() ? json(node_)->get<std::string>() : std::string();
}

std::optional<std::int64_t> Value::integer() const {
  if (!exists() || !json(node_)->is_number_integer()) return std::nullopt;
  return json(node_)->get<std::int64_t>();
}

std::optional<bool> Value::boolean() const {
  if (!exists() || !json(node_)->is_boolean()) return std::nullopt;
  return json(node_)->get<bool>();
}

std::string Value::dump() const {
  if (node_ == nullptr) return "null";
  return json(node_)->dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace kts::kube
