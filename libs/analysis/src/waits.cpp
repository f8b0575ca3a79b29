// SPDX-License-Identifier: Apache-2.0
#include "waits.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

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

// --- the timeline ---

struct Iteration {
  std::int64_t due = 0, submit = 0, start = 0, end = 0, done = 0;
  std::size_t sample = 0;
  bool ended = false;  // by now
};

// Requests that a chain hands on may overtake each other on their way.
bool is_in_order(const AgentBlock& block) {
  for (std::size_t i = 1; i < block.due_gap.size(); ++i) {
    const std::int64_t gap = block.due_gap[i];
    if (gap < 0 || gap + block.backlog[i] < block.backlog[i - 1]) return false;
  }
  return true;
}

// One agent's iterations, numbered as its samples are, which is the order of their due times and
// submits, or else they are all read at once: read as the timeline comes to them, and kept until
// they are forgotten.
class Track {
 public:
  explicit Track(const AgentBlock& block) : block_(block), in_order_(is_in_order(block)) {
    next_.due = block.window_start_ns;
    read();
    if (in_order_) return;
    while (has_more()) keep_next();
    by_submit_.resize(kept_.size());
    std::iota(by_submit_.begin(), by_submit_.end(), std::size_t{0});
    std::ranges::stable_sort(by_submit_, {}, [this](std::size_t i) { return kept_[i].submit; });
  }

  // What is submitted next.
  [[nodiscard]] bool has_next() const {
    return in_order_ ? has_more() : submitted_ < by_submit_.size();
  }
  [[nodiscard]] std::size_t next() const { return in_order_ ? submitted_ : by_submit_[submitted_]; }
  [[nodiscard]] std::int64_t next_submit() const {
    return in_order_ ? next_.submit : kept_[next()].submit;
  }
  void submit() {
    if (in_order_) keep_next();
    ++submitted_;
  }
  void end(std::size_t i) {
    kept_[i - first_].ended = true;
    while (open_ < kept_end() && (*this)[open_].ended) ++open_;
  }

  [[nodiscard]] bool in_order() const { return in_order_; }
  // The first that hasn't ended, or hasn't been submitted.
  [[nodiscard]] std::size_t open() const { return open_; }
  [[nodiscard]] std::size_t kept_end() const { return first_ + kept_.size(); }
  [[nodiscard]] std::size_t samples() const { return block_.latency.size(); }
  [[nodiscard]] const Iteration& operator[](std::size_t i) const { return kept_[i - first_]; }

  // Those before `i`, when they are many; returns how many were.
  std::size_t forget(std::size_t i) {
    constexpr std::size_t kAtLeast = 64;
    const std::size_t gone = i - first_;
    if (!in_order_ || gone < std::max(kAtLeast, kept_.size() / 2)) return 0;
    kept_.erase(kept_.begin(), kept_.begin() + static_cast<std::ptrdiff_t>(gone));
    first_ = i;
    return gone;
  }

 private:
  [[nodiscard]] bool has_more() const { return next_.sample < block_.due_gap.size(); }
  void keep_next() {
    kept_.push_back(next_);
    ++next_.sample;
    read();
  }
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

  const AgentBlock& block_;
  bool in_order_;
  Iteration next_;
  std::size_t submitted_ = 0;
  std::size_t open_ = 0;
  std::size_t first_ = 0;  // of those kept
  std::vector<Iteration> kept_;
  std::vector<std::size_t> by_submit_;  // where they aren't in order
};

enum class Step : std::uint32_t { kSubmit, kStart, kEnd };
struct Event {
  std::int64_t at;
  std::uint32_t agent;
  std::uint32_t iteration;
  Step step;
  [[nodiscard]] bool before(const Event& other) const {
    if (at != other.at) return at < other.at;
    if (agent != other.agent) return agent < other.agent;
    if (iteration != other.iteration) return iteration < other.iteration;
    return step < other.step;
  }
};

// A heap of events to come. A start is followed by the same iteration's end, which takes its place.
class Events {
 public:
  [[nodiscard]] bool empty() const { return heap_.empty(); }
  [[nodiscard]] const Event& next() const { return heap_.front(); }
  void add(const Event& event) {
    heap_.push_back(event);
    std::push_heap(heap_.begin(), heap_.end(),
                   [](const Event& a, const Event& b) { return b.before(a); });
  }
  void replace_next(const Event& event) {
    std::size_t place = 0;
    for (std::size_t child = 1; child < heap_.size(); child = 2 * place + 1) {
      if (child + 1 < heap_.size() && heap_[child + 1].before(heap_[child])) ++child;
      if (!heap_[child].before(event)) break;
      heap_[place] = heap_[child];
      place = child;
    }
    heap_[place] = event;
  }
  void drop_next() {
    const Event last = heap_.back();
    heap_.pop_back();
    if (!heap_.empty()) replace_next(last);
  }

