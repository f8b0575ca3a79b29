// SPDX-License-Identifier: Apache-2.0
#include "chain_options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string_view>

#include "arrival_options.hpp"
#include "kts/base/units.hpp"
#include "options.hpp"

namespace kts::worker_app {
namespace {

constexpr std::int64_t kMostRoles = 4096;
constexpr std::int64_t kMostDescriptors = 1 << 20;

tl::unexpected<Error> refuse_role(std::string_view text, std::string_view what, std::int64_t most) {
  return bad_input(fmt::format("'{}' has no {} from 0 to {}", text, what, most),
                   std::string(kChainMeaning), "--chain");
}

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
    return refuse_role(text_, key, most);
  }
  [[nodiscard]] const std::map<std::string, std::string>& rest() const { return values_; }

 private:
  const std::string& text_;
  std::map<std::string, std::string> values_;
};

// "7:1+9:2".
Result<std::vector<worker::ChainNext>> read_next(std::string_view words) {
  std::vector<worker::ChainNext> next;
  for (std::string_view rest = words; !rest.empty();) {
    const std::string_view one = rest.substr(0, rest.find('+'));
    rest.remove_prefix(std::min(one.size() + 1, rest.size()));
    const std::size_t colon = std::min(one.find(':'), one.size());
    const auto inbox = parse_int64(one.substr(0, colon));
    const auto step = parse_int64(one.substr(std::min(colon + 1, one.size())));
    if (!inbox || *inbox < 0 || *inbox > kMostDescriptors) {
      return refuse_role(words, "inbox", kMostDescriptors);
    }
    if (!step || *step < 0 || *step > kMostRoles) return refuse_role(words, "step", kMostRoles);
    next.push_back({static_cast<int>(*inbox), static_cast<std::uint16_t>(*step)});
  }
  return next;
}

Result<worker::ChainRole> read_role(const std::string& words) {
  RoleText text(words);
  worker::ChainRole role;
  KTS_TRY(const std::int64_t chain, text.take_number("chain", kMostRoles));
  KTS_TRY(const std::int64_t step, text.take_number("step", kMostRoles));
  role.chain = static_cast<std::uint32_t>(chain);
  role.step = static_cast<std::uint16_t>(step);
  role.name = text.take("name");
  KTS_TRY(role.next, read_next(text.take("next")));
  if (text.rest().contains("branches")) {
    KTS_TRY(const std::int64_t branches, text.take_number("branches", kMostRoles));
    role.branches = std::max(1U, static_cast<std::uint32_t>(branches));
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

std::vector<int*> inboxes_of(Options& options) {
  if (options.agent.roles.empty()) return {};
  std::vector<int*> inboxes{&options.chain_inbox};
  for (worker::ChainRole& role : options.agent.roles) {
    for (worker::ChainNext& next : role.next) inboxes.push_back(&next.inbox);
  }
  return inboxes;
}

std::vector<int> distinct(const std::vector<int*>& inboxes) {
  std::vector<int> numbers;
  for (const int* inbox : inboxes) {
    if (std::ranges::find(numbers, *inbox) == numbers.end()) numbers.push_back(*inbox);
  }
  return numbers;
}

}  // namespace kts::worker_app
