// SPDX-License-Identifier: Apache-2.0
// What an iteration costs us on a device that does nothing: clock reads, record, ring. The loop is
// the worker's own, with its writer thread behind the ring; the yardstick is a bare loop of two
// clock reads in the same run.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "kts/base/clock.hpp"
#include "kts/stats/quantile.hpp"
#include "kts/worker/loop.hpp"
#include "kts/worker/record_writer.hpp"

namespace {

using namespace kts;

constexpr double kMedianGoalNs = 500;
constexpr double kP99GoalNs = 2000;
// Fits the ring, so that nothing is lost whatever the writer gets of the processor.
constexpr std::size_t kIterations = 60'000;
constexpr int kRounds = 20;

class EmptyEngine final : public workload::Engine {
 public:
  workload::DeviceIdentity device() const override { return {}; }
  std::uint64_t operand_bytes() const override { return 0; }
  Status warm_up(int) override { return {}; }
  Result<workload::Verification> verify() override { return workload::Verification{}; }
  void submit(int, const workload::RequestShape&) noexcept override {}
  void wait(int) noexcept override {}
  workload::DeviceSpan span(int) noexcept override { return {now_, now_}; }
  Result<workload::ClockCalibration> calibrate() override { return workload::ClockCalibration{}; }
  Status status() const override { return {}; }
  Result<bool> results_finite() override { return true; }
  std::int64_t device_cpu_ns() const override { return record::kUnavailable; }

 private:
  std::int64_t now_ = MonotonicTimeline::now().time_since_epoch().count();
};

// Remembers when each iteration was submitted: the distance to the next one is an iteration's whole
// cost in a saturating loop.
class Tap final : public worker::RecordSink {
 public:
  Tap(worker::RecordWriter& writer, std::vector<std::int64_t>& submits)
      : writer_(writer), submits_(submits) {}
  bool push(const record::Iteration& iteration) noexcept override {
    submits_[iteration.seq] = iteration.submit_ns;
    return writer_.push(iteration);
  }
  bool push(const record::Token& token) noexcept override { return writer_.push(token); }
  bool push(const record::Step& step) noexcept override { return writer_.push(step); }

 private:
  worker::RecordWriter& writer_;
  std::vector<std::int64_t>& submits_;
};

struct Cost {
  double p50 = 0;
  double p99 = 0;
};

Cost cost(std::vector<std::int64_t>& gaps) {
  stats::QuantileSelector<std::int64_t> selector(gaps);
  return {*selector.quantile(0.50), *selector.quantile(0.99)};
}

void append_gaps(const std::vector<std::int64_t>& instants, std::vector<std::int64_t>& gaps) {
  for (std::size_t k = 1; k < instants.size(); ++k) gaps.push_back(instants[k] - instants[k - 1]);
}

}  // namespace

int main() {
  prctl(PR_SET_TIMERSLACK, 1UL);
  const int sink = open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (sink < 0) return 4;
  worker::StopFlag stop;
  worker::SystemPacing pacing(stop, false);
  worker::RecordWriter writer(sink, {}, stop);
  EmptyEngine engine;
  std::vector<std::int64_t> instants(kIterations);
  Tap tap(writer, instants);
  worker::Loop loop(engine, pacing, tap, {});
  std::vector<std::int64_t> ours;
  std::vector<std::int64_t> bare;
  ours.reserve(kIterations * kRounds);
  bare.reserve(kIterations * kRounds);
  std::uint64_t lost = 0;

  // Turn by turn, so that both see the same machine.
  for (int round = 0; round < kRounds; ++round) {
    worker::BlockPlan plan;
    plan.iterations = kIterations;
    lost += loop.run(plan).lost;
    append_gaps(instants, ours);
    if (!writer.drain()) return 4;
    for (std::int64_t& instant : instants) {
      instant = MonotonicTimeline::now().time_since_epoch().count();
      static_cast<void>(MonotonicTimeline::now());
    }
    append_gaps(instants, bare);
  }
  ::close(sink);

  const Cost path = cost(ours);
  const Cost clock = cost(bare);
  fmt::print("{:<28}{:>10}{:>10}   n {}, lost {}\n", "ns per iteration", "p50", "p99", ours.size(),
             lost);
  fmt::print("{:<28}{:>10.0f}{:>10.0f}\n", "two clock reads", clock.p50, clock.p99);
  fmt::print("{:<28}{:>10.0f}{:>10.0f}\n", "record path", path.p50, path.p99);
  fmt::print("{:<28}{:>10.2f}{:>10.2f}\n", "ratio", path.p50 / clock.p50, path.p99 / clock.p99);
  const bool met = path.p50 <= kMedianGoalNs && path.p99 <= kP99GoalNs;
  fmt::print("goal: at most {:.0f} and {:.0f} ns: {}\n", kMedianGoalNs, kP99GoalNs,
             met ? "met" : "not met");
}
