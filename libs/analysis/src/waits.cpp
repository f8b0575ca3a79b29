// SPDX-License-Identifier: Apache-2.0
#include "waits.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <queue>

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

// What one agent gathers towards another, ns.
struct Toward {
  double wait = 0;
  double alone = 0;
  double overlap = 0;      // with the other's work, weighted
  double idle_before = 0;  // idle until the other went to work
};

// One agent's iterations on a timeline: those entered and not yet told, and those before that a
// backlog still begins at. They are numbered in due order.
class Track {
 public:
  struct Iteration {
    std::int64_t due = 0, submit = 0, start = 0, end = 0, done = 0;
    std::size_t sample = 0;
    double idle = 0;
    bool ended = false;
  };

  Track(const AgentBlock& block, const WorkRule& rule, std::size_t agents)
      : toward(agents), block_(block), rule_(rule), agents_(agents) {
    next_.due = block.window_start_ns;
    read();
    held_.on.resize(agents);
    before_.resize(agents);
  }

  // The next iteration to be entered.
  [[nodiscard]] bool has_next() const { return next_.sample < block_.due_gap.size(); }
  [[nodiscard]] std::int64_t next_due() const { return next_.due; }
  std::size_t enter() {
    kept_.push_back(next_);
    toward_.resize(toward_.size() + agents_);
    before_.resize(before_.size() + agents_);
    ++next_.sample;
    read();
    return first_ + kept_.size() - 1;
  }

  [[nodiscard]] Iteration& iteration(std::size_t i) { return kept_[i - first_]; }
  // What it has gathered is the difference between two instants of the agent's own.
  void submit(std::size_t i) {
    Toward* own = toward_of(i);
    for (std::size_t b = 0; b < agents_; ++b) {
      own[b].wait = toward[b].wait;
      own[b].alone = toward[b].alone;
      own[b].idle_before = toward[b].idle_before;
    }
    iteration(i).idle = idle;
    ++waiting;
  }
  void start(std::size_t i) {
    Toward* own = toward_of(i);
    for (std::size_t b = 0; b < agents_; ++b) {
      own[b].wait = toward[b].wait - own[b].wait;
      own[b].alone = toward[b].alone - own[b].alone;
      own[b].idle_before = toward[b].idle_before - own[b].idle_before;
      own[b].overlap = toward[b].overlap;
    }
    iteration(i).idle = idle - iteration(i).idle;
    const Iteration& at = iteration(i);
    const auto span = static_cast<double>(at.end - at.start);
    const bool known = rule_.service && span > 0;
    density = known ? std::clamp(*rule_.service / span, 0.01, 1.0) : 1;
    odds = known ? odds_of(density) : 1;
    --waiting;
    ++at_work;
  }
  void end(std::size_t i) {
    Toward* own = toward_of(i);
    for (std::size_t b = 0; b < agents_; ++b) own[b].overlap = toward[b].overlap - own[b].overlap;
    iteration(i).ended = true;
    --at_work;
  }

  // Tells of those that have ended, up to the first that has not.
  void tell_ended(std::size_t agent, const TurnLengths& turns, const TellHeld& tell) {
    for (; told_ < first_ + kept_.size() && iteration(told_).ended; ++told_) {
      hold(told_, turns);
      divide_backlog(told_);
      const std::size_t sample = iteration(told_).sample;
      for (; samples_told_ < sample; ++samples_told_) tell(agent, samples_told_, nullptr);
      tell(agent, samples_told_++, &held_);
    }
    forget();
  }
  void tell_rest(std::size_t agent, const TellHeld& tell) {
    for (; samples_told_ < block_.latency.size(); ++samples_told_) {
      tell(agent, samples_told_, nullptr);
    }
  }

  // Up to now.
  int waiting = 0;
  int at_work = 0;
  double density = 1;  // share of the device that its work takes while it has it
  double odds = 1;     // that it is the one at work
  double idle = 0;
  double idle_now = 0;  // of idle: since somebody was at work
  std::vector<Toward> toward;

 private:
  // Goes on to the next sample that has device instants.
  void read() {
    for (std::size_t& i = next_.sample; i < block_.due_gap.size(); ++i) {
      next_.due += block_.due_gap[i];
      const std::int64_t wait = block_.gpu_wait[i];
      const std::int64_t time = block_.gpu_time[i];
      if (wait == record::kUnavailable || time == record::kUnavailable) continue;
      next_.submit = next_.due + block_.backlog[i];
      // Device instants may precede the host's by the error of their clock.
      next_.start = next_.submit + std::max<std::int64_t>(0, wait);
      next_.end = next_.start + std::max<std::int64_t>(0, time);
      next_.done = next_.due + block_.latency[i];
      return;
    }
  }

