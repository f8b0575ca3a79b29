// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "kts/base/clock.hpp"
#include "kts/record/iteration.hpp"
#include "kts/worker/loop.hpp"
#include "kts/worker/pacing.hpp"
#include "kts/workload/engine.hpp"

namespace kts::worker {

using namespace std::chrono_literals;

inline MonotonicTime at(Nanoseconds since_zero) { return MonotonicTime(since_zero); }

// A device that does one thing after another and takes as long as the test says.
class FakeEngine : public workload::Engine {
 public:
  struct Times {
    Nanoseconds wait{0};  // submission to start on an idle device
    Nanoseconds work{0};
    Nanoseconds notify{0};  // end to the caller's knowing
  };

  FakeEngine(FakeClock& clock, Times planned, int slots = 1)
      : times(planned), clock_(clock), slots_(static_cast<std::size_t>(slots)) {}

  workload::DeviceIdentity device() const override { return {"cpu", "fake device", "cpu:7"}; }
  std::uint64_t operand_bytes() const override { return 1024; }
  Status warm_up(int iterations) override {
    warmed_up = iterations;
    return {};
  }
  Result<workload::Verification> verify() override { return verification; }
  void submit(int slot, const workload::RequestShape& shape) noexcept override {
    Slot& s = slots_[static_cast<std::size_t>(slot)];
    shapes.push_back(shape);
    s.start = std::max(clock_.now() + times.wait, free_);
    s.end = s.start + times.work;
    free_ = s.end;
    submitted.push_back(slot);
  }
  void wait(int slot) noexcept override {
    Slot& s = slots_[static_cast<std::size_t>(slot)];
    clock_.sleep_until(s.end + times.notify);
    ++completed;
    if (output_tokens == 0) return;
    // Evenly spread over the work, the last of them with its end.
    const std::int64_t asked = shapes.back().output_tokens;
    const std::int64_t count = asked > 0 ? asked : output_tokens;
    s.tokens.clear();
    for (std::int64_t i = 1; i <= count; ++i) {
      s.tokens.push_back((s.start + times.work * i / count).time_since_epoch().count());
    }
  }
  workload::DeviceSpan span(int slot) noexcept override {
    if (!has_device_clock) return {record::kUnavailable, record::kUnavailable};
    const Slot& s = slots_[static_cast<std::size_t>(slot)];
    return {(s.start + clock_error).time_since_epoch().count(),
            (s.end + clock_error).time_since_epoch().count()};
  }
  std::span<const std::int64_t> token_times(int slot) const noexcept override {
    return slots_[static_cast<std::size_t>(slot)].tokens;
  }
  Result<workload::ClockCalibration> calibrate() override {
    ++calibrations;
    return calibration;
  }
  Status status() const override {
    if (completed < fails_at) return {};
    return fail(ErrorCode::kInternal, "the device fell off the bus");
  }
  Result<bool> results_finite() override { return finite; }
  std::int64_t device_cpu_ns() const override { return completed * times.work.count(); }

  Times times;
  Nanoseconds clock_error{0};
  bool has_device_clock = true;
  bool finite = true;
  int fails_at = 1'000'000'000;
  workload::Verification verification{1.0, 1.0, 0.0, 1e-6};
  workload::ClockCalibration calibration;
  int warmed_up = 0;
  int calibrations = 0;
  int completed = 0;
  std::vector<int> submitted;
  std::vector<workload::RequestShape> shapes;  // as submitted
  std::int64_t output_tokens = 0;  // more: iterations are LLM requests, of so many where not asked

 private:
  struct Slot {
    MonotonicTime start;
    MonotonicTime end;
    std::vector<std::int64_t> tokens;
  };
  FakeClock& clock_;
  MonotonicTime free_;
  std::vector<Slot> slots_;
};

// Sleeps are over at once; a stop comes when the test says.
class FakePacing final : public Pacing {
 public:
  explicit FakePacing(FakeClock& clock) : clock_(clock) {}
  MonotonicTime now() const noexcept override { return clock_.now(); }
  void wait_until(MonotonicTime instant) noexcept override {
    const bool sleeps = instant > clock_.now();
    clock_.sleep_until(std::min(instant, stop_at));
    if (sleeps && stop_request() == StopRequest::kNone) clock_.advance(oversleep);
  }
  StopRequest stop_request() const noexcept override {
    return clock_.now() >= stop_at ? request : StopRequest::kNone;
  }

  Nanoseconds oversleep{0};
  MonotonicTime stop_at = MonotonicTime::max();
  StopRequest request = StopRequest::kNone;

 private:
  FakeClock& clock_;
};

class VectorSink final : public RecordSink {
 public:
  bool push(const record::Iteration& iteration) noexcept override {
    if (records.size() == capacity) return false;
    records.push_back(iteration);
    return true;
  }
  bool push(const record::Token& token) noexcept override {
    if (tokens.size() == token_capacity) return false;
    tokens.push_back(token);
    return true;
  }
  bool push(const record::Step& step) noexcept override {
    steps.push_back(step);
    return true;
  }
  std::size_t capacity = SIZE_MAX;
  std::size_t token_capacity = SIZE_MAX;
  std::vector<record::Iteration> records;
  std::vector<record::Token> tokens;
  std::vector<record::Step> steps;
};

}  // namespace kts::worker
