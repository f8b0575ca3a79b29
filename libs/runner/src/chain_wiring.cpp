// SPDX-License-Identifier: Apache-2.0
#include "chain_wiring.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>

namespace kts::runner {
namespace {

// "process=poisson,rate=5", of what workers take as flags.
std::string arrival_words(const workload::ArrivalSpec& arrival) {
  const std::vector<std::string> flags = workload::arguments_of(arrival);
  std::string out = fmt::format("process={}", workload::name(arrival.process));
  for (const std::string_view parameter : workload::arrival_parameters()) {
    const auto flag = std::ranges::find(flags, workload::arrival_flag(parameter));
    if (flag != flags.end()) out += fmt::format(",{}={}", parameter, *(flag + 1));
  }
  return out;
}

}  // namespace

Result<std::optional<ChainWiring>> ChainWiring::make(const scenario::Scenario& scenario,
                                                     const std::vector<std::size_t>& alive) {
  ChainWiring wiring(scenario);
  for (const std::size_t place : alive) {
    const scenario::AgentSpec& agent = scenario.agents[place];
    if (agent.arrival.process != workload::ArrivalProcess::kChain) continue;
    std::array<int, 2> ends{-1, -1};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
      return environment_lacks(with_errno("cannot make a socket", errno), "raise ulimit -n",
                               fmt::format("agent {}", agent.name));
    }
    // Messages go one way.
    shutdown(ends[0], SHUT_WR);
    wiring.inboxes_[agent.name] = {ends[0], ends[1]};
  }
  return std::optional<ChainWiring>(std::move(wiring));
}

ChainWiring::~ChainWiring() {
  for (const auto& [agent, inbox] : inboxes_) {
    ::close(inbox.reading);
    ::close(inbox.writing);
  }
}

void ChainWiring::connect(std::size_t place, process::Command& command) const {
  const std::string& agent = scenario_->agents[place].name;
  const auto own = inboxes_.find(agent);
  if (own == inboxes_.end()) return;
  const auto keep = [&](int fd) {
    if (std::ranges::find(command.descriptors, fd) == command.descriptors.end()) {
      command.descriptors.push_back(fd);
    }
  };
  const auto flag = [&](const char* name, std::string value) {
    command.argv.emplace_back(name);
    command.argv.push_back(std::move(value));
  };
  keep(own->second.reading);
  flag("--chain-inbox", fmt::format("{}", own->second.reading));
  for (std::size_t c = 0; c < scenario_->chains.size(); ++c) {
    const scenario::Chain& chain = scenario_->chains[c];
    const std::vector<scenario::ChainStep> steps = steps_of(chain);
    for (std::size_t step = 0; step < steps.size(); ++step) {
      if (steps[step].agent != agent) continue;
      std::string role = fmt::format("chain={},name={},step={}", c, chain.name, step);
      std::string successors;
      for (std::size_t other = step + 1; other < steps.size(); ++other) {
        if (std::ranges::find(steps[other].after, step) == steps[other].after.end()) continue;
        const int next = inboxes_.at(steps[other].agent).writing;
        keep(next);
        successors += fmt::format("{}{}:{}", successors.empty() ? "" : "+", next, other);
      }
      if (!successors.empty()) role += ",next=" + successors;
      if (steps[step].after.size() > 1) {
        role += fmt::format(",branches={}", steps[step].after.size());
      }
      if (steps[step].after.empty()) {
        role += fmt::format(",seed={},{}", chain.seed, arrival_words(chain.arrival));
      }
      flag("--chain", std::move(role));
    }
  }
}

}  // namespace kts::runner