  [[nodiscard]] Toward* toward_of(std::size_t i) { return &toward_[(i - first_) * agents_]; }
  // What the agent has waited for each other before iteration `i`.
  [[nodiscard]] double* before(std::size_t i) { return &before_[(i - first_) * agents_]; }

  // Fills in held_ but for its backlog. What it finds of wait and out replaces what was gathered.
  void hold(std::size_t i, const TurnLengths& turns) {
    const bool knows_switch = turns.slice && turns.switch_over;
    const Iteration& own = iteration(i);
    Toward* gathered = toward_of(i);
    held_.switches = 0;
    held_.switches_mid_work = 0;
    held_.overlap = 0;
    double contended = 0;
    for (std::size_t b = 0; b < agents_; ++b) {
      held_.on[b] = {0, gathered[b].wait, 0, gathered[b].alone};
      contended += gathered[b].wait;
      held_.overlap += gathered[b].overlap;
    }
    // Sums of differences: below a nanosecond there is nothing. Who waited for others finds the
    // device idle only while it changes over, or while its own work is launched.
    if (knows_switch && contended > 1) {
      const double while_idle = std::max(0.0, own.idle - rule_.launch);
      const double all =
          switches_in(contended, *turns.slice, *turns.switch_over) * *turns.switch_over;
      held_.switches = std::max(while_idle, std::min(all, contended + while_idle));
      // The change to an agent is that agent's, the one back to the waiting agent everybody's.
      double changes = 0;
      for (std::size_t b = 0; b < agents_; ++b) changes += gathered[b].idle_before;
      const double told = changes > while_idle ? while_idle / changes : 1;
      const double back = while_idle - told * changes;
      for (std::size_t b = 0; b < agents_; ++b) {
        held_.on[b].wait += back * held_.on[b].wait / contended + told * gathered[b].idle_before;
      }
    }
    if (const double out = switched_out(own, turns); out > 0) {
      for (std::size_t b = 0; b < agents_; ++b) {
        held_.on[b].out = out * gathered[b].overlap / held_.overlap;
      }
    }
    for (std::size_t b = 0; b < agents_; ++b) {
      before(i + 1)[b] = before(i)[b] + held_.on[b].wait + held_.on[b].out;
      gathered[b].wait = held_.on[b].wait;
      gathered[b].overlap = held_.on[b].out;
    }
  }

  // How long others had the device between its start and end; fills in switches_mid_work.
  double switched_out(const Iteration& own, const TurnLengths& turns) {
    if (!rule_.uninterrupted || !rule_.interruption || held_.overlap <= 1) return 0;
    double out = static_cast<double>(own.end - own.start) - *rule_.uninterrupted;
    if (out < *rule_.interruption / 2) return 0;
    if (turns.slice && turns.switch_over) {
      const double there_and_back =
          (1 + switches_in(out - *turns.switch_over, *turns.slice, *turns.switch_over)) *
          *turns.switch_over;
      // Others can't have had the device for longer than their own work was on it.
      out = std::min(out, held_.overlap + there_and_back);
      held_.switches_mid_work = std::min(out, there_and_back);
    }
    return out;
  }

  // A backlog lies between two instants of iterations ahead, and what they waited in it is a
  // difference of sums.
  void divide_backlog(std::size_t i) {
    const Iteration& own = iteration(i);
    while (ahead_ < i && iteration(ahead_).done <= own.due) ++ahead_;
    if (own.submit <= own.due || ahead_ == i) return;
    const Iteration& first = iteration(ahead_);
    const auto gone = [due = own.due](std::int64_t from, std::int64_t to) {
      if (to <= from) return 1.0;
      return std::clamp(static_cast<double>(due - from) / static_cast<double>(to - from), 0.0, 1.0);
    };
    const double waited = gone(first.submit, first.start);
    const double worked = gone(first.start, first.end);
    const Toward* now = toward_of(ahead_);
    for (std::size_t b = 0; b < agents_; ++b) {
      held_.on[b].backlog =
          before(i)[b] - before(ahead_)[b] - waited * now[b].wait - worked * now[b].overlap;
    }
  }

  // Due times ascend: nothing begins at what was done before the last one was due.
  void forget() {
    constexpr std::size_t kAtLeast = 64;
    const std::size_t gone = std::min(ahead_, told_) - first_;
    if (gone < std::max(kAtLeast, kept_.size() / 2)) return;
    const auto count = static_cast<std::ptrdiff_t>(gone);
    const auto width = static_cast<std::ptrdiff_t>(gone * agents_);
    kept_.erase(kept_.begin(), kept_.begin() + count);
    toward_.erase(toward_.begin(), toward_.begin() + width);
    before_.erase(before_.begin(), before_.begin() + width);
    first_ += gone;
  }

