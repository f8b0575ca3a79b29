// SPDX-License-Identifier: Apache-2.0
#include "measurement.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "block_files.hpp"
#include "kts/base/units.hpp"

namespace kts::kubernetes {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

constexpr Nanoseconds kShowEvery = 100ms;
constexpr Nanoseconds kRecordsLost = 60s;
constexpr int kMostAttempts = 5;
constexpr std::size_t kMostAnnotations = 250'000;  // all of an object's together: 256 KiB

std::string title_of(const runner::Block& block, const scenario::Scenario& scenario) {
  return block.phase == runner::Phase::kShared
             ? "shared"
             : fmt::format("solo {}", scenario.agents[block.active.front()].name);
}

}  // namespace

Measurement::Measurement(const ClusterRun& run, std::vector<runner::Block> blocks, bool on_gpu,
                         Pods& pods, const Strangers& strangers, const NodeClock& clock,
                         Journal& journal)
    : run_(run),
      scenario_(run.scenario),
      blocks_(std::move(blocks)),
      on_gpu_(on_gpu),
      pods_(pods),
      strangers_(strangers),
      clock_(clock),
      journal_(journal) {}

Status Measurement::begin() {
  Tempo tempo;
  for (const auto& slot : pods_.slots()) {
    const pod::Ready& ready = *slot->ready;
    tempo.medians.emplace_back(ready.median_iteration_ns);
    tempo.ready_ns.push_back(ready.monotonic_ns);
    if (slot->first_beat_ns) {
      tempo.start_up =
          std::max(tempo.start_up, Nanoseconds(ready.monotonic_ns - *slot->first_beat_ns));
    }
  }
  const pod::Ready& first = *pods_.slots().front()->ready;
  epoch_offset_ns_ = first.epoch_ns - first.monotonic_ns;
  timetable_.emplace(scenario_, on_gpu_, std::move(tempo));

  KTS_CHECK_OK(make_directories(run_.folder / "blocks"));
  for (const runner::Block& block : blocks_) append(block, 0);
  const std::int64_t length = last_end_ns() - clock_.now();
  const auto deadline = Nanoseconds(pods_.slots().front()->job.deadline) / 2;
  if (length > deadline.count()) {
    return environment_lacks(
        fmt::format("30 of the slowest agent's iterations a block make a run of {}",
                    format_duration(std::chrono::ceil<std::chrono::minutes>(Nanoseconds(length)))),
        "shorten the scenario's plan, or make its work smaller");
  }
  last_settled_ns_ = clock_.now();
  return write_plan(false);
}

void Measurement::append(const runner::Block& block, int attempt) {
  const bool first = planned_.empty();
  // A block that is late costs as much as it takes: pods that were get more time.
  const std::int64_t now = clock_.now();
  const std::int64_t earliest = now + (1 + attempt) * (clock_.to_node(pods_.told_by()) - now);
  const std::int64_t not_before = first ? earliest : std::max(earliest, last_end_ns());
  planned_.push_back(
      {block, attempt,
       timetable_->place(block, static_cast<int>(planned_.size()) + 1,
                         first ? nullptr : &planned_.back().block, not_before, attempt)});
}

Status Measurement::write_plan(bool ended) {
  pod::Plan plan;
  plan.epoch_offset_ns = epoch_offset_ns_;
  plan.end = ended;
  for (const Planned& planned : planned_) plan.blocks.push_back(planned.times);
  plan_ = to_json(plan);
  if (plan_.size() <= kMostAnnotations) return {};
  return environment_lacks(
      fmt::format("a plan of {} blocks for {} agents is larger than an annotation may be",
                  planned_.size(), scenario_.agents.size()),
      "run fewer cycles");
}

Status Measurement::end() { return write_plan(true); }

bool Measurement::over() const {
  return std::ranges::all_of(planned_, [](const Planned& planned) { return planned.over; });
}

bool Measurement::between_blocks() const {
  const std::int64_t instant = clock_.now();
  return std::ranges::none_of(planned_, [&](const Planned& planned) {
    return instant >= planned.times.calibrate_ns && instant < end_ns(planned.times);
  });
}

Status Measurement::settle() {
  show_progress();
  bool repeats = false;
  for (std::size_t i = 0; i < planned_.size(); ++i) {
    if (planned_[i].over) continue;
    const std::int64_t end = end_ns(planned_[i].times);
    if (clock_.now() < end) break;
    const std::string why = why_missed(planned_[i]);
    if (!heard_all_since(end)) continue;
    if (why.empty() && !delivered(planned_[i])) {
      const MonotonicTime last =
          std::max(pods_.last_records(), clock_.to_ours(std::max(end, last_settled_ns_)));
      if (clock_.to_ours(clock_.now()) - last < kRecordsLost) continue;
      return fail(ErrorCode::kInconclusive,
                  fmt::format("no records of block {} have come for {}", planned_[i].times.index,
                              format_duration(kRecordsLost)),
                  "see the pods' logs");
    }
    planned_[i].over = true;
    last_settled_ns_ = clock_.now();
    if (why.empty()) {
      KTS_CHECK_OK(write(planned_[i]));
      continue;
    }
    KTS_CHECK_OK(repeat(Planned(planned_[i]), why));
    repeats = true;
  }
  return repeats ? write_plan(false) : Status{};
}

