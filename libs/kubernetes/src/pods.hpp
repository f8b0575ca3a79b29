// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "journal.hpp"
#include "kts/kubernetes/environment.hpp"
#include "kts/kubernetes/run.hpp"
#include "node_clock.hpp"
#include "one_card.hpp"
#include "slot.hpp"
#include "watch_sink.hpp"

namespace kts::kubernetes {

// The run's Jobs and their pods: makes them, follows what becomes of them and what they say, tells
// them the plan and what of their records has arrived, and removes them. The transport's wait()
// moves it; check() says what went wrong meanwhile.
class Pods {
 public:
  Pods(kube::Client& client, const ClusterRun& run, Journal& journal, NodeClock& clock);

  // The logs for what workers say beside their records, in the run's folder.
  [[nodiscard]] Status open_logs();
  [[nodiscard]] Status watch(bool events);
  [[nodiscard]] Status create(std::size_t agent);

  [[nodiscard]] bool all_ready() const;
  [[nodiscard]] std::vector<Seat> seats() const;  // of those that are ready
  // Why some are not ready after all that time.
  [[nodiscard]] Error why_not_ready() const;
  // Removes the pods on other cards, and of agents that have one.
  [[nodiscard]] Result<std::size_t> keep_those_on(const std::string& card);
  [[nodiscard]] bool others_are_gone() const;
  // Forgets what was removed; from here on slots() are in the scenario's order.
  void line_up();

  [[nodiscard]] const std::vector<std::unique_ptr<Slot>>& slots() const { return slots_; }
  [[nodiscard]] const std::string& name_of(const Slot& slot) const {
    return run_.scenario.agents[slot.agent].name;
  }

  // What goes wrong while pods run.
  [[nodiscard]] Status check();
  // Brings annotations to what they should be: the plan, and what has arrived. Where `quiet` is
  // false only those that lack the plan, so that nothing disturbs what is measured.
  [[nodiscard]] Status tell(const std::string& plan, bool quiet);
  // Not waiting for the pause between two patches.
  [[nodiscard]] Status tell_now(const std::string& plan);
  // When a plan that is told now will have come to all pods.
  [[nodiscard]] MonotonicTime told_by() const;
  // That any one pod printed since it was last told what has arrived, at most.
  [[nodiscard]] std::size_t unacknowledged_bytes() const;
  // When records came last.
  [[nodiscard]] MonotonicTime last_records() const { return last_records_; }

  // From here on pods may leave.
  void let_leave() { may_leave_ = true; }
  [[nodiscard]] bool have_left() const;
  // Deletes the Jobs, and what happens to pods is no failure any more.
  [[nodiscard]] Status remove_all();
  // After it: whether the API server, which knows more than the watch, has none of the run's Jobs
  // and pods any more. False where it doesn't answer.
  [[nodiscard]] Result<bool> have_gone();
  [[nodiscard]] std::vector<PodFacts> facts() const;

 private:
  void on_pod(const kube::Value& pod);
  void on_gone(const kube::Value& pod);
  void on_event(const kube::Value& event);
  void explain_loss(const Slot& slot);
  [[nodiscard]] bool is_cordoned(const Slot& slot);
  void on_said(Slot& slot, pod::LogReader::Event&& event);
  void write_aside(const Slot& slot, std::string_view text);
  void note_state(Slot& slot);
  void give_up(const Slot& slot, std::string_view reason, std::string message, std::string hint);
  void look_at_ends();
  [[nodiscard]] Status look_for_silence();
  [[nodiscard]] Status patch(Slot& slot, const std::string& plan);
  [[nodiscard]] Status remove_job(const Slot& slot);
  [[nodiscard]] Slot* slot_of(const kube::Value& pod);
  [[nodiscard]] MonotonicTime now() const { return client_.transport().now(); }

  kube::Client& client_;
  const ClusterRun& run_;
  Journal& journal_;
  NodeClock& clock_;
  std::vector<OutputFile> logs_;
  std::size_t aside_bytes_ = 0;

  std::vector<std::unique_ptr<Slot>> slots_;
  std::optional<Error> failure_;
  bool may_leave_ = false, removing_ = false, silence_noted_ = false;
  MonotonicTime last_records_{}, next_look_{};

  WatchSink sink_, events_;
  std::optional<kube::Watch> watch_, event_watch_;
};

}  // namespace kts::kubernetes
