// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kts/analysis/run_data.hpp"

namespace kts::analysis {

// Splitmix64: the same numbers on every platform, unlike the standard library's distributions.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  // In [0, 1).
  double uniform() {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return static_cast<double>((z ^ (z >> 31)) >> 11) * 0x1p-53;
  }
  double uniform(double low, double high) { return low + (high - low) * uniform(); }
  double exponential(double mean) { return -mean * std::log(1 - uniform()); }

 private:
  std::uint64_t state_;
};

// Lengths in ms; a part that is empty is unavailable.
struct Parts {
  double backlog = 0;
  std::optional<double> gpu_wait = 0;
  std::optional<double> gpu_time = 0;
  double notify = 0;
};

inline std::int64_t to_ns(double ms) { return static_cast<std::int64_t>(ms * 1e6 + 0.5); }

inline void add_iteration(AgentBlock& block, const Parts& parts) {
  const auto ns = [](std::optional<double> ms) { return ms ? to_ns(*ms) : record::kUnavailable; };
  block.latency.append(to_ns(parts.backlog) + to_ns(parts.gpu_wait.value_or(0)) +
                       to_ns(parts.gpu_time.value_or(0)) + to_ns(parts.notify));
  block.backlog.append(to_ns(parts.backlog));
  block.gpu_wait.append(ns(parts.gpu_wait));
  block.gpu_time.append(ns(parts.gpu_time));
  ++block.due_in_window;
  ++block.completed_in_window;
}

// An empty block of an open agent, `length_ms` long.
inline AgentBlock open_block(std::string agent, int number, Phase phase, double length_ms) {
  AgentBlock block;
  block.agent = std::move(agent);
  block.block = number;
  block.phase = phase;
  if (phase == Phase::kSolo) block.neighbours = Neighbours::kParked;
  block.window_start_ns = number * std::int64_t{10'000'000'000};
  block.window_stop_ns = block.window_start_ns + to_ns(length_ms);
  block.meta.emplace().arrival = "poisson";
  block.end.emplace();
  return block;
}

// Poisson arrivals to one server. With a neighbour, whoever finds the server unattended waits for
// the rest of the neighbour's slice, works in slices of its own, and waits out the neighbour's
// between them, whose length varies. Times in ms.
struct Queue {
  double rate_per_ms = 0.2;
  double service_ms = 0.45;
  bool neighbour = false;
  double block_ms = 2000;
};

// Latencies of one block that starts with an empty queue, without its first 5 %.
template <typename Visit>
void simulate(const Queue& queue, Random& random, Visit visit) {
  constexpr double kSlice = 2.09;
  double due = 0;
  double free = 0;
  double left = 0;  // of the own slice
  for (;;) {
    due += random.exponential(1 / queue.rate_per_ms);
    if (due >= queue.block_ms) return;
    const double submit = std::max(due, free);
    double start = submit;
    if (queue.neighbour && due >= free) {
      start += random.uniform(0, 2.4);
      left = kSlice;
    }
    double end = start;
    double work = queue.service_ms * random.uniform(0.7, 1.3);
    if (queue.neighbour) {
      while (work > left) {
        end += left + random.uniform(1.9, 2.9);
        work -= left;
        left = kSlice;
      }
      left -= work;
    }
    end += work;
    free = end;
    if (due >= 0.05 * queue.block_ms) visit(Parts{submit - due, start - submit, end - start, 0});
  }
}

inline AgentBlock simulated_block(const Queue& queue, Random& random, int number, Phase phase) {
  AgentBlock block = open_block("light", number, phase, queue.block_ms);
  simulate(queue, random, [&](const Parts& parts) { add_iteration(block, parts); });
  return block;
}

}  // namespace kts::analysis
