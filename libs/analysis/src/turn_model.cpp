// SPDX-License-Identifier: Apache-2.0
#include "kts/analysis/turn_model.hpp"

#include <algorithm>
#include <deque>
#include <limits>
#include <optional>

namespace kts::analysis {
namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();

// The host side of one agent and its queue on the device.
class Client {
 public:
  explicit Client(const TurnAgent& agent) : agent_(agent) { submit_next(0); }

  // When the device could work for it next; at once where it is in the middle of something.
  [[nodiscard]] double ready_ms() const {
    if (queue_.empty()) return kNever;
    return queue_.front().ready_ms;
  }
  [[nodiscard]] double left_ms() const { return queue_.front().left_ms; }

  // Works for `length_ms` from `now_ms` on; returns whether that ended an iteration.
  bool work(double now_ms, double length_ms) {
    Queued& first = queue_.front();
    if (!first.begun) {
      first.begun = true;
      first.instants.start_ms = now_ms;
    }
    first.left_ms -= length_ms;
    if (first.left_ms > 1e-9) return false;
    first.instants.end_ms = now_ms + length_ms;
    first.instants.done_ms = std::max(first.instants.end_ms + first.notify_ms, done_ms_);
    done_ms_ = first.instants.done_ms;
    finished_.push_back(first.instants);
    queue_.pop_front();
    if (queue_.empty()) submit_next(done_ms_);
    return true;
  }
  [[nodiscard]] std::vector<TurnInstants> take() { return std::move(finished_); }

 private:
  struct Queued {
    TurnInstants instants;
    double ready_ms = 0;
    double left_ms = 0;
    double notify_ms = 0;
    bool begun = false;
  };

  void submit_next(double free_ms) {
    const std::size_t batch = agent_.closed ? std::max<std::size_t>(1, agent_.in_flight) : 1;
    for (std::size_t k = 0; k < batch && next_ < agent_.work.size(); ++k, ++next_) {
      const TurnWork& work = agent_.work[next_];
      if (agent_.closed && k == 0) submit_ms_ = free_ms + work.think_ms;
      if (!agent_.closed) submit_ms_ = std::max(work.due_ms, free_ms);
      Queued queued;
      queued.instants.due_ms = agent_.closed ? submit_ms_ : work.due_ms;
      queued.instants.submit_ms = submit_ms_;
      queued.ready_ms = submit_ms_ + work.launch_ms;
      queued.left_ms = std::max(0.0, work.service_ms);
      queued.notify_ms = work.notify_ms;
      queue_.push_back(queued);
    }
  }

  const TurnAgent& agent_;
  std::size_t next_ = 0;
  double submit_ms_ = 0;
  double done_ms_ = 0;
  std::deque<Queued> queue_;
  std::vector<TurnInstants> finished_;
};

}  // namespace

std::vector<std::vector<TurnInstants>> take_turns(const TurnRules& rules,
                                                  const std::vector<TurnAgent>& agents,
                                                  double until_ms) {
  std::vector<Client> clients;
  clients.reserve(agents.size());
  for (const TurnAgent& agent : agents) clients.emplace_back(agent);
  const std::size_t k = clients.size();
  double now = 0;
  std::size_t holder = 0;  // of the device
  double slice_end = rules.slice_ms;
  // Who else could work now, the next in order; holder if nobody.
  const auto next_ready = [&](double at) {
    for (std::size_t step = 1; step < k; ++step) {
      const std::size_t other = (holder + step) % k;
      if (clients[other].ready_ms() <= at) return other;
    }
    return holder;
  };
  const auto hand_over = [&](std::size_t to) {
    if (to != holder) now += rules.switch_ms;
    holder = to;
    slice_end = now + rules.slice_ms;
  };
  while (k > 0 && now < until_ms) {
    Client& client = clients[holder];
    if (client.ready_ms() <= now) {
      if (now >= slice_end) {
        const std::size_t other = next_ready(now);
        if (other != holder) {
          hand_over(other);
          continue;
        }
        slice_end = now + rules.slice_ms;
      }
      const double length = std::min(client.left_ms(), slice_end - now);
      client.work(now, length);
      now += length;
      continue;
    }
    // Without work: how long it keeps the device nevertheless, and who wants it first.
    const double kept_until =
        rules.work_conserving ? std::min(slice_end, now + rules.idle_hold_ms) : slice_end;
    double first_other = kNever;
    for (std::size_t c = 0; c < k; ++c) {
      if (c != holder) first_other = std::min(first_other, clients[c].ready_ms());
    }
    const double given_up = std::max(kept_until, first_other);
    if (client.ready_ms() <= given_up) {
      now = client.ready_ms();
      if (now == kNever) break;
      if (now >= slice_end) slice_end = now + rules.slice_ms;
      continue;
    }
    now = std::max(now, given_up);
    if (now >= until_ms) break;
    hand_over(next_ready(now));
  }
  std::vector<std::vector<TurnInstants>> result;
  for (Client& client : clients) result.push_back(client.take());
  return result;
}

}  // namespace kts::analysis
