// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "kts/analysis/summary.hpp"
#include "kts/workload/probe.hpp"

// From the gaps that spinning contexts saw to how they take turns. Pure functions; times in ns.
namespace kts::analysis {

// One context's spin: when it ran, all on one clock.
struct Spin {
  std::int64_t begin_ns = 0, end_ns = 0;
  double clock_step_ns = 0;
  struct Gap {
    std::int64_t begin_ns = 0, length_ns = 0;
    std::optional<std::int64_t> cycles;  // by which the context's cycle counter went on
  };
  std::vector<Gap> gaps;  // ascending
};
// By the device's own clock, or empty when the trace isn't one of a spin.
[[nodiscard]] std::optional<Spin> spin_of(const workload::ProbeTrace& trace);
// A context's turns as CUDA events between its equal kernels show them: an interval in which it was
// switched out is longer, by the gap. A run is known to one kernel, since it may end anywhere in
// one; the mean of many is exact, and no quantile is. Kernels have to be shorter than a turn.
struct EventView {
  double kernel_ns = 0;  // an interval that nothing interrupts, median
  std::vector<double> run_ns, gap_ns;
};
// Without the first and the last tenth. Empty when the trace isn't one of a metronome.
[[nodiscard]] EventView event_view_of(const workload::ProbeTrace& trace);

// What contexts that spun at the same time show. Only whole runs and gaps count, and only from when
// the last one began to when the first one ended.
struct TurnStudy {
  int contexts = 0;
  double clock_step_ns = 0;
  double window_ns = 0;
  std::vector<double> run_ns;       // of one turn
  std::vector<double> gap_ns;       // between two turns of one context
  std::vector<double> handover_ns;  // from the end of a turn to the begin of the next one's
  std::uint64_t foreign_turns = 0;  // hand-overs that took as long as a turn: others had one
  std::uint64_t short_gaps = 0;     // too short for a turn of others: interruptions
  double short_gap_share = 0;       // of the contexts' time
  double gap_share = 0;             // of the contexts' time, all gaps
  // Of turns after which the context's usual successor ran; empty with fewer than three contexts.
  std::optional<double> same_order_share;
  std::vector<double> cycle_share;  // for each gap, cycles passed in it / those of as long a run
};
// `cycles_per_ns` as the runs show it; 0: unknown.
[[nodiscard]] TurnStudy study_turns(std::span<const Spin> spins, double cycles_per_ns = 0);

// Samples in the blocks (rounds of a measurement) that they came from.
using Blocks = std::vector<std::vector<double>>;
[[nodiscard]] std::uint64_t count(const Blocks& blocks);
// Quantile with its interval as docs/statistics.md has it, blocks being rounds; fewer than five
// rounds: by order statistics. Never narrower than one `step` of the clock to either side.
[[nodiscard]] Estimate quantile_of(const Blocks& blocks, double p, double step = 0);
[[nodiscard]] Estimate mean_of(const Blocks& blocks);
// Evenly spaced quantiles, at most `points`.
[[nodiscard]] std::vector<double> spread_of(const Blocks& blocks, std::size_t points = 101);
// a - b and so on, intervals in quadrature.
[[nodiscard]] Estimate scaled(const Estimate& a, double factor);
[[nodiscard]] Estimate difference(const Estimate& a, const Estimate& b);
[[nodiscard]] Estimate ratio(const Estimate& a, const Estimate& b);

// gap = (contexts - 1) slice + contexts * switch: the switch, or the gap.
[[nodiscard]] Estimate switch_from_gap(const Estimate& gap, const Estimate& slice, int contexts);
[[nodiscard]] double gap_from(double slice, double context_switch, int contexts);

// A turn that a context took for a short kernel while another kept the device busy.
struct ShortTurn {
  double taken_ns = 0;      // by which the busy one was stopped
  double switch_in_ns = 0;  // from its last instruction to the kernel's first
  double release_ns = 0;    // from the kernel's last to its next
};
// Kernels [begin, end) that lie in a gap of `busy`, one in a gap.
[[nodiscard]] std::vector<ShortTurn> short_turns(const Spin& busy,
                                                 std::span<const std::int64_t> kernel_begin_ns,
                                                 std::span<const std::int64_t> kernel_end_ns);

}  // namespace kts::analysis