bool Measurement::heard_all_since(std::int64_t instant) const {
  return std::ranges::all_of(pods_.slots(), [&](const auto& slot) {
    return slot->beat && slot->beat->monotonic_ns >= instant;
  });
}

bool Measurement::delivered(const Planned& planned) const {
  return std::ranges::all_of(planned.block.active, [&](std::size_t agent) {
    const auto found = slot(agent).blocks.find(planned.times.index);
    return found != slot(agent).blocks.end() && found->second.whole;
  });
}

std::string Measurement::why_missed(const Planned& planned) const {
  for (const auto& slot : pods_.slots()) {
    const auto& missed = slot->log->reader().missed();
    if (const auto found = missed.find(planned.times.index); found != missed.end()) {
      return fmt::format("{}: {}", pods_.name_of(*slot), found->second);
    }
    const auto log = slot->blocks.find(planned.times.index);
    if (log != slot->blocks.end() && log->second.whole && !log->second.header.complete) {
      return fmt::format("{}: incomplete", pods_.name_of(*slot));
    }
  }
  const std::string stranger = strangers_.seen_between(clock_.to_ours(planned.times.calibrate_ns),
                                                       clock_.to_ours(end_ns(planned.times)));
  return stranger.empty() ? std::string() : fmt::format("pod {} came to the node's GPUs", stranger);
}

Status Measurement::repeat(const Planned& planned, const std::string& why) {
  for (const auto& slot : pods_.slots()) slot->blocks.erase(planned.times.index);
  const std::string what =
      fmt::format("block {} ({})", planned.times.index, title_of(planned.block, scenario_));
  const std::size_t repeats = planned_.size() - blocks_.size();
  if (planned.attempt + 1 >= kMostAttempts || repeats >= std::max<std::size_t>(8, blocks_.size())) {
    return fail(ErrorCode::kInconclusive,
                fmt::format("{} could not be measured after {} attempts: {}", what,
                            planned.attempt + 1, why),
                why.starts_with("pod ") ? "keep others from the node while it is measured, or "
                                          "measure beside them with --allow-neighbours"
                                        : "the node is too busy to keep its times; free it");
  }
  journal_.note(fmt::format("{} is repeated: {}", what, why));
  repeated_.push_back(fmt::format("{}: {}", what, why));
  append(planned.block, planned.attempt + 1);
  return {};
}

Status Measurement::write(const Planned& planned) {
  MeasuredBlock measured{planned.block, planned.attempt, {}};
  measured.block.index = planned.times.index;
  for (const std::size_t agent : planned.block.active) {
    auto log = slot(agent).blocks.extract(planned.times.index);
    measured.logs.emplace(agent, std::move(log.mapped()));
  }
  KTS_TRY(
      const std::vector<record::BlockEnd> ends,
      write_block(run_.folder / "blocks" / folder_name(measured.block, scenario_, blocks_.size()),
                  measured, scenario_));
  runner::ProgressState state = progress_state(planned);
  for (std::size_t i = 0; i < ends.size(); ++i) {
    const double seconds = 1e-9 * static_cast<double>(std::max<std::int64_t>(
                                      1, ends[i].generation_stop_ns - ends[i].generation_start_ns));
    state.rates.push_back({scenario_.agents[planned.block.active[i]].name,
                           static_cast<double>(ends[i].iterations) / seconds});
  }
  journal_.progress().block_done(state);
  return {};
}

void Measurement::keep_what_is_whole() {
  for (const Planned& planned : planned_) {
    if (planned.over || !why_missed(planned).empty() || !delivered(planned)) continue;
    if (!write(planned)) return;
  }
}

runner::ProgressState Measurement::progress_state(const Planned& planned) const {
  runner::ProgressState state;
  state.block = planned.times.index;
  state.blocks = static_cast<int>(planned_.size());
  state.cycle = planned.block.cycle;
  state.cycles = scenario_.plan.cycles;
  state.what = title_of(planned.block, scenario_);
  state.remaining = Nanoseconds(std::max<std::int64_t>(0, last_end_ns() - clock_.now()));
  return state;
}

void Measurement::show_progress() {
  const std::int64_t instant = clock_.now();
  if (instant < next_shown_ns_) return;
  next_shown_ns_ = instant + kShowEvery.count();
  for (const Planned& planned : planned_) {
    if (instant < planned.times.start_ns || instant >= end_ns(planned.times)) continue;
    runner::ProgressState state = progress_state(planned);
    for (const std::size_t agent : planned.block.active) {
      const auto& beat = slot(agent).beat;
      if (!beat || beat->block != planned.times.index) continue;
      const double seconds =
          static_cast<double>(beat->monotonic_ns - planned.times.start_ns) * 1e-9;
      if (seconds <= 0) continue;
      state.rates.push_back(
          {scenario_.agents[agent].name, static_cast<double>(beat->iterations) / seconds});
    }
    if (!state.rates.empty()) journal_.progress().update(state);
    return;
  }
}

}  // namespace kts::kubernetes
