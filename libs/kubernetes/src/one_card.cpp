// SPDX-License-Identifier: Apache-2.0
#include "one_card.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

namespace kts::kubernetes {

Gathering gather_on_one_card(const std::vector<Seat>& seats, std::size_t agents,
                             const Place& place) {
  std::map<std::string, std::set<std::size_t>> on_card;
  for (const Seat& seat : seats) on_card[seat.card].insert(seat.agent);
  Gathering out;
  out.cards = on_card.size();
  if (on_card.contains("")) {
    out.next = Gathering::Next::kUnknown;
    return out;
  }
  const auto best =
      std::ranges::max_element(on_card, {}, [](const auto& card) { return card.second.size(); });
  out.card = best->first;
  out.there = best->second.size();
  if (out.there == agents) return out;
  // Where the node can't be seen there may be one more than we know.
  const auto cards =
      static_cast<std::size_t>(place.cards.value_or(static_cast<std::int64_t>(on_card.size()) + 1));
  const auto slots = static_cast<std::size_t>(std::max<std::int64_t>(
      0, place.free_slots.value_or(static_cast<std::int64_t>(agents * cards))));
  const std::size_t most = std::min(agents * cards, slots);
  out.next = seats.size() < most ? Gathering::Next::kMore : Gathering::Next::kImpossible;
  for (std::size_t agent = 0; agent < agents && seats.size() + out.again.size() < most; ++agent) {
    if (!best->second.contains(agent)) out.again.push_back(agent);
  }
  return out;
}

Error not_one_card(std::size_t agents, std::size_t cards, const std::string& node) {
  return {
      ErrorCode::kInconclusive,
      fmt::format("the device plugin puts the {} agents' pods on {} cards of node {}, and too few "
                  "slots are free to bring them onto one",
                  agents, cards, node),
      "set the plugin's flag sharedDevicesAllocationPolicy to packed (v0.20), choose a node of one "
      "card with --node, or run fewer agents",
      {}};
}

}  // namespace kts::kubernetes
