// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kts/base/error.hpp"

namespace kts::kube {

// A JSON value, read-only, that never surprises: what isn't there, or is of another kind than was
// asked for, reads as empty. Copies share the document. Thread-safe to read.
class Value {
 public:
  Value() = default;  // null
  // kBadInput when `text` isn't one JSON document.
  [[nodiscard]] static Result<Value> parse(std::string_view text);

  [[nodiscard]] bool exists() const;  // there, and not null
  [[nodiscard]] Value operator[](std::string_view key) const;
  [[nodiscard]] std::vector<Value> items() const;
  [[nodiscard]] std::vector<std::pair<std::string, Value>> members() const;
  [[nodiscard]] std::string text() const;
  [[nodiscard]] std::optional<std::int64_t> integer() const;
  [[nodiscard]] std::optional<bool> boolean() const;
  [[nodiscard]] std::string dump() const;

 private:
  explicit Value(std::shared_ptr<const void> node) : node_(std::move(node)) {}
  std::shared_ptr<const void> node_;  // into a document that it keeps alive
};

}  // namespace kts::kube