 private:
  std::vector<Event> heap_;
};

// Goes along all submits, starts and ends; `follower` hears of them and of the time between.
template <typename Follower>
void follow(std::vector<Track>& tracks, Follower& follower) {
  const auto next_submit = [&]() -> std::optional<Event> {
    std::optional<Event> next;
    for (std::size_t a = 0; a < tracks.size(); ++a) {
      const Track& track = tracks[a];
      if (!track.has_next() || (next && next->at <= track.next_submit())) continue;
      next = Event{track.next_submit(), static_cast<std::uint32_t>(a),
                   static_cast<std::uint32_t>(track.next()), Step::kSubmit};
    }
    return next;
  };
  Events events;  // starts and ends
  std::optional<Event> submit = next_submit();
  std::int64_t now = submit ? submit->at : 0;
  while (submit || !events.empty()) {
    const bool submits = submit && (events.empty() || submit->before(events.next()));
    Event event = submits ? *submit : events.next();
    if (event.at > now) follower.pass(now, event.at);
    now = event.at;
    Track& track = tracks[event.agent];
    switch (event.step) {
      case Step::kSubmit:
        track.submit();
        follower.submit(event.agent, event.iteration);
        event.at = track[event.iteration].start;
        event.step = Step::kStart;
        events.add(event);
        submit = next_submit();
        break;
      case Step::kStart:
        follower.start(event.agent, event.iteration);
        event.at = track[event.iteration].end;
        event.step = Step::kEnd;
        events.replace_next(event);
        break;
      case Step::kEnd:
        track.end(event.iteration);
        follower.end(event.agent, event.iteration);
        events.drop_next();
        break;
    }
  }
}

std::vector<Track> tracks_of(std::span<const AgentBlock* const> agents) {
  std::vector<Track> tracks;
  tracks.reserve(agents.size());
  for (const AgentBlock* block : agents) tracks.emplace_back(*block);
  return tracks;
}

// --- signs of turns ---

class SignFinder {
 public:
  explicit SignFinder(std::vector<Track>& tracks) : tracks_(tracks), agents_(tracks.size()) {
    signs.undisturbed.resize(tracks.size());
  }

  void pass(std::int64_t /*from*/, std::int64_t to) {
    if (agents_at_work_ < 2) return;
    for (Now& agent : agents_) {
      if (agent.at_work > 0) agent.disturbed_until = to;
    }
  }
  void submit(std::size_t /*a*/, std::size_t /*i*/) {}
  void start(std::size_t a, std::size_t i) {
    const Iteration& own = tracks_[a][i];
    if (agents_at_work_ == 0 && last_at_work_ && *last_at_work_ != a && own.submit < last_end_) {
      signs.handovers.push_back(own.start - last_end_);
    }
    agents_at_work_ += agents_[a].at_work++ == 0;
  }
  void end(std::size_t a, std::size_t i) {
    Now& agent = agents_[a];
    const Iteration& own = tracks_[a][i];
    agents_at_work_ -= --agent.at_work == 0;
    last_at_work_ = a;
    last_end_ = own.end;
    if (agent.disturbed_until <= own.start) {
      signs.undisturbed[a].push_back(own.end - own.start);
    }
    tracks_[a].forget(tracks_[a].open());
  }

  TurnSigns signs;

 private:
  struct Now {
    int at_work = 0;
    std::int64_t disturbed_until = std::numeric_limits<std::int64_t>::min();
  };
  std::vector<Track>& tracks_;
  std::vector<Now> agents_;
  int agents_at_work_ = 0;
  std::optional<std::size_t> last_at_work_;
  std::int64_t last_end_ = 0;
};

// --- who waits for whom ---

// What one agent gathers towards another, ns.
struct Toward {
  double wait = 0;
  double alone = 0;
  double overlap = 0;      // with the other's work, weighted
  double idle_before = 0;  // idle until the other went to work
};

// What one agent's iterations gather: each the difference between two instants of the agent's own
// sums.
class Gatherer {
 public:
  Gatherer(Track& track, const WorkRule& rule, std::size_t agents)
      : toward(agents), track_(track), rule_(rule), agents_(agents), before_(agents) {
    held_.on.resize(agents);
  }

