// SPDX-License-Identifier: Apache-2.0
// kts-worker probe on a card that doesn't exist: slices of 2.091 ms, switches of 0.152 ms, strict
// round-robin, answered at once. FAKE_PROBER makes it misbehave: "dies", "hangs", "refuses".
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>
#include <thread>

#include "kts/workload/probe.hpp"

namespace kts::workload {
namespace {

constexpr std::int64_t kSlice = 2'091'000;
constexpr std::int64_t kSwitch = 152'000;
// Of %globaltimer, which counts from another instant than the host's clock.
constexpr std::int64_t kDeviceOrigin = 1'764'172'800'000'000'000;

void add_spin(ProbeTrace& trace, const ProbeTask& task) {
  const std::int64_t length = task.number("length_ns");
  const std::int64_t contexts = task.number("contexts", 2);
  const std::int64_t begin =
      kDeviceOrigin + task.number("start_ns") + task.number("context") * (kSlice + kSwitch);
  const std::int64_t gap = (contexts - 1) * kSlice + contexts * kSwitch;
  auto& begins = trace.series["gap_begin_ns"];
  auto& lengths = trace.series["gap_length_ns"];
  auto& cycles = trace.series["gap_cycles"];
  std::int64_t at = begin + kSlice;
  while (contexts > 1 && at + gap < begin + length) {
    begins.push_back(at);
    lengths.push_back(gap);
    cycles.push_back(gap * 2);
    at += gap + kSlice;
  }
  trace.series["span_ns"] = {begin, begin + length};
  trace.values["clock_step_ns"] = 32;
  trace.values["steps"] = static_cast<double>(length) / 20;
  trace.values["cycles"] = static_cast<double>(length) * 2;
  trace.values["shared_ratio"] = task.number("full") != 0 ? 0.99 : 0;
}

// Kernels that each take a bit more than their work; a turn ends wherever it ends in one.
void add_metronome(ProbeTrace& trace, const ProbeTask& task) {
  const std::int64_t contexts = task.number("contexts");
  const std::int64_t kernel = task.number("work_ns") + 3'000;
  const std::int64_t gap = (contexts - 1) * kSlice + contexts * kSwitch;
  for (std::int64_t ran = 0; ran < task.number("length_ns") / contexts; ran += kernel) {
    const bool stopped = ran / kSlice != (ran + kernel) / kSlice;
    trace.series["interval_ns"].push_back(kernel + (stopped ? gap : 0));
  }
}

// A context with little to do: one turn each 12 ms, in the gaps of a context that spins.
void add_pulses(ProbeTrace& trace, const ProbeTask& task) {
  const std::int64_t work = task.number("work_ns");
  for (std::int64_t i = 0; i < task.number("length_ns") / 12'000'000; ++i) {
    const std::int64_t gap_begin =
        kDeviceOrigin + task.number("start_ns") + kSlice + 2 * i * (kSlice + kSwitch) * 2;
    trace.series["begin_ns"].push_back(gap_begin + kSwitch);
    trace.series["end_ns"].push_back(gap_begin + kSwitch + work);
    trace.series["latency_ns"].push_back(work + 1'000'000);
  }
}

void add_many(ProbeTrace& trace, const char* name, std::int64_t value) {
  for (int i = 0; i < 200; ++i) trace.series[name].push_back(value + i % 3);
}

// Address translations reach 32 MiB and 4 GiB.
void add_chase(ProbeTrace& trace) {
  constexpr std::int64_t kMib = 1 << 20;
  trace.values["loads"] = 4096;
  for (int i = 0; i <= 48; ++i) {
    const auto pages = static_cast<std::int64_t>(4 * std::exp2(i / 4.0) + 0.5);
    const std::int64_t bytes = pages * 2 * kMib;
    const std::int64_t ns = bytes <= 32 * kMib ? 210 : bytes <= 4096 * kMib ? 290 : 620;
    trace.series["size_bytes"].push_back(bytes);
    trace.series["took_ns"].push_back(4096 * ns + i % 3 * 1000);
  }
}

ProbeTrace answer(const ProbeTask& task) {
  ProbeTrace trace{task.name};
  if (task.name == "spin") add_spin(trace, task);
  if (task.name == "metronome") add_metronome(trace, task);
  if (task.name == "pulses") add_pulses(trace, task);
  if (task.name == "sweep") add_many(trace, "sweep_ns", 20'000);
  if (task.name == "chase") add_chase(trace);
  if (task.name == "laps") {
    add_many(trace, "first_ns", 8'000);
    add_many(trace, "second_ns", 5'000);
  }
  if (task.name == "train") trace.values["kernels"] = 5;
  if (task.name == "load") {
    trace.values["iterations"] = 100;
    trace.values["elapsed_ns"] = 1e8;
    if (task.word("slot") == "both") {
      trace.values["iterations"] = trace.values["iterations_1"] = 50;
      trace.values["elapsed_ns_1"] = 1e8;
    }
  }
  if (task.name == "launches") {
    add_many(trace, "call_ns", 2500);
    add_many(trace, "begin_ns", 5500);
    add_many(trace, "round_trip_ns", 9000);
    trace.values["begin_bound_ns"] = 900;
  }
  if (task.name == "events") {
    add_many(trace, "pair_ns", 1500);
    add_many(trace, "pair_around_kernel_ns", 4000);
    add_many(trace, "record_ns", 800);
  }
  if (task.name == "stamps") {
    add_many(trace, "host_stamp_of_100_ns", 2500);
    add_many(trace, "device_stamp_of_100_ns", 1900);
  }
  if (task.name == "clock") {
    trace.values = {{"event_bound_ns", 2000},       {"event_error_ns", -300},
                    {"event_drift_ppm", 1.5},       {"globaltimer_offset_ns", 0},
                    {"globaltimer_bound_ns", 1000}, {"globaltimer_ns", 0}};
    trace.values["globaltimer_ns"] = static_cast<double>(task.number("start_ns"));
    trace.values["globaltimer_offset_ns"] = static_cast<double>(task.number("start_ns")) * 1e-6;
  }
  return trace;
}

}  // namespace
}  // namespace kts::workload

int main() {
  using namespace kts::workload;
  const char* behaviour = std::getenv("FAKE_PROBER");
  const std::string_view how = behaviour == nullptr ? "" : behaviour;
  std::cout << kProbeReady << "cuda\tFake GPU\tGPU-0000\n" << std::flush;
  for (std::string line; std::getline(std::cin, line);) {
    if (how == "dies") {
      std::fputs("kts-worker: the fake died\n", stderr);
      return 4;
    }
    if (how == "hangs") std::this_thread::sleep_for(std::chrono::hours(1));
    const auto task = parse_probe_task(line);
    if (!task || how == "refuses") {
      std::cout << kProbeError << "the fake refuses\n" << std::flush;
    } else {
      std::cout << to_text(answer(*task)) << std::flush;
    }
  }
  return 0;
}
