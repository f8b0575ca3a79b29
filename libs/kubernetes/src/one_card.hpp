// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "kts/kubernetes/place.hpp"

namespace kts::kubernetes {

// Where the device plugin put an agent's pod.
struct Seat {
  std::size_t agent = 0;
  std::string card;  // its UUID; empty: not known
};

// What brings all agents onto one card. A plugin that keeps pods apart gives the cards one pod each
// in turn, and a pod is one agent's for good, so agents × cards pods do.
struct Gathering {
  enum class Next { kDone, kUnknown, kMore, kImpossible };
  Next next = Next::kDone;
  std::string card;                // with most agents on it
  std::size_t there = 0;           // how many
  std::size_t cards = 0;           // on which pods are
  std::vector<std::size_t> again;  // kMore: agents that get another pod
};
// A pure function of all pods that are ready.
[[nodiscard]] Gathering gather_on_one_card(const std::vector<Seat>& seats, std::size_t agents,
                                           const Place& place);
// What to say when it can't be done.
[[nodiscard]] Error not_one_card(std::size_t agents, std::size_t cards, const std::string& node);

}  // namespace kts::kubernetes
