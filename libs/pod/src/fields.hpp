// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "kts/base/error.hpp"

namespace kts::pod {

using nlohmann::json;
using nlohmann::ordered_json;

inline Result<json> parse_object(std::string_view text, std::string_view name) {
  json object = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return bad_input(fmt::format("{} is no JSON object", name));
  return object;
}

inline std::string text_of(const ordered_json& object) {
  return object.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

// Reads fields of one object and keeps the first thing that was wrong. Fields that are read and not
// there are wrong unless maybe() reads them.
class Fields {
 public:
  Fields(const json& object, std::string name) : object_(object), name_(std::move(name)) {}

  template <typename Value>
  Fields& must(const char* field, Value& to) {
    const auto found = object_.find(field);
    if (found == object_.end()) {
      set_problem(fmt::format("{} lacks '{}'", name_, field));
    } else if (!read(*found, to)) {
      set_problem(fmt::format("{} has a '{}' of the wrong type or range", name_, field));
    }
    return *this;
  }
  template <typename Value>
  Fields& maybe(const char* field, Value& to) {
    return object_.contains(field) ? must(field, to) : *this;
  }
  // The names of all fields that were read; what else is there is wrong.
  Fields& nothing_but(std::initializer_list<std::string_view> names) {
    for (const auto& item : object_.items()) {
      if (std::ranges::find(names, item.key()) == names.end()) {
        set_problem(fmt::format("{} has an unknown '{}'", name_, item.key().substr(0, 40)));
      }
    }
    return *this;
  }
  [[nodiscard]] Status status() const { return problem_.empty() ? Status{} : bad_input(problem_); }

 private:
  static bool read(const json& from, std::string& to) {
    if (!from.is_string()) return false;
    to = from.get_ref<const std::string&>();
    return true;
  }
  static bool read(const json& from, bool& to) {
    if (!from.is_boolean()) return false;
    to = from.get<bool>();
    return true;
  }
  template <typename Integer>
  requires(std::is_integral_v<Integer> &&
           !std::is_same_v<Integer, bool>) static bool read(const json& from, Integer& to) {
    if (from.is_number_unsigned()) {
      const auto value = from.get<std::uint64_t>();
      if (!std::in_range<Integer>(value)) return false;
      to = static_cast<Integer>(value);
      return true;
    }
    if (!from.is_number_integer()) return false;
    const auto value = from.get<std::int64_t>();
    if (!std::in_range<Integer>(value)) return false;
    to = static_cast<Integer>(value);
    return true;
  }
  template <typename Value>
  static bool read(const json& from, std::optional<Value>& to) {
    return read(from, to.emplace());
  }
  template <typename Value>
  static bool read(const json& from, std::vector<Value>& to) {
    if (!from.is_array()) return false;
    to.resize(from.size());
    for (std::size_t i = 0; i < from.size(); ++i) {
      if (!read(from[i], to[i])) return false;
    }
    return true;
  }
  void set_problem(std::string problem) {
    if (problem_.empty()) problem_ = std::move(problem);
  }

  const json& object_;
  std::string name_;
  std::string problem_;
};

}  // namespace kts::pod