  void submit(std::size_t i) {
    idle_of_.resize(track_.kept_end() - first_);
    gathered_.resize(idle_of_.size() * agents_);
    before_.resize((idle_of_.size() + 1) * agents_);
    Toward* own = toward_of(i);
    for (std::size_t b = 0; b < agents_; ++b) {
      own[b].wait = toward[b].wait;
      own[b].alone = toward[b].alone;
      own[b].idle_before = toward[b].idle_before;
    }
    idle_of_[i - first_] = idle;
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
    idle_of_[i - first_] = idle - idle_of_[i - first_];
    const auto span = static_cast<double>(track_[i].end - track_[i].start);
    const bool known = rule_.service && span > 0;
    density = known ? std::clamp(*rule_.service / span, 0.01, 1.0) : 1;
    odds = known ? odds_of(density) : 1;
    --waiting;
    ++at_work;
  }
  void end(std::size_t i) {
    Toward* own = toward_of(i);
    for (std::size_t b = 0; b < agents_; ++b) own[b].overlap = toward[b].overlap - own[b].overlap;
    --at_work;
  }

  // Tells of those that have ended and nothing before is open.
  void tell_ended(std::size_t agent, const TurnLengths& turns, const TellHeld& tell) {
    for (; told_ < track_.open(); ++told_) {
      hold(told_, turns);
      divide_backlog(told_);
      const std::size_t sample = track_[told_].sample;
      for (; samples_told_ < sample; ++samples_told_) tell(agent, samples_told_, nullptr);
      tell(agent, samples_told_++, &held_);
    }
    // No backlog begins any more at what was done before the last one was due.
    const auto gone = static_cast<std::ptrdiff_t>(track_.forget(ahead_));
    const auto width = gone * static_cast<std::ptrdiff_t>(agents_);
    idle_of_.erase(idle_of_.begin(), idle_of_.begin() + gone);
    gathered_.erase(gathered_.begin(), gathered_.begin() + width);
    before_.erase(before_.begin(), before_.begin() + width);
    first_ += static_cast<std::size_t>(gone);
  }
  void tell_rest(std::size_t agent, const TellHeld& tell) {
    for (; samples_told_ < track_.samples(); ++samples_told_) tell(agent, samples_told_, nullptr);
  }

  // Up to now.
  int waiting = 0;
  int at_work = 0;
  double density = 1;  // share of the device that its work takes while it has it
  double odds = 1;     // that it is the one at work
  double share = 0;    // of the time that passes now
  double idle = 0;
  double idle_now = 0;  // of idle: since somebody was at work
  std::vector<Toward> toward;

 private:
  [[nodiscard]] Toward* toward_of(std::size_t i) { return &gathered_[(i - first_) * agents_]; }
  // What the agent has waited for each other before iteration `i`.
  [[nodiscard]] double* before(std::size_t i) { return &before_[(i - first_) * agents_]; }

