// SPDX-License-Identifier: Apache-2.0
#include "cpu_prober.hpp"

#include <fmt/format.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <limits>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "cpu_engine.hpp"
#include "kts/base/clock.hpp"

namespace kts::workload {
namespace {

constexpr std::size_t kMostGaps = 65'536;
constexpr std::int64_t kMostRounds = 1'000'000;

std::int64_t monotonic_ns() { return MonotonicTimeline::now().time_since_epoch().count(); }

std::int64_t thread_cpu_ns() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return time.tv_sec * 1'000'000'000 + time.tv_nsec;
}

// Switched out although it wanted to run on.
long involuntary_switches() {
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_nivcsw;
}

class Pipe {
 public:
  [[nodiscard]] Status open() {
    if (pipe(ends_.data()) == 0) return {};
    return environment_lacks(with_errno("cannot make a pipe", errno));
  }
  Pipe() = default;
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    for (const int end : ends_) {
      if (end >= 0) close(end);
    }
  }
  [[nodiscard]] bool give() const { return write(ends_[1], "x", 1) == 1; }
  [[nodiscard]] bool take() const {
    char c = 0;
    return read(ends_[0], &c, 1) == 1;
  }

 private:
  std::array<int, 2> ends_{-1, -1};
};

class CpuProber final : public Prober {
 public:
  explicit CpuProber(int core) : core_(core) {}

  DeviceIdentity device() const override { return processor_as_device(core_); }

  Result<ProbeTrace> perform(const ProbeTask& task) override {
    SystemClock clock;
    clock.sleep_until(MonotonicTime(Nanoseconds(task.number("start_ns"))));
    if (task.name == "spin") return spin(task);
    if (task.name == "stamps") return stamps(task);
    if (task.name == "wake") return wake(task);
    if (task.name == "pipe") return pipes(task);
    return bad_input(fmt::format("the CPU device has no task '{}'", task.name));
  }

 private:
  static ProbeTrace spin(const ProbeTask& task) {
    ProbeTrace trace{task.name};
    const std::int64_t length = task.number("length_ns");
    const std::int64_t threshold = task.number("threshold_ns", 5'000);
    auto& begins = trace.series["gap_begin_ns"];
    auto& lengths = trace.series["gap_length_ns"];
    begins.reserve(kMostGaps);
    lengths.reserve(kMostGaps);
    const long switches_before = involuntary_switches();
    const std::int64_t cpu_before = thread_cpu_ns();
    const std::int64_t begin = monotonic_ns();
    std::int64_t last = begin;
    std::int64_t step = std::numeric_limits<std::int64_t>::max();
    std::int64_t steps = 0;
    while (last - begin < length) {
      const std::int64_t now = monotonic_ns();
      const std::int64_t gap = now - last;
      if (gap > threshold && begins.size() < kMostGaps) {
        begins.push_back(last);
        lengths.push_back(gap);
      }
      if (gap > 0) step = std::min(step, gap);
      last = now;
      ++steps;
    }
    trace.series["span_ns"] = {begin, last};
    trace.values["steps"] = static_cast<double>(steps);
    trace.values["clock_step_ns"] = static_cast<double>(step);
    trace.values["involuntary_switches"] =
        static_cast<double>(involuntary_switches() - switches_before);
    trace.values["cpu_ns"] = static_cast<double>(thread_cpu_ns() - cpu_before);
    return trace;
  }

  static ProbeTrace stamps(const ProbeTask& task) {
    ProbeTrace trace{task.name};
    const std::int64_t rounds =
        std::clamp<std::int64_t>(task.number("rounds", 2000), 1, kMostRounds);
    constexpr int kReads = 100;
    auto& pair = trace.series["pair_ns"];
    auto& read = trace.series["host_stamp_of_100_ns"];
    for (std::int64_t i = 0; i < rounds; ++i) {
      const std::int64_t before = monotonic_ns();
      pair.push_back(monotonic_ns() - before);
    }
    for (std::int64_t i = 0; i < rounds / 10; ++i) {
      const std::int64_t before = monotonic_ns();
      std::int64_t after = before;
      for (int j = 0; j < kReads; ++j) after = monotonic_ns();
      read.push_back(after - before);
    }
    timespec resolution{};
    clock_getres(CLOCK_MONOTONIC, &resolution);
    trace.values["host_resolution_ns"] =
        static_cast<double>(resolution.tv_sec) * 1e9 + static_cast<double>(resolution.tv_nsec);
    return trace;
  }

  // How late a sleeper comes to the core.
  static ProbeTrace wake(const ProbeTask& task) {
    ProbeTrace trace{task.name};
    const std::int64_t every = std::max<std::int64_t>(task.number("every_ns", 1'000'000), 10'000);
    const std::int64_t stop = task.number("start_ns") + task.number("length_ns");
    auto& late = trace.series["late_ns"];
    SystemClock clock;
    std::int64_t due = monotonic_ns() + every;
    while (due < stop) {
      clock.sleep_until(MonotonicTime(Nanoseconds(due)));
      const std::int64_t now = monotonic_ns();
      late.push_back(now - due);
      due = std::max(due, now) + every;
    }
    return trace;
  }

  // Two threads of this core that wake each other, and what their calls cost without a switch.
  static Result<ProbeTrace> pipes(const ProbeTask& task) {
    ProbeTrace trace{task.name};
    const std::int64_t rounds =
        std::clamp<std::int64_t>(task.number("rounds", 2000), 1, kMostRounds);
    Pipe there;
    Pipe back;
    KTS_CHECK_OK(there.open());
    KTS_CHECK_OK(back.open());
    auto& both = trace.series["round_trip_ns"];
    auto& calls = trace.series["calls_ns"];
    bool good = true;
    for (std::int64_t i = 0; i < rounds && good; ++i) {
      const std::int64_t before = monotonic_ns();
      good = there.give() && there.take() && back.give() && back.take();
      calls.push_back(monotonic_ns() - before);
    }
    std::thread answerer([&] {
      for (std::int64_t i = 0; i < rounds; ++i) {
        if (!there.take() || !back.give()) return;
      }
    });
    for (std::int64_t i = 0; i < rounds && good; ++i) {
      const std::int64_t before = monotonic_ns();
      good = there.give() && back.take();
      both.push_back(monotonic_ns() - before);
    }
    answerer.join();
    if (!good) return environment_lacks(with_errno("a pipe failed", errno));
    return trace;
  }

  int core_;
};

}  // namespace

Result<std::unique_ptr<Prober>> make_cpu_prober(int core) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<unsigned>(core), &set);
  if (core < 0 || sched_setaffinity(0, sizeof set, &set) != 0) {
    return environment_lacks(with_errno(fmt::format("core {} can't be used", core), errno),
                             "taskset -p $$ shows those that can", "--core");
  }
  prctl(PR_SET_TIMERSLACK, 1UL);
  return std::make_unique<CpuProber>(core);
}

}  // namespace kts::workload
