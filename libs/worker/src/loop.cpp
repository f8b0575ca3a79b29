// SPDX-License-Identifier: Apache-2.0
#include "kts/worker/loop.hpp"

#include <algorithm>
#include <span>
#include <utility>

#include "join.hpp"
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
      requests_(static_cast<std::size_t>(spec.in_flight), Request{{}, {}, {}, spec.shape}) {
  for (const ChainRole& role : spec_.roles) joins_.emplace_back(role.branches);
}
Loop::~Loop() = default;

// What lies beyond the first four million
// follows from their mean gap: a million a second for an hour would take minutes to count.
std::uint64_t Loop::count_due(workload::ArrivalSchedule& schedule, MonotonicTime due,
                              MonotonicTime stop) {
  constexpr std::uint64_t kCounted = std::uint64_t{1} << 22;
  const MonotonicTime first = due;
  std::uint64_t count = 0;
  for (; due < stop && count < kCounted; ++count) {
    const auto next = schedule.next();
    if (!next) return count + 1;
    due += next->gap;
  }
  if (due >= stop) return count;
  const double mean_gap_ns =
      std::max(1.0, static_cast<double>(ns(due) - ns(first)) / static_cast<double>(count));
  return count + static_cast<std::uint64_t>(static_cast<double>(ns(stop) - ns(due)) / mean_gap_ns);
}

BlockOutcome Loop::run(const BlockPlan& plan) {
  plan_ = plan;
  outcome_ = {};
  lateness_.clear();
  pacing_.wait_until(plan.start);
  outcome_.generation_start = std::max(plan.start, pacing_.now());
  if (spec_.arrival.process == workload::ArrivalProcess::kChain) {
    run_chained();
  } else if (is_open(spec_.arrival.process)) {
    run_open();
  } else {
    run_closed();
  }
  outcome_.generation_stop =
      std::max(outcome_.generation_start, std::min(plan_.stop, pacing_.now()));
  return std::exchange(outcome_, {});
}

void Loop::run_open() {
  workload::ArrivalSchedule schedule(
      spec_.arrival, workload::block_seed(spec_.seed, plan_.cycle.value_or(plan_.block)),
      spec_.trace.get());
  Request& request = requests_.front();
  MonotonicTime due = plan_.start;
  MonotonicTime free = plan_.start;
  while (outcome_.iterations < plan_.iterations) {
    const auto arrival = schedule.next();
    if (!arrival) return idle();
    due += arrival->gap;
    pacing_.wait_until(std::min(due, plan_.stop));
    const bool gives_up = pacing_.stop_request() == StopRequest::kGiveUp;
    if (!generates(due)) return;
    if (gives_up) {
      outcome_.abandoned = count_due(schedule, due, plan_.stop);
      return;
    }
    request.due = due;
    request.shape = arrival->shape.output_tokens > 0 ? arrival->shape : spec_.shape;
    request.submit = pacing_.now();
    engine_.submit(0, request.shape);
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
      engine_.submit(static_cast<int>(slot), requests_[slot].shape);
    }
    lateness_.add(ns(requests_[0].submit) - ns(planned));
    if (!complete(count)) return;
    planned = requests_[count - 1].done + think;
  }
}

void Loop::idle() {
  if (plan_.stop == MonotonicTime::max()) return;
  while (generates(pacing_.now())) pacing_.wait_until(plan_.stop);
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

void Loop::await(std::size_t count) {
  for (std::size_t slot = 0; slot < count; ++slot) {
    engine_.wait(static_cast<int>(slot));
    requests_[slot].done = pacing_.now();
  }
}

bool Loop::settle(std::size_t count) {
  if (auto status = engine_.status(); !status) {
    outcome_.device = std::move(status);
    return false;
  }
  if (outcome_.iterations == 0) outcome_.first_due_ns = ns(requests_[0].due);
  outcome_.last_due_ns = ns(requests_[count - 1].due);
  outcome_.last_done_ns = ns(requests_[count - 1].done);
  for (std::size_t slot = 0; slot < count; ++slot) leave_record(static_cast<int>(slot));
  return true;
}

void Loop::leave_record(int slot) {
  const Request& request = requests_[static_cast<std::size_t>(slot)];
  const workload::DeviceSpan span = engine_.span(slot);
  const std::uint64_t seq = outcome_.iterations++;
  record::Iteration iteration{seq,           ns(request.due), ns(request.submit),
                              span.start_ns, span.end_ns,     ns(request.done)};
  const std::span<const std::int64_t> tokens = engine_.token_times(slot);
  if (!tokens.empty()) {
    outcome_.has_requests = true;
    iteration.first_token_ns = tokens.front();
    iteration.input_tokens = static_cast<std::int32_t>(request.shape.input_tokens);
    iteration.output_tokens = static_cast<std::int32_t>(tokens.size());
  }
  if (outside(iteration, plan_.clock_bound_ns)) ++outcome_.out_of_bracket;
  if (!sink_.push(iteration)) ++outcome_.lost;
  for (std::size_t index = 1; index < tokens.size(); ++index) {
    ++outcome_.tokens;
    if (!sink_.push(record::Token{seq, index, tokens[index]})) ++outcome_.tokens_lost;
  }
}

}  // namespace kts::worker