  const AgentBlock& block_;
  const WorkRule& rule_;
  const std::size_t agents_;
  Iteration next_;
  std::size_t first_ = 0;  // of those kept
  std::vector<Iteration> kept_;
  std::vector<Toward> toward_;  // kept x agents
  std::vector<double> before_;  // (kept + 1) x agents
  std::size_t told_ = 0;
  std::size_t samples_told_ = 0;
  std::size_t ahead_ = 0;  // the first that wasn't done when the one told last was due
  Held held_;
};

struct Event {
  enum class Step : std::uint32_t { kSubmit, kStart, kEnd };
  std::int64_t at;
  std::uint32_t agent;
  Step step;
  std::size_t iteration;
  [[nodiscard]] bool operator>(const Event& other) const {
    if (at != other.at) return at > other.at;
    if (agent != other.agent) return agent > other.agent;
    if (iteration != other.iteration) return iteration > other.iteration;
    return step > other.step;
  }
};

// Lets `length` pass.
void advance(std::vector<Track>& tracks, double length) {
  for (std::size_t a = 0; a < tracks.size(); ++a) {
    Track& agent = tracks[a];
    if (agent.at_work == 0 && agent.waiting == 0) continue;
    double all = 0;
    std::size_t others = 0;
    for (std::size_t b = 0; b < tracks.size(); ++b) {
      if (b == a || tracks[b].at_work == 0) continue;
      all += tracks[b].odds;
      ++others;
    }
    if (agent.at_work == 0 && others == 0) {
      agent.idle += length;
      agent.idle_now += length;
    }
    for (std::size_t b = 0; b < tracks.size() && others > 0; ++b) {
      if (b == a || tracks[b].at_work == 0) continue;
      if (agent.at_work > 0) {
        agent.toward[b].overlap += length * tracks[b].density;
      } else {
        agent.toward[b].wait += length * tracks[b].odds / all;
        if (others == 1) agent.toward[b].alone += length;
      }
    }
  }
}

}  // namespace

std::vector<std::int64_t> walk_timeline(std::span<const AgentBlock* const> agents,
                                        std::span<const WorkRule> rules, const TurnLengths& turns,
                                        const TellHeld& tell) {
  using Step = Event::Step;
  std::vector<Track> tracks;
  tracks.reserve(agents.size());
  for (std::size_t a = 0; a < agents.size(); ++a) {
    tracks.emplace_back(*agents[a], rules[a], agents.size());
  }
  const auto next_to_enter = [&] {
    Track* next = nullptr;
    for (Track& track : tracks) {
      if (track.has_next() && (!next || track.next_due() < next->next_due())) next = &track;
    }
    return next;
  };
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events;
  std::vector<std::int64_t> handovers;
  std::optional<std::uint32_t> last_at_work;
  std::int64_t last_end = 0;
  int at_work = 0;
  std::optional<std::int64_t> now;
  Track* next = next_to_enter();
  while (next || !events.empty()) {
    // Nothing is submitted before it is due.
    if (next && (events.empty() || next->next_due() <= events.top().at)) {
      const auto agent = static_cast<std::uint32_t>(next - tracks.data());
      const std::size_t i = next->enter();
      events.push({next->iteration(i).submit, agent, Step::kSubmit, i});
      next = next_to_enter();
      continue;
    }
    const Event event = events.top();
    events.pop();
    if (now && event.at > *now) advance(tracks, static_cast<double>(event.at - *now));
    now = event.at;
    Track& agent = tracks[event.agent];
    const Track::Iteration& own = agent.iteration(event.iteration);
    switch (event.step) {
      case Step::kSubmit:
        agent.submit(event.iteration);
        events.push({own.start, event.agent, Step::kStart, event.iteration});
        break;
      case Step::kStart:
        for (Track& other : tracks) {
          if (&other != &agent) other.toward[event.agent].idle_before += other.idle_now;
          other.idle_now = 0;
        }
        if (at_work == 0 && last_at_work && *last_at_work != event.agent && own.submit < last_end) {
          handovers.push_back(event.at - last_end);
        }
        agent.start(event.iteration);
        ++at_work;
        events.push({own.end, event.agent, Step::kEnd, event.iteration});
        break;
      case Step::kEnd:
        agent.end(event.iteration);
        --at_work;
        last_at_work = event.agent;
        last_end = event.at;
        agent.tell_ended(event.agent, turns, tell);
        break;
    }
  }
  for (std::size_t a = 0; a < tracks.size(); ++a) tracks[a].tell_rest(a, tell);
  return handovers;
}

}  // namespace kts::analysis
