// SPDX-License-Identifier: Apache-2.0
#include "chain_options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string_view>

#include "arrival_options.hpp"
#include "kts/base/units.hpp"

namespace kts::worker_app {
namespace {

constexpr std::int64_t kMostRoles = 4096;

class RoleText {
 public:
  explicit RoleText(const std::string& text) : text_(text) {
    std::string_view rest = text;
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find(','), rest.size());
      const std::string_view field = rest.substr(0, end);
      const std::size_t equals = std::min(field.find('='), field.size());
      values_[std::string(field.substr(0, equals))] =
          field.substr(std::min(equals + 1, field.size()));
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }
  // Each is taken once; what is left are the arrivals' parameters.
  std::string take(const std::string& key) {
    const auto found = values_.find(key);
    if (found == values_.end()) return {};
    std::string value = std::move(found->second);
    values_.erase(found);
    return value;
  }
  Result<std::int64_t> take_number(const std::string& key, std::int64_t most) {
    const std::string text = take(key);
    const auto value = parse_int64(text);
    if (value && *value >= 0 && *value <= most) return *value;
    return bad_input(fmt::format("'{}' has no {} from 0 to {}", text_, key, most),
                     std::string(kChainMeaning), "--chain");
  }
  [[nodiscard]] const std::map<std::string, std::string>& rest() const { return values_; }

 private:
  const std::string& text_;
  std::map<std::string, std::string> values_;
};

Result<worker::ChainRole> read_role(const std::string& words) {
  RoleText text(words);
  worker::ChainRole role;
  KTS_TRY(const std::int64_t chain, text.take_number("chain", kMostRoles));
  KTS_TRY(const std::int64_t step, text.take_number("step", kMostRoles));
  role.chain = static_cast<std::uint32_t>(chain);
  role.step = static_cast<std::uint32_t>(step);
  role.name = text.take("name");
  if (text.rest().contains("next")) {
    KTS_TRY(const std::int64_t next, text.take_number("next", 1 << 20));
    role.next = static_cast<int>(next);
  }
  ArrivalTexts arrival;
  arrival.process = text.take("process");
  if (arrival.process.empty()) return role;
  KTS_TRY(const std::int64_t seed, text.take_number("seed", INT64_MAX));
  role.seed = static_cast<std::uint64_t>(seed);
  arrival.parameters = text.rest();
  std::optional<workload::Trace> no_trace;
  KTS_TRY(role.arrival, read_arrival(arrival, no_trace));
  return role;
}

}  // namespace

Result<std::vector<worker::ChainRole>> read_chain_roles(const std::vector<std::string>& texts) {
  std::vector<worker::ChainRole> roles;
  for (const std::string& text : texts) {
    KTS_TRY(worker::ChainRole role, read_role(text));
    roles.push_back(std::move(role));
  }
  return roles;
}

std::vector<std::string> names_of(const std::vector<worker::ChainRole>& roles) {
  std::vector<std::string> names;
  for (const worker::ChainRole& role : roles) {
    names.resize(std::max<std::size_t>(names.size(), role.chain + 1));
    names[role.chain] = role.name;
  }
  return names;
}

}  // namespace kts::worker_app
