// SPDX-License-Identifier: Apache-2.0
#include "kts/worker/loop.hpp"

#include <algorithm>
#include <utility>

#include "nanoseconds.hpp"

namespace kts::worker {
namespace {

bool outside(const record::Iteration& i, std::int64_t bound_ns) {
  if (i.gpu_start_ns == record::kUnavailable) return false;
  return i.gpu_start_ns < i.submit_ns - bound_ns || i.gpu_end_ns > i.done_ns + bound_ns;
}

}  // namespace

Loop::Loop(workload::Engine& engine, Pacing& pacing, RecordSink& sink, const LoopSpec& spec)
    : engine_(engine),
      pacing_(pacing),
      sink_(sink),
      spec_(spec),
      requests_(static_cast<std::size_t>(spec.in_flight)) {}

BlockOutcome Loop::run(const BlockPlan& plan) {
  plan_ = plan;
  outcome_ = {};
  lateness_.clear();
  pacing_.wait_until(plan.start);
  outcome_.generation_start = std::max(plan.start, pacing_.now());
  if (is_open(spec_.arrival.process)) {
    run_open();
  } else {
    run_closed();
  }
  outcome_.generation_stop =
      std::max(outcome_.generation_start, std::min(plan_.stop, pacing_.now()));
  return std::exchange(outcome_, {});
}

void Loop::run_open() {
  workload::ArrivalSchedule schedule(spec_.arrival, workload::block_seed(spec_.seed, plan_.block));
  Request& request = requests_.front();
  MonotonicTime due = plan_.start;
  MonotonicTime free = plan_.start;
  while (outcome_.iterations < plan_.iterations) {
    due += schedule.next_gap();
    pacing_.wait_until(std::min(due, plan_.stop));
    const bool gives_up = pacing_.stop_request() == StopRequest::kGiveUp;
    if (!generates(due)) return;
    if (gives_up) {
      for (; due < plan_.stop; due += schedule.next_gap()) ++outcome_.abandoned;
      return;
    }
    request.due = due;
    request.submit = pacing_.now();
    engine_.submit(0, {});
    lateness_.add(ns(request.submit) - ns(std::max(due, free)));
    if (!complete(1)) return;
    free = request.done;
  }
}

void Loop::run_closed() {
  const bool thinks = spec_.arrival.process == workload::ArrivalProcess::kClosed;
  const Nanoseconds think = thinks ? spec_.arrival.think : Nanoseconds(0);
  MonotonicTime planned = plan_.start;
  while (outcome_.iterations < plan_.iterations) {
    pacing_.wait_until(std::min(planned, plan_.stop));
    if (!generates(pacing_.now())) return;
    const auto count = static_cast<std::size_t>(
        std::min<std::uint64_t>(requests_.size(), plan_.iterations - outcome_.iterations));
    for (std::size_t slot = 0; slot < count; ++slot) {
      requests_[slot].submit = pacing_.now();
      requests_[slot].due = requests_[slot].submit;
      engine_.submit(static_cast<int>(slot), {});
    }
    lateness_.add(ns(requests_[0].submit) - ns(planned));
    if (!complete(count)) return;
    planned = requests_[count - 1].done + think;
  }
}

bool Loop::generates(MonotonicTime due) {
  switch (pacing_.stop_request()) {
    case StopRequest::kNone:
      break;
    case StopRequest::kStop:
    case StopRequest::kGiveUp:
      plan_.stop = std::min(plan_.stop, pacing_.now());
      break;
    case StopRequest::kInterrupt:
      outcome_.interrupted = true;
      return false;
  }
  return due < plan_.stop;
}

bool Loop::complete(std::size_t count) {
  for (std::size_t slot = 0; slot < count; ++slot) {
    engine_.wait(static_cast<int>(slot));
    requests_[slot].done = pacing_.now();
  }
  if (auto status = engine_.status(); !status) {
    outcome_.device = std::move(status);
    return false;
  }
  if (outcome_.iterations == 0) outcome_.first_due_ns = ns(requests_[0].due);
  outcome_.last_done_ns = ns(requests_[count - 1].done);
  for (std::size_t slot = 0; slot < count; ++slot) {
    const Request& request = requests_[slot];
    const workload::DeviceSpan span = engine_.span(static_cast<int>(slot));
    const record::Iteration iteration{outcome_.iterations++, ns(request.due), ns(request.submit),
                                      span.start_ns,         span.end_ns,     ns(request.done)};
    if (outside(iteration, plan_.clock_bound_ns)) ++outcome_.out_of_bracket;
    if (!sink_.push(iteration)) ++outcome_.lost;
  }
  return true;
}

}  // namespace kts::worker
