// SPDX-License-Identifier: Apache-2.0
#include "kts/kubernetes/timetable.hpp"

#include <algorithm>

namespace kts::kubernetes {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""ns;
using std::chrono_literals::operator""s;

constexpr int kIterationsPerBlock = 30;
// Between the neighbours' last chunk and the next block; the pods stop printing 50 ms before it.
constexpr Nanoseconds kBreath = 120ms;
// A look at the clock takes some ten ms; a block that is late for it costs seconds.
constexpr Nanoseconds kCpuSlot = 60ms;
constexpr Nanoseconds kGpuSlot = 100ms;
constexpr Nanoseconds kLeave = 1s;
// A worker looks at its GPU's clock when it is ready, and knows how it drifts once it has looked
// again 2 s later; a PREPARE before that takes as long as is missing.
constexpr Nanoseconds kGpuSettle = 2200ms;
constexpr Nanoseconds kCpuSettle = 500ms;
// A record's bytes, and those that a log takes in a second, on the safe side.
constexpr double kRecordBytes = 110;
constexpr double kLogBytesPerSecond = 8e6;
constexpr Nanoseconds kLongestPrint = 5s;
constexpr int kMostDoublings = 3;

}  // namespace

Nanoseconds Timetable::length_of(const runner::Block& block) const {
  Nanoseconds length = scenario_.plan.block;
  for (const std::size_t place : block.active) {
    length = std::max(length, kIterationsPerBlock * tempo_.medians[place]);
  }
  return length;
}

Nanoseconds Timetable::gap_before(const runner::Block& block, const runner::Block& previous) const {
  const Nanoseconds settle = on_gpu_ ? kGpuSettle : kCpuSettle;
  double most = 0;
  const double seconds = std::chrono::duration<double>(length_of(previous)).count();
  for (const std::size_t place : previous.active) {
    const scenario::AgentSpec& agent = scenario_.agents[place];
    const double median = std::chrono::duration<double>(tempo_.medians[place]).count();
    const double rate = mean_rate_per_s(agent.arrival).value_or(1.0 / std::max(median, 1e-6));
    most = std::max(most, rate * seconds * kRecordBytes);
  }
  Nanoseconds gap =
      kBreath + std::min<Nanoseconds>(
                    kLongestPrint, std::chrono::duration_cast<Nanoseconds>(
                                       std::chrono::duration<double>(most / kLogBytesPerSecond)));
  const auto before = previous.alive();
  const auto now = block.alive();
  const bool starts = !std::ranges::includes(before, now);
  const bool leaves = !std::ranges::includes(now, before);
  if (leaves) gap = std::max(gap, kLeave);
  if (starts) gap = std::max(gap, tempo_.start_up + tempo_.start_up / 2 + settle);
  return gap;
}

pod::Block Timetable::place(const runner::Block& block, int index, const runner::Block* previous,
                            std::int64_t not_before_ns, int attempt) const {
  const int factor = 1 << std::min(attempt, kMostDoublings);
  const Nanoseconds length = length_of(block);
  bool open = false;
  bool closed = false;
  Nanoseconds in_progress{0};
  for (const std::size_t place : block.active) {
    const scenario::AgentSpec& agent = scenario_.agents[place];
    (is_open(agent.arrival.process) ? open : closed) = true;
    in_progress = std::max(in_progress, agent.in_flight * tempo_.medians[place]);
  }
  const auto agents = static_cast<std::int64_t>(block.active.size());

  pod::Block out;
  out.index = index;
  out.cycle = block.cycle;
  out.phase = name(block.phase);
  out.neighbours = name(block.neighbours);
  for (const std::size_t place : block.active) out.active.push_back(scenario_.agents[place].name);
  out.slot_ns = (factor * (on_gpu_ ? kGpuSlot : kCpuSlot)).count();
  out.calibrate_ns = not_before_ns;
  if (previous != nullptr) {
    out.calibrate_ns += (factor * gap_before(block, *previous)).count();
  } else if (on_gpu_) {
    for (const std::size_t place : block.alive()) {
      out.calibrate_ns = std::max(out.calibrate_ns, tempo_.ready_ns.at(place) + kGpuSettle.count());
    }
  }
  out.start_ns = out.calibrate_ns + agents * out.slot_ns;
  out.stop_ns = out.start_ns + length.count();
  // A queue that takes more than 5 % of the block to work off is an overload however long it is
  // watched; as much again is room for a hiccup.
  const Nanoseconds tail = open && closed ? std::max<Nanoseconds>(length / 20, 50ms) : 0ns;
  const Nanoseconds drain = open ? std::max<Nanoseconds>(length / 10, 250ms) : 0ns;
  out.tail_ns = tail.count();
  out.limit_ns = (std::max(drain - tail, Nanoseconds(0)) + 2 * agents * in_progress).count();
  return out;
}

}  // namespace kts::kubernetes
