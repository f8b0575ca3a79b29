// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <vector>

#include "join.hpp"
#include "kts/worker/chain.hpp"
#include "kts/worker/loop.hpp"
#include "nanoseconds.hpp"

namespace kts::worker {

// The requests of a chain that begins with this agent.
struct Loop::ChainSource {
  const ChainRole* role;
  workload::ArrivalSchedule schedule;
  MonotonicTime due;
  std::uint64_t requests = 0;  // that became due
};

// Until each of its roles has ended: those at the beginning of a chain with the block, the others
// when all steps before say so, which they do after their last requests. So nobody needs to know
// how long a chain is, and an agent may come in it several times, side by side with itself as well.
// What waits for a branch that was given up is dropped with the block: it is counted there.
void Loop::run_chained() {
  ChainPort& port = *spec_.port;
  std::vector<ChainSource> sources;
  for (const ChainRole& role : spec_.roles) {
    if (!role.arrival) continue;
    sources.push_back(
        {&role,
         workload::ArrivalSchedule(
             *role.arrival, workload::block_seed(role.seed, plan_.cycle.value_or(plan_.block))),
         plan_.start, 0});
    sources.back().due += sources.back().schedule.next()->gap;
  }
  outcome_.chain_requests.assign(spec_.roles.size(), 0);
  outcome_.in_chains = true;
  for (Join& join : joins_) join.begin_block();
  MonotonicTime free = plan_.start;
  MonotonicTime given_up = MonotonicTime::max();  // when it was asked to
  std::size_t left = spec_.roles.size();
  while (left > 0) {
    const MonotonicTime now = pacing_.now();
    if (!generates(plan_.start) && outcome_.interrupted) break;
    const bool gives_up = pacing_.stop_request() == StopRequest::kGiveUp;
    // What comes later was in progress at the step before, whose own queue is gone: a few requests.
    if (gives_up) given_up = std::min(given_up, now);
    const auto next = std::ranges::min_element(sources, {}, &ChainSource::due);
    const bool any_source = next != sources.end();
    const ChainMessage* const message = port.front();

    if (message != nullptr && !(any_source && next->due < plan_.stop && next->due <= now &&
                                ns(next->due) < message->due_ns)) {
      const ChainMessage taken = *message;
      port.pop();
      const auto place = role_of(taken);
      if (!place) continue;  // of a block that was cut short
      const ChainRole& role = spec_.roles[*place];
      if (taken.kind == ChainMessage::Kind::kEnd) {
        if (!joins_[*place].end_branch()) continue;
        end_role(role);
        --left;
        continue;
      }
      const auto joined = joins_[*place].add(taken);
      if (!joined) continue;
      if (joined->due_ns < ns(given_up) && gives_up) {
        ++outcome_.abandoned;
      } else if (!serve(role, *joined, free)) {
        break;
      }
    } else if (any_source && next->due < plan_.stop && gives_up) {
      const std::uint64_t dropped = count_due(next->schedule, next->due, plan_.stop);
      outcome_.abandoned += dropped;
      next->requests += dropped;
      next->due = MonotonicTime::max();
    } else if (any_source && next->due < plan_.stop && next->due <= now) {
      ChainMessage request;
      request.request = next->requests++;
      request.due_ns = ns(next->due);
      if (const auto arrival = next->schedule.next()) next->due += arrival->gap;
      if (!serve(*next->role, request, free)) break;
    } else if (any_source && next->due >= plan_.stop && now >= plan_.stop) {
      for (const ChainSource& source : sources) end_role(*source.role);
      left -= sources.size();
      note_sources(sources);
      sources.clear();
    } else if (!any_source && port.orphaned()) {
      break;
    } else {
      port.wait_until(any_source ? std::min(next->due, plan_.stop) : MonotonicTime::max());
    }
  }
  note_sources(sources);
}

void Loop::note_sources(const std::vector<ChainSource>& sources) {
  for (const ChainSource& source : sources) {
    outcome_.chain_requests[static_cast<std::size_t>(source.role - spec_.roles.data())] =
        source.requests;
  }
}

std::optional<std::size_t> Loop::role_of(const ChainMessage& message) const {
  if (message.block != plan_.block) return std::nullopt;
  const auto found = std::ranges::find_if(spec_.roles, [&](const ChainRole& role) {
    return role.chain == message.chain && role.step == message.step;
  });
  if (found == spec_.roles.end()) return std::nullopt;
  return static_cast<std::size_t>(found - spec_.roles.begin());
}

bool Loop::serve(const ChainRole& role, const ChainMessage& message, MonotonicTime& free) {
  Request& request = requests_.front();
  const MonotonicTime due{Nanoseconds(message.due_ns)};
  request.due = due;
  request.shape = spec_.shape;
  request.submit = pacing_.now();
  engine_.submit(0, request.shape);
  lateness_.add(ns(request.submit) - ns(std::max(due, free)));
  await(1);
  free = request.done;
  // First of all, as the next steps' requests are due from here on.
  if (engine_.status()) hand_on(role, ChainMessage::Kind::kRequest, message.request, ns(free));
  const std::uint64_t seq = outcome_.iterations;
  if (!settle(1)) return false;
  ++outcome_.steps;
  const std::int32_t last = role.branches > 1 ? message.from : record::kNoStep;
  if (!sink_.push(record::Step{seq, message.request, role.chain, role.step, last})) {
    ++outcome_.steps_lost;
  }
  return true;
}

void Loop::hand_on(const ChainRole& role, ChainMessage::Kind kind, std::uint64_t request,
                   std::int64_t due_ns) {
  for (const ChainNext& next : role.next) {
    spec_.port->send(next.inbox,
                     {kind, plan_.block, role.chain, next.step, role.step, request, due_ns});
  }
}

void Loop::end_role(const ChainRole& role) {
  hand_on(role, ChainMessage::Kind::kEnd, 0, ns(pacing_.now()));
}

}  // namespace kts::worker
