// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <tuple>
#include <vector>

#include "kts/analysis/run_data.hpp"

namespace kts::analysis {

// What is known of one agent's work on the device, ns.
struct WorkRule {
  std::optional<double> service;  // mean gpu_time alone
  double launch = 0;              // mean gpu_wait alone
  // gpu_time of work that wasn't interrupted, and how much more an interruption adds at least;
  // empty: agents run at once, or it isn't known, and nothing counts as switched out.
  std::optional<double> uninterrupted, interruption;
};
struct TurnLengths {
  std::optional<double> slice, switch_over;  // ns
};

// What one iteration waited for, ns; `on` has one entry an agent of the block, in its order.
struct Held {
  struct On {
    double backlog = 0, wait = 0, out = 0;
    double alone = 0;  // of wait: nobody else had the device
  };
  std::vector<On> on;
  double idle = 0;               // of gpu_wait: nobody had the device
  double switches = 0;           // of all `wait`
  double switches_mid_work = 0;  // of all `out`
};

// The timeline of one shared block: at each instant who had the device, between gpu_start and
// gpu_end, and who waited for it. Where several had it, it is divided among them by how likely each
// was the one at work, as one whose work takes d of the time between these instants is for d of it.
class Timeline {
 public:
  // All active agents' samples of the block; those without device instants are left out.
  Timeline(std::vector<const AgentBlock*> agents, std::vector<WorkRule> rules);

  [[nodiscard]] std::size_t agents() const { return blocks_.size(); }
  // Whether sample `i` of the agent has device instants.
  [[nodiscard]] bool knows(std::size_t agent, std::size_t i) const {
    return tracks_[agent].place[i] != kNowhere;
  }

  // From the end of one agent's work to the begin of another's that had waited for it, nobody else
  // at work: the device changed over.
  [[nodiscard]] const std::vector<double>& handovers() const { return handovers_; }
  // gpu_time of iterations during which no other agent had the device.
  [[nodiscard]] std::vector<double> undisturbed(std::size_t agent) const;

  // Requests ahead of each one decide how its backlog is divided, so all are told at once, in the
  // order of the samples. Those that knows() denies are empty.
  [[nodiscard]] std::vector<Held> held(std::size_t agent, const TurnLengths& turns) const;

 private:
  static constexpr std::uint32_t kNowhere = 0xffffffff;
  struct Instants {
    std::int64_t due, submit, start, end, done;
  };
  struct Track {
    std::vector<Instants> iterations;
    std::vector<std::uint32_t> place;  // sample to iteration
    std::vector<double> wait_on;       // iterations x agents
    std::vector<double> alone_on;
    std::vector<double> overlap;  // with others' work, weighted
    std::vector<double> idle;
    std::vector<double> idle_before;  // iterations x agents: idle until that one went to work
  };
  enum class Step : std::uint32_t { kSubmit, kStart, kEnd };
  struct Event {
    std::int64_t at;
    std::uint32_t agent;
    std::uint32_t iteration;
    Step step;
    [[nodiscard]] auto order() const { return std::tuple(at, agent, iteration, step); }
  };
  [[nodiscard]] static std::vector<Event> in_order(const std::vector<Track>& tracks);
  void sweep();

  std::vector<const AgentBlock*> blocks_;
  std::vector<WorkRule> rules_;
  std::vector<Track> tracks_;
  std::vector<double> handovers_;
};

}  // namespace kts::analysis
