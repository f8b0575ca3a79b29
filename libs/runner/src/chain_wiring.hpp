// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "kts/base/error.hpp"
#include "kts/process/fleet.hpp"
#include "kts/scenario/scenario.hpp"

namespace kts::runner {

// The sockets over which agents hand a chain's requests on: one inbox an agent, whose reading end
// it inherits, and whose writing end those inherit that come before it. To be destroyed once the
// workers have started, so that an inbox ends with its last writer.
class ChainWiring {
 public:
  // For the agents that are alive, by their places in the scenario.
  [[nodiscard]] static Result<std::optional<ChainWiring>> make(
      const scenario::Scenario& scenario, const std::vector<std::size_t>& alive);
  ~ChainWiring();
  ChainWiring(ChainWiring&& other) noexcept = default;
  ChainWiring& operator=(ChainWiring&&) = delete;
  ChainWiring(const ChainWiring&) = delete;
  ChainWiring& operator=(const ChainWiring&) = delete;

  // Tells the worker of agent number `place` its steps; nothing to one that is in no chain.
  void connect(std::size_t place, process::Command& command) const;

 private:
  struct Inbox {
    int reading = -1;
    int writing = -1;
  };
  explicit ChainWiring(const scenario::Scenario& scenario) : scenario_(&scenario) {}

  const scenario::Scenario* scenario_;
  std::map<std::string, Inbox> inboxes_;  // by agent; moved from: none
};

}  // namespace kts::runner
