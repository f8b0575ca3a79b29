// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kts/kubernetes/timetable.hpp"
#include "pods.hpp"
#include "strangers.hpp"

namespace kts::kubernetes {

// The run's blocks: gives them their times, sees what became of each, writes those that are as they
// should be, and appends the others again.
class Measurement {
 public:
  Measurement(const ClusterRun& run, std::vector<runner::Block> blocks, bool on_gpu, Pods& pods,
              const Strangers& strangers, const NodeClock& clock, Journal& journal);

  // Once all pods are ready.
  [[nodiscard]] Status begin();
  [[nodiscard]] bool began() const { return !plan_.empty(); }
  // Blocks that are over by now.
  [[nodiscard]] Status settle();
  [[nodiscard]] bool over() const;
  [[nodiscard]] Status end();  // no more blocks will come
  // After a failure: the last blocks are whole, though not all pods have said so.
  void keep_what_is_whole();

  // What the pods are to know: pod::Plan as JSON; empty before begin().
  [[nodiscard]] const std::string& plan() const { return plan_; }
  // Whether a patch disturbs nothing that is measured, nor waits in vain.
  [[nodiscard]] bool between_blocks() const;

  [[nodiscard]] std::int64_t epoch_offset_ns() const { return epoch_offset_ns_; }
  [[nodiscard]] std::int64_t first_start_ns() const { return planned_.front().times.start_ns; }
  [[nodiscard]] std::int64_t last_end_ns() const { return end_ns(planned_.back().times); }
  // "block 7 (shared): fft: late"
  [[nodiscard]] const std::vector<std::string>& repeated() const { return repeated_; }

 private:
  struct Planned {
    runner::Block block;
    int attempt = 0;
    pod::Block times;
    bool over = false;
  };
  void append(const runner::Block& block, int attempt);
  [[nodiscard]] Status write_plan(bool ended);
  [[nodiscard]] bool heard_all_since(std::int64_t instant) const;
  [[nodiscard]] bool delivered(const Planned& planned) const;
  [[nodiscard]] std::string why_missed(const Planned& planned) const;
  [[nodiscard]] Status repeat(const Planned& planned, const std::string& why);
  [[nodiscard]] Status write(const Planned& planned);
  void show_progress();
  [[nodiscard]] runner::ProgressState progress_state(const Planned& planned) const;
  [[nodiscard]] Slot& slot(std::size_t agent) const { return *pods_.slots()[agent]; }

  const ClusterRun& run_;
  const scenario::Scenario& scenario_;
  std::vector<runner::Block> blocks_;
  bool on_gpu_;
  Pods& pods_;
  const Strangers& strangers_;
  const NodeClock& clock_;
  Journal& journal_;

  std::optional<Timetable> timetable_;
  std::int64_t epoch_offset_ns_ = 0;
  std::vector<Planned> planned_;
  std::string plan_;
  std::vector<std::string> repeated_;
  std::int64_t last_settled_ns_ = 0, next_shown_ns_ = 0;  // of the node's clock
};

}  // namespace kts::kubernetes
