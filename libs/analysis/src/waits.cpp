// SPDX-License-Identifier: Apache-2.0
#include "waits.hpp"

#include <algorithm>
#include <cmath>
#include <tuple>

namespace kts::analysis {
namespace {

// How many switches `length` of waiting for others holds: turns of at most a slice, a switch after
// each. An interruption has one more, to get away. The margin forgives clock errors.
double switches_in(double length, double slice, double switch_over) {
  constexpr double kMargin = 0.05;
  return std::max(1.0, std::ceil(length / (slice + switch_over) - kMargin));
}

// One of several has the device. If each has it for `density` of the time, whatever the others do,
// then by Bayes' rule it is this one in proportion to:
double odds_of(double density) {
  constexpr double kCertain = 0.99;
  const double d = std::min(density, kCertain);
  return d / (1 - d);
}

}  // namespace

Timeline::Timeline(std::vector<const AgentBlock*> agents, std::vector<WorkRule> rules)
    : blocks_(std::move(agents)), rules_(std::move(rules)), tracks_(blocks_.size()) {
  for (std::size_t a = 0; a < blocks_.size(); ++a) {
    const AgentBlock& block = *blocks_[a];
    Track& track = tracks_[a];
    track.place.assign(block.latency.size(), kNowhere);
    std::int64_t due = block.window_start_ns;
    for (std::size_t i = 0; i < block.due_gap.size(); ++i) {
      due += block.due_gap[i];
      const std::int64_t wait = block.gpu_wait[i];
      const std::int64_t time = block.gpu_time[i];
      if (wait == record::kUnavailable || time == record::kUnavailable) continue;
      const std::int64_t submit = due + block.backlog[i];
      // Device instants may precede the host's by the error of their clock.
      const std::int64_t start = submit + std::max<std::int64_t>(0, wait);
      const std::int64_t end = start + std::max<std::int64_t>(0, time);
      track.place[i] = static_cast<std::uint32_t>(track.iterations.size());
      track.iterations.push_back({due, submit, start, end, due + block.latency[i]});
    }
    const std::size_t n = track.iterations.size();
    track.wait_on.assign(n * blocks_.size(), 0);
    track.alone_on.assign(n * blocks_.size(), 0);
    track.overlap.assign(n * blocks_.size(), 0);
    track.idle.assign(n, 0);
    track.idle_before.assign(n * blocks_.size(), 0);
  }
  sweep();
}

// All agents' submits, starts and ends. Each agent's are in order as they come, unless it has
// several in flight; then whole agents are merged two by two.
std::vector<Timeline::Event> Timeline::in_order(const std::vector<Track>& tracks) {
  const auto before = [](const Event& a, const Event& b) { return a.order() < b.order(); };
  std::vector<Event> events;
  std::size_t all = 0;
  for (const Track& track : tracks) all += 3 * track.iterations.size();
  events.reserve(all);
  std::vector<std::ptrdiff_t> ends{0};
  for (std::size_t a = 0; a < tracks.size(); ++a) {
    const auto& iterations = tracks[a].iterations;
    for (std::size_t i = 0; i < iterations.size(); ++i) {
      const auto agent = static_cast<std::uint32_t>(a);
      const auto place = static_cast<std::uint32_t>(i);
      events.push_back({iterations[i].submit, agent, place, Step::kSubmit});
      events.push_back({iterations[i].start, agent, place, Step::kStart});
      events.push_back({iterations[i].end, agent, place, Step::kEnd});
    }
    const auto own = events.begin() + ends.back();
    if (!std::is_sorted(own, events.end(), before)) std::sort(own, events.end(), before);
    ends.push_back(static_cast<std::ptrdiff_t>(events.size()));
  }
  for (std::size_t width = 1; width < tracks.size(); width *= 2) {
    for (std::size_t a = 0; a + width < tracks.size(); a += 2 * width) {
      std::inplace_merge(events.begin() + ends[a], events.begin() + ends[a + width],
                         events.begin() + ends[std::min(a + 2 * width, tracks.size())], before);
    }
  }
  return events;
}

void Timeline::sweep() {
  const std::size_t k = blocks_.size();
  const std::vector<Event> events = in_order(tracks_);

  // Of one agent up to now; what an iteration gathers is the difference between two instants.
  struct Now {
    int waiting = 0;
    int at_work = 0;
    double density = 1;  // share of the device that its work takes while it has it
    double odds = 1;     // that it is the one at work
    double idle = 0;
    double idle_now = 0;  // of idle: since somebody was at work
    std::vector<double> wait_on, alone_on, overlap, idle_before;
  };
  std::vector<Now> now(k);
  for (Now& agent : now) {
    agent.wait_on.assign(k, 0);
    agent.alone_on.assign(k, 0);
    agent.overlap.assign(k, 0);
    agent.idle_before.assign(k, 0);
  }
  const auto advance = [&](double length) {
    for (std::size_t a = 0; a < k; ++a) {
      Now& agent = now[a];
      if (agent.at_work == 0 && agent.waiting == 0) continue;
      double all = 0;
      std::size_t others = 0;
      for (std::size_t b = 0; b < k; ++b) {
        if (b == a || now[b].at_work == 0) continue;
        all += now[b].odds;
        ++others;
      }
      if (agent.at_work == 0 && others == 0) {
        agent.idle += length;
        agent.idle_now += length;
      }
      for (std::size_t b = 0; b < k && others > 0; ++b) {
        if (b == a || now[b].at_work == 0) continue;
        if (agent.at_work > 0) {
          agent.overlap[b] += length * now[b].density;
        } else {
          agent.wait_on[b] += length * now[b].odds / all;
          if (others == 1) agent.alone_on[b] += length;
        }
      }
    }
  };
  // An iteration's share of the sums: sign -1 where it begins, +1 where it ends.
  const auto note = [k](std::vector<double>& kept, const std::vector<double>& sums, std::size_t i,
                        double sign) {
    for (std::size_t b = 0; b < k; ++b) kept[i * k + b] += sign * sums[b];
  };
  std::int64_t at = events.empty() ? 0 : events.front().at;
  std::optional<std::size_t> last_at_work;
  std::int64_t last_end = 0;
  int at_work = 0;
  for (const Event& event : events) {
    if (event.at > at) advance(static_cast<double>(event.at - at));
    at = event.at;
    Now& agent = now[event.agent];
    Track& track = tracks_[event.agent];
    const std::size_t i = event.iteration;
    const Instants& instants = track.iterations[i];
    switch (event.step) {
      case Step::kSubmit:
        ++agent.waiting;
        note(track.wait_on, agent.wait_on, i, -1);
        note(track.alone_on, agent.alone_on, i, -1);
        note(track.idle_before, agent.idle_before, i, -1);
        track.idle[i] -= agent.idle;
        break;
      case Step::kStart: {
        note(track.wait_on, agent.wait_on, i, 1);
        note(track.alone_on, agent.alone_on, i, 1);
        for (Now& other : now) {
          if (&other != &agent) other.idle_before[event.agent] += other.idle_now;
          other.idle_now = 0;
        }
        note(track.idle_before, agent.idle_before, i, 1);
        track.idle[i] += agent.idle;
        --agent.waiting;
        if (at_work == 0 && last_at_work && *last_at_work != event.agent &&
            instants.submit < last_end) {
          handovers_.push_back(static_cast<double>(at - last_end));
        }
        ++agent.at_work;
        ++at_work;
        const auto span = static_cast<double>(instants.end - instants.start);
        const auto& service = rules_[event.agent].service;
        const bool known = service && span > 0;
        agent.density = known ? std::clamp(*service / span, 0.01, 1.0) : 1;
        agent.odds = known ? odds_of(agent.density) : 1;
        note(track.overlap, agent.overlap, i, -1);
        break;
      }
      case Step::kEnd:
        note(track.overlap, agent.overlap, i, 1);
        --agent.at_work;
        --at_work;
        last_at_work = event.agent;
        last_end = at;
        break;
    }
  }
}

std::vector<double> Timeline::undisturbed(std::size_t agent) const {
  const Track& track = tracks_[agent];
  const std::size_t k = blocks_.size();
  std::vector<double> lengths;
  for (std::size_t i = 0; i < track.iterations.size(); ++i) {
    double overlap = 0;
    for (std::size_t b = 0; b < k; ++b) overlap += track.overlap[i * k + b];
    if (overlap > 0) continue;
    lengths.push_back(static_cast<double>(track.iterations[i].end - track.iterations[i].start));
  }
  return lengths;
}

std::vector<Held> Timeline::held(std::size_t agent, const TurnLengths& turns) const {
  const Track& track = tracks_[agent];
  const WorkRule& rule = rules_[agent];
  const std::size_t k = blocks_.size();
  const std::size_t n = track.iterations.size();
  const bool knows_switch = turns.slice && turns.switch_over;
  std::vector<Held> known(n);
  for (std::size_t i = 0; i < n; ++i) {
    Held& held = known[i];
    held.on.resize(k);
    double contended = 0;
    double overlap = 0;
    for (std::size_t b = 0; b < k; ++b) {
      held.on[b].wait = track.wait_on[i * k + b];
      held.on[b].alone = track.alone_on[i * k + b];
      contended += held.on[b].wait;
      overlap += track.overlap[i * k + b];
    }
    // Sums of differences: below a nanosecond there is nothing. Who waited for others finds the
    // device idle only while it changes over, or while its own work is launched.
    if (knows_switch && contended > 1) {
      const double while_idle = std::max(0.0, track.idle[i] - rule.launch);
      const double all =
          switches_in(contended, *turns.slice, *turns.switch_over) * *turns.switch_over;
      held.switches = std::max(while_idle, std::min(all, contended + while_idle));
      // The change to an agent is that agent's, the one back to the waiting agent everybody's.
      double changes = 0;
      for (std::size_t b = 0; b < k; ++b) changes += track.idle_before[i * k + b];
      const double told = changes > while_idle ? while_idle / changes : 1;
      const double back = while_idle - told * changes;
      for (std::size_t b = 0; b < k; ++b) {
        held.on[b].wait += back * held.on[b].wait / contended + told * track.idle_before[i * k + b];
      }
    }
    const auto span = static_cast<double>(track.iterations[i].end - track.iterations[i].start);
    if (!rule.uninterrupted || !rule.interruption || overlap <= 1) continue;
    double out = span - *rule.uninterrupted;
    if (out < *rule.interruption / 2) continue;
    if (knows_switch) {
      const double there_and_back =
          (1 + switches_in(out - *turns.switch_over, *turns.slice, *turns.switch_over)) *
          *turns.switch_over;
      // Others can't have had the device for longer than their own work was on it.
      out = std::min(out, overlap + there_and_back);
      held.switches_mid_work = std::min(out, there_and_back);
    }
    for (std::size_t b = 0; b < k; ++b) held.on[b].out = out * track.overlap[i * k + b] / overlap;
  }

  // What the agent has waited up to an iteration's submit, so that a backlog, which lies between
  // two instants of iterations ahead, is a difference.
  std::vector<double> before((n + 1) * k, 0);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t b = 0; b < k; ++b) {
      before[(i + 1) * k + b] = before[i * k + b] + known[i].on[b].wait + known[i].on[b].out;
    }
  }
  std::size_t ahead = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const Instants& own = track.iterations[i];
    if (own.submit <= own.due) continue;
    while (ahead < i && track.iterations[ahead].done <= own.due) ++ahead;
    const Instants& first = track.iterations[ahead];
    const auto gone = [due = own.due](std::int64_t from, std::int64_t to) {
      if (to <= from) return 1.0;
      return std::clamp(static_cast<double>(due - from) / static_cast<double>(to - from), 0.0, 1.0);
    };
    const double waited = gone(first.submit, first.start);
    const double worked = gone(first.start, first.end);
    for (std::size_t b = 0; b < k && ahead < i; ++b) {
      const Held::On& now = known[ahead].on[b];
      known[i].on[b].backlog =
          before[i * k + b] - before[ahead * k + b] - waited * now.wait - worked * now.out;
    }
  }
  std::vector<Held> result(track.place.size());
  for (std::size_t i = 0; i < track.place.size(); ++i) {
    if (track.place[i] != kNowhere) result[i] = std::move(known[track.place[i]]);
  }
  return result;
}

}  // namespace kts::analysis