  // Fills in held_ but for its backlog. What it finds of wait and out replaces what was gathered.
  void hold(std::size_t i, const TurnLengths& turns) {
    const bool knows_switch = turns.slice && turns.switch_over;
    Toward* gathered = toward_of(i);
    held_.switches = 0;
    held_.switches_mid_work = 0;
    double contended = 0;
    double overlap = 0;
    for (std::size_t b = 0; b < agents_; ++b) {
      held_.on[b] = {0, gathered[b].wait, 0, gathered[b].alone};
      contended += gathered[b].wait;
      overlap += gathered[b].overlap;
    }
    // Sums of differences: below a nanosecond there is nothing. Who waited for others finds the
    // device idle only while it changes over, or while its own work is launched.
    if (knows_switch && contended > 1) {
      const double while_idle = std::max(0.0, idle_of_[i - first_] - rule_.launch);
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
    if (const double out = switched_out(track_[i], overlap, turns); out > 0) {
      for (std::size_t b = 0; b < agents_; ++b) {
        held_.on[b].out = out * gathered[b].overlap / overlap;
      }
    }
    for (std::size_t b = 0; b < agents_; ++b) {
      before(i + 1)[b] = before(i)[b] + held_.on[b].wait + held_.on[b].out;
      gathered[b].wait = held_.on[b].wait;
      gathered[b].overlap = held_.on[b].out;
    }
  }

  // How long others had the device between its start and end; fills in switches_mid_work.
  double switched_out(const Iteration& own, double overlap, const TurnLengths& turns) {
    if (!rule_.uninterrupted || !rule_.interruption || overlap <= 1) return 0;
    double out = static_cast<double>(own.end - own.start) - *rule_.uninterrupted;
    if (out < *rule_.interruption / 2) return 0;
    if (turns.slice && turns.switch_over) {
      const double there_and_back =
          (1 + switches_in(out - *turns.switch_over, *turns.slice, *turns.switch_over)) *
          *turns.switch_over;
      // Others can't have had the device for longer than their own work was on it.
      out = std::min(out, overlap + there_and_back);
      held_.switches_mid_work = std::min(out, there_and_back);
    }
    return out;
  }

  // A backlog lies between two instants of iterations ahead, and what they waited in it is a
  // difference of sums.
  void divide_backlog(std::size_t i) {
    const Iteration& own = track_[i];
    const bool has_backlog = own.submit > own.due;
    if (!has_backlog && !track_.in_order()) return;
    while (ahead_ < i && track_[ahead_].done <= own.due) ++ahead_;
    if (!has_backlog || ahead_ == i) return;
    const Iteration& first = track_[ahead_];
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

  Track& track_;
  const WorkRule& rule_;
  std::size_t agents_;
  std::size_t first_ = 0;         // that the track has kept
  std::vector<double> idle_of_;   // iterations
  std::vector<Toward> gathered_;  // iterations x agents
  std::vector<double> before_;    // (iterations + 1) x agents
  std::size_t told_ = 0;
  std::size_t samples_told_ = 0;
  std::size_t ahead_ = 0;  // the first that wasn't done when the one told last was due
  Held held_;
};

class HeldTeller {
 public:
  HeldTeller(std::vector<Track>& tracks, std::span<const WorkRule> rules, const TurnLengths& turns,
             const TellHeld& tell)
      : turns_(turns), tell_(tell) {
    agents_.reserve(tracks.size());
    for (std::size_t a = 0; a < tracks.size(); ++a) {
      agents_.emplace_back(tracks[a], rules[a], tracks.size());
    }
  }

  void pass(std::int64_t from, std::int64_t to) {
    const auto length = static_cast<double>(to - from);
    double all = 0;
    for (const std::size_t b : at_work_) all += agents_[b].odds;
    for (const std::size_t b : at_work_) agents_[b].share = length * agents_[b].odds / all;
    for (Gatherer& agent : agents_) {
      if (agent.at_work > 0) {
        for (const std::size_t b : at_work_) {
          if (&agents_[b] != &agent) agent.toward[b].overlap += length * agents_[b].density;
        }
      } else if (agent.waiting > 0) {
        for (const std::size_t b : at_work_) agent.toward[b].wait += agents_[b].share;
        if (at_work_.size() == 1) agent.toward[at_work_.front()].alone += length;
        if (at_work_.empty()) {
          agent.idle += length;
          agent.idle_now += length;
        }
      }
    }
  }
  void submit(std::size_t a, std::size_t i) { agents_[a].submit(i); }
  void start(std::size_t a, std::size_t i) {
    for (std::size_t other = 0; other < agents_.size(); ++other) {
      if (other != a) agents_[other].toward[a].idle_before += agents_[other].idle_now;
      agents_[other].idle_now = 0;
    }
    agents_[a].start(i);
    if (agents_[a].at_work == 1) at_work_.insert(std::ranges::lower_bound(at_work_, a), a);
  }
  void end(std::size_t a, std::size_t i) {
    agents_[a].end(i);
    if (agents_[a].at_work == 0) at_work_.erase(std::ranges::lower_bound(at_work_, a));
    agents_[a].tell_ended(a, turns_, tell_);
  }
  void tell_rest() {
    for (std::size_t a = 0; a < agents_.size(); ++a) agents_[a].tell_rest(a, tell_);
  }

 private:
  const TurnLengths& turns_;
  const TellHeld& tell_;
  std::vector<Gatherer> agents_;
  std::vector<std::size_t> at_work_;  // ascending
};

}  // namespace

TurnSigns find_turn_signs(std::span<const AgentBlock* const> agents) {
  std::vector<Track> tracks = tracks_of(agents);
  SignFinder finder(tracks);
  follow(tracks, finder);
  return std::move(finder.signs);
}

void tell_held(std::span<const AgentBlock* const> agents, std::span<const WorkRule> rules,
               const TurnLengths& turns, const TellHeld& tell) {
  std::vector<Track> tracks = tracks_of(agents);
  HeldTeller teller(tracks, rules, turns, tell);
  follow(tracks, teller);
  teller.tell_rest();
}

}  // namespace kts::analysis
