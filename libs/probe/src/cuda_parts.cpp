// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "kts/analysis/latency_steps.hpp"
#include "kts/mps/daemon.hpp"
#include "parts.hpp"

namespace kts::probe {
namespace {

using analysis::Blocks;
using analysis::Estimate;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;
using workload::ProbeTask;
using workload::ProbeTrace;

constexpr int kMostContexts = 8;
constexpr int kCallRounds = 10;
constexpr std::int64_t kCallsARound = 200;
constexpr double kSliceLimit = 0.02;
constexpr double kSwitchLimit = 0.10;

ProbeTask spin_task(milliseconds length) {
  ProbeTask task{"spin"};
  return task.set("length_ns", Nanoseconds(length).count());
}

// What parts hand on to later ones.
struct Known {
  double cycles_per_ns = 0;
  Estimate steps_per_ns;
  std::optional<ProbeTrace> first_clock;
};

Status measure_calls(Crew& crew, Draft& draft) {
  Blocks call, begin, round_trip, pair, around, record, host_stamp, device_stamp;
  double bound_ns = 0;
  // The first round finds clocks that rest, and isn't counted.
  for (int round = -1; round < kCallRounds; ++round) {
    ProbeTask launches{"launches"};
    KTS_TRY(const auto launched,
            crew.perform("launches", {{0, launches.set("rounds", kCallsARound)}}, kPatience));
    ProbeTask events{"events"};
    KTS_TRY(const auto timed,
            crew.perform("events", {{0, events.set("rounds", kCallsARound)}}, kPatience));
    KTS_TRY(const auto stamped, crew.perform("stamps", {{0, ProbeTask{"stamps"}}}, kPatience));
    if (round < 0) continue;
    call.push_back(doubles(launched[0].all("call_ns")));
    begin.push_back(doubles(launched[0].all("begin_ns")));
    round_trip.push_back(doubles(launched[0].all("round_trip_ns")));
    bound_ns = std::max(bound_ns, launched[0].value("begin_bound_ns"));
    pair.push_back(doubles(timed[0].all("pair_ns")));
    around.push_back(doubles(timed[0].all("pair_around_kernel_ns")));
    record.push_back(doubles(timed[0].all("record_ns")));
    for (const auto& [name, blocks] : {std::pair("host_stamp_of_100_ns", &host_stamp),
                                       std::pair("device_stamp_of_100_ns", &device_stamp)}) {
      blocks->emplace_back();
      for (const std::int64_t of_100 : stamped[0].all(name)) {
        blocks->back().push_back(static_cast<double>(of_100) / 100);
      }
    }
  }
  draft.add_quantile("kernel_launch_us", "us", call, "host time of the call, median",
                     "an empty kernel, the stream idle");
  draft.add_quantile("kernel_begin_us", "us", begin,
                     "from the call to the kernel's own %globaltimer stamp, median",
                     fmt::format("by mapped clocks, within {:.1f} us", bound_ns * 1e-3), 0.5,
                     bound_ns);
  draft.add_quantile("kernel_round_trip_us", "us", round_trip,
                     "from the call until cudaStreamSynchronize returns, spinning, median");
  draft.add_quantile("event_pair_us", "us", pair,
                     "cudaEventElapsedTime of two events with nothing between them, median");
  draft.add_quantile("event_pair_around_kernel_us", "us", around,
                     "the same around an empty kernel, median");
  draft.add_quantile("event_record_us", "us", record, "host time of cudaEventRecord, median");
  draft.add_quantile("host_stamp_ns", "ns", host_stamp,
                     "reading CLOCK_MONOTONIC, median of 100 reads");
  draft.add_quantile("device_stamp_ns", "ns", device_stamp,
                     "reading %globaltimer in a kernel, median of 10,000 reads");
  return {};
}

Status measure_first_clock(Crew& crew, Draft& draft, Known& known) {
  KTS_TRY(auto traces, crew.perform("clock", {{0, ProbeTask{"clock"}}}, kPatience));
  const ProbeTrace& clock = traces[0];
  draft.add("event_clock_bound_us", "us", {clock.value("event_bound_ns") * 1e-3, {}, {}}, 64,
            "half width of 64 brackets' intersection: events on CLOCK_MONOTONIC");
  draft.add("event_clock_drift_ppm", "ppm", {clock.value("event_drift_ppm"), {}, {}}, 2,
            "host's clock against events', from two calibrations 2 s apart");
  draft.add("globaltimer_bound_us", "us", {clock.value("globaltimer_bound_ns") * 1e-3, {}, {}}, 64,
            "half width of 64 brackets' intersection: %globaltimer on CLOCK_MONOTONIC");
  known.first_clock = std::move(traces[0]);
  return {};
}

// Long after the first: what the mapping that was learned then is worth now.
Status measure_last_clock(Crew& crew, Draft& draft, const Known& known) {
  if (!known.first_clock) return environment_lacks("the first calibration is missing");
  KTS_TRY(const auto traces, crew.perform("clock", {{0, ProbeTask{"clock"}}}, kPatience));
  const ProbeTrace& before = *known.first_clock;
  const ProbeTrace& after = traces[0];
  const double passed = after.value("globaltimer_ns") - before.value("globaltimer_ns");
  if (passed <= 0) return fail(ErrorCode::kInternal, "%globaltimer went back");
  draft.add("event_clock_error_us", "us", {std::abs(after.value("event_error_ns")) * 1e-3, {}, {}},
            1, "calibration now against what the earlier ones predict",
            fmt::format("{:.0f} s later", passed * 1e-9));
  const double ppm =
      1e6 * (after.value("globaltimer_offset_ns") - before.value("globaltimer_offset_ns")) / passed;
  const double half =
      1e6 * (after.value("globaltimer_bound_ns") + before.value("globaltimer_bound_ns")) / passed;
  draft.add("globaltimer_drift_ppm", "ppm", {ppm, ppm - half, ppm + half}, 2,
            "host's clock against %globaltimer, first calibration to last",
            "the interval is the brackets' proven bound");
  return {};
}

Status measure_alone(Crew& crew, Draft& draft, Known& known) {
  KTS_TRY(const TurnRounds rounds, spin_rounds(crew, "alone", {1, milliseconds(200), false, 0}));
  known.cycles_per_ns = rounds.cycles_per_ns;
  known.steps_per_ns = analysis::mean_of(rounds.steps_per_ns);
  draft.add("interrupted_alone_ratio", "ratio", analysis::mean_of(rounds.gap_share),
            analysis::count(rounds.gap_share),
            "gaps above 5 us of a context that spins alone / its time",
            "no other context is there");
  draft.add("globaltimer_step_ns", "ns", {rounds.step_ns, {}, {}},
            analysis::count(rounds.gap_share), "least advance of %globaltimer between two reads");
  return {};
}

Status measure_pair(Crew& crew, Draft& draft, const Known& known, bool full) {
  KTS_CHECK_OK(crew.hire(2));
  const std::string suffix = full ? "_full" : "";
  KTS_TRY(const TurnRounds rounds, spin_rounds(crew, "turns-k2" + suffix,
                                               {2, milliseconds(400), full, known.cycles_per_ns}));
  const std::string note =
      full
          ? fmt::format(
                "{:.0f} % of shared memory and {:.0f} % of registers in use; looks every {:.0f} ns",
                rounds.shared_ratio * 100, rounds.register_ratio * 100,
                1 / analysis::mean_of(rounds.steps_per_ns).value.value_or(0))
          : std::string();
  describe_turns(draft, rounds, suffix, note);
  const auto key = [&](std::string_view stem) { return fmt::format("{}{}_ms", stem, suffix); };
  draft.add_spread(key("turn_gap"), "ms", 2, rounds.gap);
  draft.add_spread(key("time_slice"), "ms", 2, rounds.run);
  if (!full) {
    draft.add_quantile("clock64_in_gap_ratio", "ratio", rounds.cycle_share,
                       "cycles that clock64 went on by in a gap / those of as long a run, median",
                       "0: it stands still while switched out; 1: it goes on");
  }
  return {};
}

// The same by other means: kernels of equal work, timed by events.
Status measure_pair_by_events(Crew& crew, Draft& draft, bool full) {
  constexpr milliseconds kLength{400};
  constexpr microseconds kWork{200};
  KTS_CHECK_OK(crew.hire(2));
  const std::string suffix = full ? "_full" : "";
  Blocks run, gap, kernel;
  for (int round = 0; round < kRounds; ++round) {
    std::vector<Crew::Job> jobs;
    for (const std::size_t member : {std::size_t{0}, std::size_t{1}}) {
      ProbeTask task{"metronome"};
      task.set("length_ns", Nanoseconds(kLength).count())
          .set("work_ns", Nanoseconds(kWork).count())
          .set("contexts", 2);
      if (full) task.set("full", 1);
      jobs.push_back({member, std::move(task)});
    }
    KTS_TRY(const auto traces, crew.perform("events-k2" + suffix, std::move(jobs), kPatience));
    for (Blocks* blocks : {&run, &gap, &kernel}) blocks->emplace_back();
    for (const ProbeTrace& trace : traces) {
      const analysis::EventView view = analysis::event_view_of(trace);
      run.back().insert(run.back().end(), view.run_ns.begin(), view.run_ns.end());
      gap.back().insert(gap.back().end(), view.gap_ns.begin(), view.gap_ns.end());
      kernel.back().push_back(view.kernel_ns);
    }
  }
  const auto key = [&](std::string_view stem) { return fmt::format("{}{}_ms", stem, suffix); };
  const std::string note = fmt::format("kernels of {:.1f} us one after the other in both contexts",
                                       analysis::quantile_of(kernel, 0.5).value.value_or(0) * 1e-3);
  const Estimate slice = analysis::mean_of(run);
  draft.add(key("time_slice_by_events"), "ms", analysis::scaled(slice, 1e-6), analysis::count(run),
            "between interruptions of a row of equal kernels, by CUDA events, mean", note);
  const Estimate stop = analysis::quantile_of(gap, 0.5);
  draft.add(key("context_switch_by_events"), "ms",
            analysis::scaled(analysis::switch_from_gap(stop, slice, 2), 1e-6), analysis::count(gap),
            "(by how much an interrupted kernel is late, median − slice by events) / 2", note);
  draft.agree(key("time_slice"), key("time_slice_by_events"), kSliceLimit);
  draft.agree(key("context_switch"), key("context_switch_by_events"), kSwitchLimit);
  return {};
}

Status measure_many(Crew& crew, Draft& draft, int contexts) {
  KTS_CHECK_OK(crew.hire(static_cast<std::size_t>(contexts)));
  const std::string suffix = fmt::format("_k{}", contexts);
  KTS_TRY(const TurnRounds rounds,
          spin_rounds(crew, "turns-k" + std::to_string(contexts),
                      {contexts, milliseconds(contexts < 5 ? 300 : 400), false, 0}));
  describe_turns(draft, rounds, suffix, "");
  draft.add_spread("turn_gap_ms", "ms", contexts, rounds.gap);
  const Estimate slice = draft.value("time_slice_ms");
  const Estimate change = draft.value("context_switch_ms");
  const Estimate gap = draft.value("turn_gap" + suffix + "_ms");
  if (!slice.value || !change.value || !gap.value) return {};
  const double expected = analysis::gap_from(*slice.value, *change.value, contexts);
  draft.add(
      "round_robin_error" + suffix + "_ratio", "ratio",
      {std::abs(*gap.value / expected - 1), {}, {}}, analysis::count(rounds.gap),
      fmt::format("turn_gap{}_ms against (k − 1) slices and k switches of two contexts", suffix));
  return {};
}

// A context with a short kernel now and then, beside one that never stops.
Status measure_short_turns(Crew& crew, Draft& draft) {
  constexpr milliseconds kLength{600};
  constexpr microseconds kWork{100};
  Blocks taken, in, release, wait, hold;
  const Estimate change = draft.value("context_switch_ms");
  for (int round = 0; round < kRounds; ++round) {
    ProbeTask pulses{"pulses"};
    pulses.set("length_ns", Nanoseconds(kLength).count())
        .set("every_ns", 12'000'000)
        .set("work_ns", Nanoseconds(kWork).count());
    KTS_TRY(
        const auto traces,
        crew.perform("short-turns", {{0, spin_task(kLength)}, {1, std::move(pulses)}}, kPatience));
    const auto busy = analysis::spin_of(traces[0]);
    if (!busy) return fail(ErrorCode::kInternal, "a prober's gaps make no sense");
    for (Blocks* blocks : {&taken, &in, &release, &wait}) blocks->emplace_back();
    for (const analysis::ShortTurn& turn :
         analysis::short_turns(*busy, traces[1].all("begin_ns"), traces[1].all("end_ns"))) {
      taken.back().push_back(turn.taken_ns);
      in.back().push_back(turn.switch_in_ns);
      release.back().push_back(turn.release_ns);
    }
    for (const std::int64_t latency : traces[1].all("latency_ns")) {
      wait.back().push_back(static_cast<double>(latency) -
                            static_cast<double>(Nanoseconds(kWork).count()));
    }
  }
  const std::string note = "a 100 us kernel every 12 ms beside a context that never stops";
  draft.add_quantile("short_turn_cost_ms", "ms", taken,
                     "gap that the short kernel makes in the busy context, median", note);
  draft.add_quantile("short_turn_switch_in_ms", "ms", in,
                     "the busy context's last instruction to the kernel's first, median", note);
  draft.add_quantile("turn_release_ms", "ms", release,
                     "the kernel's last instruction to the busy context's next, median", note);
  draft.add("idle_hold_ms", "ms", analysis::difference(draft.value("turn_release_ms"), change),
            analysis::count(release), "turn_release_ms − context_switch_ms",
            "how long a context that has nothing more to do keeps its turn");
  draft.add_quantile("short_kernel_wait_ms", "ms", wait,
                     "latency of the short kernel less its own 100 us, median", note);
  draft.add_quantile("short_kernel_wait_p99_ms", "ms", wait,
                     "latency of the short kernel less its own 100 us, p99", note, 0.99);
  return {};
}

// An agent that alone is busy: in its own kernel, and launch by launch.
struct Solo {
  Estimate gap_share, steps_per_ns;
  Blocks round_trip;
  std::uint64_t rounds = 0;
};
Result<Solo> measure_solo(Crew& crew, std::string_view name) {
  KTS_TRY(const TurnRounds rounds, spin_rounds(crew, name, {1, milliseconds(100), false, 0}));
  Solo solo{analysis::mean_of(rounds.gap_share),
            analysis::mean_of(rounds.steps_per_ns),
            {},
            analysis::count(rounds.gap_share)};
  for (int round = 0; round < kRounds; ++round) {
    ProbeTask launches{"launches"};
    KTS_TRY(const auto traces,
            crew.perform(fmt::format("launches-{}", name),
                         {{0, launches.set("rounds", kCallsARound)}}, kPatience));
    solo.round_trip.push_back(doubles(traces[0].all("round_trip_ns")));
  }
  return solo;
}

std::vector<std::string> parked_keys(std::string_view mode) {
  return {fmt::format("interrupted_parked{}_ratio", mode),
          fmt::format("parked_speed{}_ratio", mode),
          fmt::format("kernel_round_trip_parked{}_us", mode)};
}

// `mode`: "", "_mps", "_streams", at the end of keys. `parked_are`: of whom seven are there, idle.
void describe_parked(Draft& draft, std::string_view mode, std::string_view parked_are,
                     const Estimate& steps_per_ns_alone, const Solo& solo) {
  const std::vector<std::string> keys = parked_keys(mode);
  const std::string note = fmt::format("{} {} are there, idle", kMostContexts - 1, parked_are);
  draft.add(keys[0], "ratio", solo.gap_share, solo.rounds,
            "gaps above 5 us of a context that alone is busy / its time", note);
  draft.add(keys[1], "ratio", analysis::ratio(solo.steps_per_ns, steps_per_ns_alone), solo.rounds,
            "steps of a spinning kernel against none parked, mean of rounds", note);
  draft.add_quantile(keys[2], "us", solo.round_trip, fmt::format("as kernel_round_trip{}_us", mode),
                     note);
}

void describe_round_trip(Draft& draft, std::string_view mode, const Solo& solo) {
  draft.add_quantile(
      fmt::format("kernel_round_trip{}_us", mode), "us", solo.round_trip, "as kernel_round_trip_us",
      fmt::format("{}, nobody else there", mode == "_mps" ? "under MPS" : "no other stream"));
}

Status measure_parked(Crew& crew, Draft& draft, const Known& known) {
  KTS_CHECK_OK(crew.hire(kMostContexts));
  KTS_TRY(const Solo solo, measure_solo(crew, "parked"));
  describe_parked(draft, "", "other contexts", known.steps_per_ns, solo);
  return {};
}

struct KernelLength {
  const char* name;
  std::int64_t ns;
  bool full;
};
constexpr std::array<KernelLength, 6> kKernelLengths{{{"50us", 50'000, false},
                                                      {"500us", 500'000, false},
                                                      {"1500us", 1'500'000, false},
                                                      {"3ms", 3'000'000, false},
                                                      {"10ms", 10'000'000, false},
                                                      {"10ms_full", 10'000'000, true}}};

std::string beside_key(const KernelLength& kernel) {
  return fmt::format("gap_beside_{}_kernels_ms", kernel.name);
}

// Kernels end: does a turn end with them, in their middle, or wait for their end?
Status measure_preemption(Crew& crew, Draft& draft, const KernelLength& kernel) {
  constexpr milliseconds kLength{200};
  Blocks gaps;
  for (int round = 0; round < kRounds; ++round) {
    ProbeTask train{"train"};
    train.set("length_ns", Nanoseconds(kLength).count()).set("work_ns", kernel.ns);
    if (kernel.full) train.set("full", 1);
    KTS_TRY(const auto traces,
            crew.perform(fmt::format("beside-{}", kernel.name),
                         {{0, spin_task(kLength - milliseconds(20))}, {1, std::move(train)}},
                         kPatience));
    const auto spin = analysis::spin_of(traces[0]);
    if (!spin) return fail(ErrorCode::kInternal, "a prober's gaps make no sense");
    gaps.emplace_back();
    for (const auto& gap : spin->gaps) gaps.back().push_back(static_cast<double>(gap.length_ns));
  }
  draft.add_quantile(
      beside_key(kernel), "ms", gaps,
      "gap in a spinning context beside one that queues kernels of that length, median",
      kernel.full ? "kernels with full shared memory and registers" : "");
  return {};
}

// In the middle of long kernels when those make no longer gaps than an endless one.
void conclude_preemption(Draft& draft) {
  const Estimate endless = draft.value("turn_gap_ms");
  const Estimate long_kernels = draft.value("gap_beside_10ms_kernels_ms");
  draft.add("long_kernel_gap_ratio", "ratio", analysis::ratio(long_kernels, endless), 1,
            "gap_beside_10ms_kernels_ms / turn_gap_ms",
            "1: kernels are stopped in their middle when their slice ends");
}

struct SweepSize {
  const char* name;
  std::int64_t bytes;
};
constexpr std::array<SweepSize, 3> kSweepSizes{{{"1mib", std::int64_t{1} << 20},
                                                {"8mib", std::int64_t{8} << 20},
                                                {"32mib", std::int64_t{32} << 20}}};

Status measure_cache(Crew& crew, Draft& draft, const SweepSize& size) {
  constexpr milliseconds kLength{250};
  std::array<Blocks, 2> sweeps;
  for (int round = 0; round < kRounds; ++round) {
    for (const bool beside : {false, true}) {
      ProbeTask sweep{"sweep"};
      sweep.set("length_ns", Nanoseconds(kLength).count())
          .set("bytes", size.bytes)
          .set("rest_ns", 3'000'000);
      std::vector<Crew::Job> jobs{{0, std::move(sweep)}};
      // A card that rests lowers its clocks and is slower than a cold cache: both take turns with
      // somebody who never stops.
      if (beside) {
        ProbeTask load{"load"};
        jobs.push_back({1, load.set("length_ns", Nanoseconds(kLength).count())});
      } else {
        jobs.push_back({1, spin_task(kLength)});
      }
      KTS_TRY(const auto traces,
              crew.perform(fmt::format("cache-{}", size.name), std::move(jobs), kPatience));
      Blocks& blocks = sweeps[beside ? 1 : 0];
      blocks.push_back(doubles(traces[0].all("sweep_ns")));
      // The first one is cold in any case.
      if (!blocks.back().empty()) blocks.back().erase(blocks.back().begin());
    }
  }
  const std::string stem = fmt::format("sweep_{}", size.name);
  draft.add_quantile(stem + "_us", "us", sweeps[0], "reading that much once, by events, median",
                     "after another context's turns, which touch no memory");
  draft.add_quantile(stem + "_beside_us", "us", sweeps[1],
                     "reading that much once, by events, median",
                     "after another context's turns, which stream 512 MiB");
  draft.add(fmt::format("cache_refill_{}_us", size.name), "us",
            analysis::difference(draft.value(stem + "_beside_us"), draft.value(stem + "_us")),
            analysis::count(sweeps[1]), fmt::format("{0}_beside_us − {0}_us", stem),
            "includes being switched out in mid-sweep, which is rare");
  return {};
}

// Sizes whose latencies are told, in MiB; the steps are found from four sizes an octave.
constexpr std::array<int, 13> kToldMib{16,   32,   64,   128,   256,   512,  1024,
                                       2048, 4096, 8192, 16384, 32768, 65536};
constexpr double kMib = 1 << 20;

std::string chase_key(int mib) { return fmt::format("chase_{}mib_ns", mib); }
std::vector<std::string> chase_keys() {
  std::vector<std::string> keys;
  for (const int mib : kToldMib) keys.push_back(chase_key(mib));
  return keys;
}

// Of the first step, the second and the third.
constexpr std::array<const char*, 3> kTlbNames{"", "_second", "_third"};
std::array<std::string, 3> tlb_keys(std::size_t step) {
  const char* name = kTlbNames[step];
  return {fmt::format("tlb_reach{}_mib", name), fmt::format("tlb_hit{}_ns", name),
          fmt::format("tlb_miss{}_ns", name)};
}

Status measure_reach(Crew& crew, Draft& draft) {
  std::vector<ProbeTrace> chases;
  for (int round = 0; round < kRounds; ++round) {
    KTS_TRY(auto traces, crew.perform("chase", {{0, ProbeTask{"chase"}}}, kPatience));
    chases.push_back(std::move(traces[0]));
  }
  const analysis::LatencyCurve curve = analysis::curve_of(chases);
  if (curve.rounds.empty()) return fail(ErrorCode::kInternal, "a prober's chases make no sense");
  const double largest = curve.size_bytes.back();
  for (const int mib : kToldMib) {
    const auto at = std::ranges::find(curve.size_bytes, mib * kMib);
    if (at == curve.size_bytes.end()) {
      draft.miss(chase_key(mib),
                 fmt::format("three quarters of the free memory are {:.0f} MiB", largest / kMib));
      continue;
    }
    Blocks blocks;
    for (const auto& round : curve.rounds) {
      blocks.push_back({round[static_cast<std::size_t>(at - curve.size_bytes.begin())]});
    }
    draft.add(chase_key(mib), "ns", analysis::mean_of(blocks), analysis::count(blocks),
              "a load that waits for the one before, mean of 4096 in each round",
              "a line of each 2 MiB page in turn, past L1; the lines fit in L2");
  }
  const std::vector<analysis::LatencyStep> steps = analysis::latency_steps(curve);
  for (std::size_t i = 0; i < kTlbNames.size(); ++i) {
    const auto keys = tlb_keys(i);
    if (i >= steps.size()) {
      for (const std::string& key : keys) {
        draft.miss(key, fmt::format("loads get no slower{} in up to {:.0f} MiB, at once and by 8 %",
                                    i == 0 ? "" : " again", largest / kMib));
      }
      continue;
    }
    const analysis::LatencyStep& step = steps[i];
    const std::string to =
        step.settled ? std::string() : fmt::format("still rises at {:.0f} MiB", largest / kMib);
    draft.add(keys[0], "mib", analysis::scaled(step.reach_bytes, 1 / kMib),
              static_cast<std::uint64_t>(curve.rounds.size()),
              "largest memory in which loads are as fast as in less, median of rounds",
              "the interval: all rounds', up to the next size");
    draft.add(keys[1], "ns", analysis::mean_of(step.before_ns), analysis::count(step.before_ns),
              fmt::format("a load in memory up to {}, mean", keys[0]), "");
    draft.add(keys[2], "ns", analysis::mean_of(step.after_ns), analysis::count(step.after_ns),
              fmt::format("a load in memory beyond {}, mean", keys[0]), to);
  }
  return {};
}

// Pages that are walked through after another's turn.
constexpr std::array<int, 2> kLapPages{16, 256};
std::string lap_key(int pages) { return fmt::format("tlb_refill_{}_pages_us", pages); }

// Address translations that a turn of another's cost: a load of each page, and again at once.
Status measure_refill(Crew& crew, Draft& draft, int pages) {
  constexpr milliseconds kLength{60};
  std::array<Blocks, 2> excess;
  for (int round = 0; round < kRounds; ++round) {
    for (const bool beside : {false, true}) {
      ProbeTask laps{"laps"};
      laps.set("length_ns", Nanoseconds(kLength).count())
          .set("to_bytes", std::int64_t{pages} << 21)
          .set("rest_ns", 1'000'000);
      std::vector<Crew::Job> jobs{{0, std::move(laps)}};
      if (beside) jobs.push_back({1, spin_task(kLength)});
      KTS_TRY(const auto traces,
              crew.perform(fmt::format("laps-{}{}", pages, beside ? "-beside" : ""),
                           std::move(jobs), kPatience));
      const auto& first = traces[0].all("first_ns");
      const auto& second = traces[0].all("second_ns");
      auto& block = excess[beside ? 1 : 0].emplace_back();
      for (std::size_t i = 0; i < std::min(first.size(), second.size()); ++i) {
        block.push_back(static_cast<double>(first[i] - second[i]));
      }
    }
  }
  const Estimate warm = analysis::quantile_of(excess[0], 0.5);
  const Estimate cold = analysis::quantile_of(excess[1], 0.5);
  draft.add(lap_key(pages), "us", analysis::scaled(analysis::difference(cold, warm), 1e-3),
            analysis::count(excess[1]),
            "by how much a load of each page takes longer than the same again, median: after "
            "another's turn − with nobody there",
            "the other touches no memory; pages of 2 MiB");
  return {};
}

// An engine of a member's, in one of its slots.
struct Seat {
  std::size_t member = 0;
  int slot = 0;
};

Status prepare_engine(Crew& crew, const Seat& seat, std::string_view kind,
                      const std::vector<std::pair<std::string, std::string>>& parameters) {
  ProbeTask engine{"engine"};
  engine.set("slot", seat.slot);
  engine.arguments["kind"] = kind;
  for (const auto& [name, value] : parameters) engine.arguments[name] = value;
  return crew.perform("engine", {{seat.member, std::move(engine)}}, seconds(60))
      .map([](const auto&) {});
}

struct Company {
  const char* name;
  const char* kind;
  std::vector<std::pair<std::string, std::string>> parameters;
};
const std::vector<Company>& companies() {
  static const std::vector<Company> kCompanies{{"membw", "membw", {{"bytes", "512MiB"}}},
                                               {"l2", "l2", {}},
                                               {"gemm", "gemm", {{"size", "4096"}}}};
  return kCompanies;
}

double rate_of(const ProbeTrace& trace, std::string_view suffix) {
  const double elapsed = trace.value(fmt::format("elapsed_ns{}", suffix));
  return elapsed > 0 ? trace.value(fmt::format("iterations{}", suffix)) / elapsed : 0;
}

// Iterations per ns of one seat, or of two at once.
Result<std::vector<double>> rates_of(Crew& crew, const std::vector<Seat>& seats) {
  std::vector<Crew::Job> jobs;
  const bool one_process = seats.size() == 2 && seats[0].member == seats[1].member;
  for (const Seat& seat : seats) {
    ProbeTask load{"load"};
    load.set("length_ns", 100'000'000).set("slot", seat.slot);
    if (one_process) load.arguments["slot"] = "both";
    jobs.push_back({seat.member, std::move(load)});
    if (one_process) break;
  }
  KTS_TRY(const auto traces, crew.perform("load", std::move(jobs), kPatience));
  if (one_process) return std::vector{rate_of(traces[0], ""), rate_of(traces[0], "_1")};
  std::vector<double> rates;
  for (const ProbeTrace& trace : traces) rates.push_back(rate_of(trace, ""));
  return rates;
}

std::vector<std::string> company_keys(std::string_view mode) {
  std::vector<std::string> keys;
  for (const Company& a : companies()) {
    for (const Company& b : companies()) {
      keys.push_back(fmt::format("{}_{}_beside_{}_ratio", mode, a.name, b.name));
    }
  }
  return keys;
}

// What is left of each kind of work beside each other, when kernels of both run at once.
Status measure_company(Crew& crew, Draft& draft, std::string_view mode, const Seat& left,
                       const Seat& right) {
  const auto& kinds = companies();
  for (std::size_t a = 0; a < kinds.size(); ++a) {
    KTS_CHECK_OK(prepare_engine(crew, left, kinds[a].kind, kinds[a].parameters));
    for (std::size_t b = a; b < kinds.size(); ++b) {
      KTS_CHECK_OK(prepare_engine(crew, right, kinds[b].kind, kinds[b].parameters));
      Blocks first, second;
      for (int round = 0; round < kRounds; ++round) {
        KTS_TRY(const auto alone_a, rates_of(crew, {left}));
        KTS_TRY(const auto alone_b, rates_of(crew, {right}));
        KTS_TRY(const auto both, rates_of(crew, {left, right}));
        if (alone_a[0] <= 0 || alone_b[0] <= 0) {
          return environment_lacks("a workload did nothing in 100 ms");
        }
        first.push_back({both[0] / alone_a[0]});
        second.push_back({both[1] / alone_b[0]});
      }
      const auto add = [&](const Company& who, const Company& beside, const Blocks& blocks) {
        draft.add(fmt::format("{}_{}_beside_{}_ratio", mode, who.name, beside.name), "ratio",
                  analysis::mean_of(blocks), analysis::count(blocks),
                  "iterations per second beside the other / alone, mean of rounds",
                  mode == "mps" ? "under MPS" : "streams of one process");
      };
      add(kinds[a], kinds[b], first);
      if (a != b) add(kinds[b], kinds[a], second);
    }
  }
  return {};
}

// Agents of one process, each a thread with a stream and an engine of its own.
Status measure_parked_streams(Crew& crew, Draft& draft) {
  KTS_CHECK_OK(crew.hire(1));
  KTS_TRY(const Solo alone, measure_solo(crew, "streams-alone"));
  describe_round_trip(draft, "_streams", alone);
  for (int slot = 0; slot < kMostContexts - 1; ++slot) {
    KTS_CHECK_OK(prepare_engine(crew, {0, slot}, "membw", {{"bytes", "64MiB"}}));
  }
  KTS_TRY(const Solo solo, measure_solo(crew, "streams-parked"));
  describe_parked(draft, "_streams", "other streams of the process, with threads of their own,",
                  alone.steps_per_ns, solo);
  return {};
}

Status measure_mps(const ProbeSpec& spec, const process::Command& worker, Draft& draft) {
  if (!spec.mps_program) {
    return environment_lacks(fmt::format("{} is not on the PATH", mps::kControlProgram),
                             "it comes with the driver");
  }
  KTS_TRY(const TemporaryDirectory logs, TemporaryDirectory::create("kts-probe-mps"));
  KTS_TRY(const auto daemon, mps::Daemon::start({*spec.mps_program, logs.path(), "/tmp"}));
  CrewSpec crew_spec{worker, spec.interrupt_fd, spec.traces};
  for (std::string& entry : daemon->client_environment()) {
    crew_spec.command.environment.push_back(std::move(entry));
  }
  const auto measure = [&]() -> Status {
    Crew crew(std::move(crew_spec));
    KTS_CHECK_OK(crew.hire(1));
    KTS_TRY(const Solo alone, measure_solo(crew, "mps-alone"));
    KTS_CHECK_OK(crew.hire(2));
    std::vector<mps::Member> members;
    for (const std::int64_t pid : crew.pids()) members.push_back({"a prober", pid});
    KTS_CHECK_OK(mps::require_clients(daemon->control(), members));
    KTS_TRY(const TurnRounds rounds, spin_rounds(crew, "mps-k2", {2, milliseconds(200), false, 0}));
    draft.add("mps_interrupted_ratio", "ratio", analysis::mean_of(rounds.gap_share),
              analysis::count(rounds.gap_share),
              "gaps above 5 us of two contexts that spin at once / their time",
              "under MPS; 0: neither waits for the other");
    describe_round_trip(draft, "_mps", alone);
    KTS_CHECK_OK(measure_company(crew, draft, "mps", {0, 0}, {1, 0}));
    KTS_CHECK_OK(crew.hire(kMostContexts));
    KTS_TRY(const Solo solo, measure_solo(crew, "mps-parked"));
    describe_parked(draft, "_mps", "other clients of MPS", alone.steps_per_ns, solo);
    crew.dismiss();
    return {};
  };
  KTS_CHECK_OK(measure());
  return daemon->stop();
}

}  // namespace

void probe_cuda(const ProbeSpec& spec, Crew& crew, const process::Command& worker,
                const process::Command& apart, Draft& draft) {
  Known known;
  draft.part("clocks", {"event_clock_bound_us", "event_clock_drift_ppm", "globaltimer_bound_us"},
             [&] { return measure_first_clock(crew, draft, known); });
  draft.part("launches, events, stamps",
             {"kernel_launch_us", "kernel_begin_us", "kernel_round_trip_us", "event_pair_us",
              "event_pair_around_kernel_us", "event_record_us", "host_stamp_ns", "device_stamp_ns"},
             [&] { return measure_calls(crew, draft); });
  draft.part("one context", {"interrupted_alone_ratio", "globaltimer_step_ns"},
             [&] { return measure_alone(crew, draft, known); });
  for (const bool full : {false, true}) {
    const std::string suffix = full ? "_full" : "";
    std::vector<std::string> keys;
    for (const char* stem : {"time_slice", "context_switch", "turn_gap"}) {
      keys.push_back(fmt::format("{}{}_ms", stem, suffix));
    }
    if (!full) keys.emplace_back("clock64_in_gap_ratio");
    draft.part(full ? "two contexts, shared memory and registers full" : "two contexts", keys,
               [&] { return measure_pair(crew, draft, known, full); });
    draft.part(
        full ? "two contexts by events, shared memory and registers full"
             : "two contexts by events",
        {"time_slice_by_events" + suffix + "_ms", "context_switch_by_events" + suffix + "_ms"},
        [&] { return measure_pair_by_events(crew, draft, full); });
  }
  if (!spec.quick) {
    draft.part("short turns beside a busy context",
               {"short_turn_cost_ms", "short_turn_switch_in_ms", "turn_release_ms", "idle_hold_ms",
                "short_kernel_wait_ms", "short_kernel_wait_p99_ms"},
               [&] { return measure_short_turns(crew, draft); });
    for (const KernelLength& kernel : kKernelLengths) {
      draft.part(fmt::format("preemption of kernels of {}", kernel.name), {beside_key(kernel)},
                 [&] { return measure_preemption(crew, draft, kernel); });
    }
    conclude_preemption(draft);
    bool streamer = false;
    for (const SweepSize& size : kSweepSizes) {
      draft.part(
          fmt::format("caches after another's turn, {}", size.name),
          {fmt::format("sweep_{}_us", size.name), fmt::format("sweep_{}_beside_us", size.name),
           fmt::format("cache_refill_{}_us", size.name)},
          [&]() -> Status {
            if (!streamer)
              KTS_CHECK_OK(prepare_engine(crew, {1, 0}, "membw", {{"bytes", "512MiB"}}));
            streamer = true;
            return measure_cache(crew, draft, size);
          });
    }
    for (const int contexts : {3, 4, kMostContexts}) {
      std::vector<std::string> keys;
      for (const char* stem : {"time_slice", "context_switch", "turn_gap"}) {
        keys.push_back(fmt::format("{}_k{}_ms", stem, contexts));
      }
      keys.push_back(fmt::format("turn_order_k{}_ratio", contexts));
      keys.push_back(fmt::format("round_robin_error_k{}_ratio", contexts));
      draft.part(fmt::format("{} contexts", contexts), keys,
                 [&] { return measure_many(crew, draft, contexts); });
    }
    draft.part("parked contexts", parked_keys(""),
               [&] { return measure_parked(crew, draft, known); });
  }
  draft.part("clocks again", {"event_clock_error_us", "globaltimer_drift_ppm"},
             [&] { return measure_last_clock(crew, draft, known); });
  if (spec.quick) return;
  draft.part("two streams of one process", company_keys("streams"), [&] {
    return measure_company(crew, draft, "streams", {0, 0}, {0, 1});
  });
  std::vector<std::string> curve{chase_keys()};
  for (std::size_t i = 0; i < kTlbNames.size(); ++i) {
    for (const std::string& key : tlb_keys(i)) curve.push_back(key);
  }
  draft.part("loads round and round in growing memory", curve,
             [&] { return measure_reach(crew, draft); });
  for (const int pages : kLapPages) {
    draft.part(fmt::format("address translations after another's turn, {} pages", pages),
               {lap_key(pages)}, [&] { return measure_refill(crew, draft, pages); });
  }
  // They would be parked beside those that follow.
  crew.dismiss();
  std::vector<std::string> keys = parked_keys("_streams");
  keys.emplace_back("kernel_round_trip_streams_us");
  draft.part("parked streams", keys, [&]() -> Status {
    Crew one({apart, spec.interrupt_fd, spec.traces});
    Status measured = measure_parked_streams(one, draft);
    one.dismiss();
    return measured;
  });
  keys = company_keys("mps");
  keys.insert(keys.begin(), "mps_interrupted_ratio");
  keys.emplace_back("kernel_round_trip_mps_us");
  for (const std::string& key : parked_keys("_mps")) keys.push_back(key);
  draft.part("two contexts under MPS", keys, [&] { return measure_mps(spec, worker, draft); });
}

}  // namespace kts::probe
