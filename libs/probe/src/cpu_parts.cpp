// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <chrono>
#include <string>
#include <utility>

#include "parts.hpp"

namespace kts::probe {
namespace {

using analysis::Blocks;
using std::chrono::milliseconds;
using workload::ProbeTask;

// Sleeps of a member, by themselves or beside others that spin.
Status measure_wake_up(Crew& crew, Draft& draft, bool beside_busy) {
  constexpr milliseconds kLength{200};
  Blocks late;
  for (int round = 0; round < kRounds; ++round) {
    ProbeTask wake{"wake"};
    wake.set("length_ns", Nanoseconds(kLength).count()).set("every_ns", 2'100'000);
    std::vector<Crew::Job> jobs{{0, std::move(wake)}};
    if (beside_busy) {
      ProbeTask spin{"spin"};
      jobs.push_back({1, spin.set("length_ns", Nanoseconds(kLength).count())});
    }
    KTS_TRY(const auto traces, crew.perform("wake", std::move(jobs), kPatience));
    late.push_back(doubles(traces[0].all("late_ns")));
  }
  const std::string key = beside_busy ? "wake_up_beside_busy" : "wake_up";
  const std::string note = beside_busy ? "another context spins" : "the core is otherwise idle";
  draft.add_quantile(key + "_us", "us", late, "a sleeper's lateness, median", note);
  draft.add_quantile(key + "_p99_us", "us", late, "a sleeper's lateness, p99", note, 0.99);
  return {};
}

Status measure_stamps(Crew& crew, Draft& draft) {
  Blocks pair;
  Blocks read;
  for (int round = 0; round < kRounds; ++round) {
    KTS_TRY(const auto traces, crew.perform("stamps", {{0, ProbeTask{"stamps"}}}, kPatience));
    pair.push_back(doubles(traces[0].all("pair_ns")));
    read.emplace_back();
    for (const std::int64_t of_100 : traces[0].all("host_stamp_of_100_ns")) {
      read.back().push_back(static_cast<double>(of_100) / 100);
    }
  }
  draft.add_quantile("event_pair_us", "us", pair, "two stamps with nothing between them, median",
                     "a CPU's events are stamps of CLOCK_MONOTONIC", 0.5, 1);
  draft.add_quantile("host_stamp_ns", "ns", read, "reading CLOCK_MONOTONIC, median of 100 reads");
  return {};
}

Status measure_alone(Crew& crew, Draft& draft) {
  KTS_TRY(const TurnRounds rounds, spin_rounds(crew, "alone", {1, milliseconds(200), false, 0}));
  draft.add("interrupted_alone_ratio", "ratio", analysis::mean_of(rounds.gap_share),
            analysis::count(rounds.gap_share), "gaps of a context that spins alone / its time",
            "interrupts, and whatever else runs on the core");
  draft.add("clock_step_ns", "ns", {rounds.step_ns, {}, {}}, analysis::count(rounds.gap_share),
            "least advance of CLOCK_MONOTONIC between two reads");
  return {};
}

Status measure_turns(Crew& crew, Draft& draft, int contexts) {
  KTS_CHECK_OK(crew.hire(static_cast<std::size_t>(contexts)));
  KTS_TRY(const TurnRounds rounds, spin_rounds(crew, fmt::format("turns-k{}", contexts),
                                               {contexts, milliseconds(contexts * 200), false, 0}));
  const bool first = contexts == 2;
  describe_turns(draft, rounds, first ? "" : fmt::format("_k{}", contexts), "");
  draft.add_spread("turn_gap_ms", "ms", contexts, rounds.gap);
  if (!first) return {};
  draft.add_spread("time_slice_ms", "ms", contexts, rounds.run);
  draft.add("time_slice_mean_ms", "ms", analysis::scaled(analysis::mean_of(rounds.run), 1e-6),
            analysis::count(rounds.run), "as time_slice_ms, mean");
  draft.add("time_slice_by_counts_ms", "ms",
            analysis::scaled(analysis::mean_of(rounds.slice_by_counts), 1e-6),
            analysis::count(rounds.slice_by_counts),
            "CPU time of a context / the kernel's count of its involuntary switches, mean");
  draft.agree("time_slice_mean_ms", "time_slice_by_counts_ms", 0.10);
  return {};
}

Status measure_pipe(Crew& crew, Draft& draft) {
  Blocks switches;
  for (int round = 0; round < kRounds; ++round) {
    KTS_TRY(const auto traces, crew.perform("pipe", {{0, ProbeTask{"pipe"}}}, kPatience));
    const analysis::Estimate calls =
        analysis::quantile_of({doubles(traces[0].all("calls_ns"))}, 0.5);
    switches.emplace_back();
    for (const std::int64_t both : traces[0].all("round_trip_ns")) {
      switches.back().push_back((static_cast<double>(both) - calls.value.value_or(0)) / 2);
    }
  }
  draft.add_quantile(
      "context_switch_by_pipe_us", "us", switches,
      "two threads that wake each other by pipes, less the calls' own time, median",
      "a switch to a thread that sleeps: with a wake-up, without a timer's interrupt");
  return {};
}

}  // namespace

void probe_cpu(const ProbeSpec& spec, Crew& crew, Draft& draft) {
  draft.part("clocks", {"event_pair_us", "host_stamp_ns"},
             [&] { return measure_stamps(crew, draft); });
  draft.part("one context", {"interrupted_alone_ratio", "clock_step_ns"},
             [&] { return measure_alone(crew, draft); });
  draft.part("two contexts",
             {"time_slice_ms", "context_switch_ms", "turn_gap_ms", "time_slice_mean_ms",
              "time_slice_by_counts_ms"},
             [&] { return measure_turns(crew, draft, 2); });
  draft.miss("kernel_launch_us", "a CPU device launches no kernels");
  if (spec.quick) return;
  draft.part("four contexts", {"time_slice_k4_ms", "context_switch_k4_ms", "turn_gap_k4_ms"},
             [&] { return measure_turns(crew, draft, 4); });
  draft.part("wake-up", {"wake_up_us", "wake_up_p99_us"},
             [&] { return measure_wake_up(crew, draft, false); });
  draft.part("wake-up beside a busy context",
             {"wake_up_beside_busy_us", "wake_up_beside_busy_p99_us"},
             [&] { return measure_wake_up(crew, draft, true); });
  draft.part("switches by pipes", {"context_switch_by_pipe_us"},
             [&] { return measure_pipe(crew, draft); });
}

}  // namespace kts::probe
