// SPDX-License-Identifier: Apache-2.0
#include "kts/kubernetes/run.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <random>
#include <set>

#include "kts/base/files.hpp"
#include "kts/base/units.hpp"
#include "kts/kubernetes/access.hpp"
#include "kts/kubernetes/environment.hpp"
#include "kts/kubernetes/pod_state.hpp"
#include "kts/kubernetes/timetable.hpp"
#include "kts/record/block_log.hpp"
#include "kts/record/codec.hpp"
#include "kts/runner/local_run.hpp"
#include "kts/runner/plan.hpp"
#include "kts/runner/session.hpp"
#include "kts/workload/registry.hpp"
#include "slot.hpp"
#include "watch_sink.hpp"
#include "worker_arguments.hpp"

namespace kts::kubernetes {
namespace {

using Json = nlohmann::ordered_json;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

// From a patch to the pods: 0.1 to 0.2 s where nobody is busy; a block that is late costs as much.
constexpr Nanoseconds kLead = 1500ms;
constexpr Nanoseconds kTick = 100ms;
constexpr Nanoseconds kPatchPause = 200ms;
constexpr Nanoseconds kPatchRetry = 1s;
constexpr Nanoseconds kSilence = 10s;  // of a pod that beats every second
constexpr Nanoseconds kLostForGood = 60s;
constexpr Nanoseconds kLastWords = 5s;  // of a pod that failed
constexpr Nanoseconds kLeaveWithin = 10s;
constexpr Nanoseconds kGoneWithin = 30s;
constexpr int kMostAttempts = 5;
constexpr std::size_t kMostAnnotations = 250'000;  // all of an object's together: 256 KiB

std::string title_of(const runner::Block& block, const scenario::Scenario& scenario) {
  return block.phase == runner::Phase::kShared
             ? "shared"
             : fmt::format("solo {}", scenario.agents[block.active.front()].name);
}

bool asks_for_gpu(const kube::Value& pod) {
  for (const char* list : {"containers", "initContainers"}) {
    for (const kube::Value& container : pod["spec"][list].items()) {
      for (const char* kind : {"limits", "requests"}) {
        for (const auto& [name, quantity] : container["resources"][kind].members()) {
          if (name.starts_with("nvidia.com/")) return true;
        }
      }
    }
  }
  return false;
}

std::optional<record::BlockEnd> end_of(const std::string& records) {
  const auto at = records.rfind("KTS_END,");
  if (at == std::string::npos || (at > 0 && records[at - 1] != '\n')) return std::nullopt;
  const std::string line = records.substr(at, records.find('\n', at) - at);
  const record::Line parsed = record::parse_line(line);
  const auto* end = std::get_if<record::EndLine>(&parsed);
  if (end == nullptr) return std::nullopt;
  auto value = record::parse_end(end->json);
  if (!value) return std::nullopt;
  return *std::move(value);
}

JobSpec job_spec(const ClusterRun& run, std::size_t agent, std::size_t slot) {
  const scenario::Scenario& scenario = run.scenario;
  JobSpec job;
  job.agent = scenario.agents[agent].name;
  job.name = job_name(run.run, slot, job.agent);
  job.name_space = run.name_space;
  job.run = run.run;
  job.image = run.image;
  job.pull_policy = run.pull_policy;
  job.worker = worker_arguments(scenario, agent, run.place.cores);
  job.resource = run.place.resource;
  job.node_selector = run.place.node_selector;
  job.together = run.place.node.empty();
  job.tolerations = run.tolerations;
  job.runtime_class = run.place.runtime_class;
  if (runner::device_kind(scenario.device) == "cuda") {
    const scenario::WorkloadSpec& workload = scenario.agents[agent].workload;
    job.gpu_memory_bytes = workload::operand_bytes(workload.kind, workload.size);
  }
  // A net for what is left without kts: never shorter than a run can take.
  const auto blocks = static_cast<double>(
      runner::plan_blocks(scenario, runner::device_kind(scenario.device) == "cuda").size());
  const double block = std::chrono::duration<double>(scenario.plan.block).count();
  const double start = std::chrono::duration<double>(run.start_timeout).count();
  job.deadline =
      std::chrono::seconds(static_cast<std::int64_t>(1800 + 3 * start + blocks * (4 * block + 10)));
  return job;
}

// A block of the plan and what became of it.
struct Planned {
  runner::Block block;
  int attempt = 0;
  pod::Block times;
  bool over = false;
};

struct Stranger {
  std::string name;
  MonotonicTime from{}, to = MonotonicTime::max();
};

class Execution {
 public:
  Execution(kube::Client& client, const ClusterRun& run, runner::Progress& progress)
      : client_(client),
        transport_(client.transport()),
        run_(run),
        scenario_(run.scenario),
        progress_(progress),
        on_gpu_(runner::device_kind(run.scenario.device) == "cuda"),
        blocks_(runner::plan_blocks(run.scenario, on_gpu_)),
        pods_([this](const kube::Value& pod) { on_pod(pod); },
              [this](const kube::Value& pod) { on_pod_gone(pod); },
              [this](const kube::ApiError& error) { on_watch_failure(error); }),
        events_([this](const kube::Value& event) { on_event(event); }, [](const kube::Value&) {},
                [](const kube::ApiError&) {}),
        others_([this](const kube::Value& pod) { on_other(pod); },
                [this](const kube::Value& pod) { on_other_gone(pod); },
                [this](const kube::ApiError& error) {
                  warn(fmt::format("others' pods can't be seen any more: {}", error.message));
                }) {}

  Status execute() {
    KTS_TRY(permissions_, check_access(client_, run_.name_space));
    KTS_CHECK_OK(make_directories(run_.folder / "workers"));
    KTS_CHECK_OK(write_file(run_.folder / "scenario.yaml", to_yaml(scenario_)));
    describe();
    for (const scenario::AgentSpec& agent : scenario_.agents) {
      KTS_TRY(OutputFile log,
              OutputFile::create(run_.folder / "workers" / fmt::format("{}.log", agent.name)));
      worker_logs_.push_back(std::move(log));
    }
    Status measured = measure();
    if (!measured) keep_what_is_whole();
    const Status removed = clean_up();
    take_pod_facts();
    Status written = write_file(run_.folder / "environment.json", to_json(environment_));
    KTS_CHECK_OK(measured);
    KTS_CHECK_OK(removed);
    return written;
  }

 private:
  // --- before the first block

  void describe() {
    const auto now = std::chrono::time_point_cast<Nanoseconds>(std::chrono::system_clock::now());
    environment_.started = utc_iso8601(now);
    environment_.device_kind = runner::device_kind(scenario_.device);
    environment_.sharing = scenario_.sharing;
    environment_.sync = sync_of(scenario_);
    environment_.server_version = run_.server_version;
    environment_.name_space = run_.name_space;
    environment_.run = run_.run;
    environment_.image = run_.image;
    environment_.place = run_.place;
    environment_.allow_neighbours = run_.allow_neighbours;
    for (const std::string& warning : run_.place.warnings) warn(warning);
    if (!permissions_.events) {
      warn(
          "events can't be seen, so some reasons for which a pod doesn't start come late; the Role "
          "of deploy/rbac/run.yaml permits to look");
    }
    if (!run_.place.neighbours.empty()) {
      warn(fmt::format("measured beside others: {} held GPUs of node {}",
                       fmt::join(run_.place.neighbours, ", "), run_.place.node));
    }
  }

  void warn(std::string text) {
    progress_.note(fmt::format("warning: {}", text));
    environment_.warnings.push_back(std::move(text));
  }

  Status measure() {
    KTS_CHECK_OK(start_watches());
    created_at_ = now();
    for (std::size_t i = 0; i < scenario_.agents.size(); ++i) KTS_CHECK_OK(create_slot(i));
    KTS_CHECK_OK(gather());
    environment_.times.until_ready = since(created_at_);
    KTS_CHECK_OK(meet());
    KTS_CHECK_OK(make_plan());
    KTS_CHECK_OK(follow_plan());
    const double after = static_cast<double>(node_now() - pod::end_ns(planned_.back().times));
    environment_.times.until_records = std::max(0.0, after * 1e-9);
    records_at_ = now();
    return dismiss();
  }

  Status start_watches() {
    kube::Watch::Options options;
    options.give_up_after = kLostForGood;
    options.list.label_selector = fmt::format("{}={}", kRunLabel, run_.run);
    pod_watch_.emplace(client_, kube::collection(kube::kPods, run_.name_space), options, pods_);
    if (auto begun = pod_watch_->start(); !begun) return tl::unexpected<Error>(begun.error());
    if (permissions_.events) {
      options.list.label_selector.clear();
      options.list.field_selector = "involvedObject.namespace=" + run_.name_space;
      event_watch_.emplace(client_, kube::collection(kube::kEvents, run_.name_space), options,
                           events_);
      if (!event_watch_->start()) event_watch_.reset();
    }
    if (run_.place.sees_neighbours && !run_.place.node.empty() && !run_.allow_neighbours) {
      options.list.label_selector = fmt::format("{}!={}", kRunLabel, run_.run);
      options.list.field_selector = "spec.nodeName=" + run_.place.node;
      other_watch_.emplace(client_, kube::collection(kube::kPods), options, others_);
      if (auto begun = other_watch_->start(); !begun) {
        warn(fmt::format("others' pods can't be seen: {}", begun.error().message));
        other_watch_.reset();
      }
    }
    return {};
  }

  Status create_slot(std::size_t agent) {
    auto slot = std::make_unique<Slot>();
    slot->agent = agent;
    slot->job = job_spec(run_, agent, slots_.size());
    Slot& made = *slots_.emplace_back(std::move(slot));
    auto answer = client_.create(kube::collection(kube::kJobs, run_.name_space), to_json(made.job));
    if (answer) return {};
    slots_.pop_back();
    ApiError error = std::move(answer).error();
    if (error.forbidden() && error.message.find("being terminated") != std::string::npos) {
      error.hint = "wait until the namespace is gone, or choose another with --namespace";
    }
    return tl::unexpected<Error>(std::move(error));
  }

  [[nodiscard]] bool all_ready() const {
    return std::ranges::all_of(
        slots_, [](const auto& slot) { return slot->dropped || slot->ready.has_value(); });
  }

  // All agents' pods ready, and on one card.
  Status gather() {
    const std::size_t agents = scenario_.agents.size();
    for (;;) {
      KTS_CHECK_OK(until([this] { return all_ready(); }, now() + run_.start_timeout,
                         [this] { return not_ready(); }));
      std::map<std::string, std::set<std::size_t>> on_card;
      for (const auto& slot : slots_) on_card[slot->ready->uuid].insert(slot->agent);
      const auto best = std::ranges::max_element(
          on_card, {}, [](const auto& card) { return card.second.size(); });
      if (on_card.contains("")) {
        if (agents > 1) {
          warn("which card the pods were given is not known, so that they share one is not proven");
        }
        return {};
      }
      if (best->second.size() == agents) return keep_those_on(best->first);
      // Where the node can't be seen there may be one more than we know.
      const auto cards = static_cast<std::size_t>(
          run_.place.cards.value_or(static_cast<std::int64_t>(on_card.size()) + 1));
      // A plugin that keeps pods apart gives the cards one pod each in turn, and a pod is one
      // agent's for good, so this many bring them all onto one.
      const auto slots = static_cast<std::size_t>(std::max<std::int64_t>(
          0, run_.place.free_slots.value_or(static_cast<std::int64_t>(agents * cards))));
      const std::size_t most = std::min(agents * cards, slots);
      if (slots_.size() >= most) return not_one_card(on_card.size());
      progress_.note(fmt::format(
          "{} of {} agents are on one of the node's cards; {} more pod{} will find out where the "
          "device plugin puts the others",
          best->second.size(), agents, std::min(agents - best->second.size(), most - slots_.size()),
          agents - best->second.size() == 1 ? "" : "s"));
      for (std::size_t agent = 0; agent < agents && slots_.size() < most; ++agent) {
        if (!best->second.contains(agent)) KTS_CHECK_OK(create_slot(agent));
      }
    }
  }

  tl::unexpected<Error> not_one_card(std::size_t cards) const {
    return fail(
        ErrorCode::kInconclusive,
        fmt::format(
            "the device plugin puts the {} agents' pods on {} cards of node {}, and too few "
            "slots are free to bring them onto one",
            scenario_.agents.size(), cards, run_.place.node),
        "set the plugin's flag sharedDevicesAllocationPolicy to packed (v0.20), choose a node of "
        "one card with --node, or run fewer agents");
  }

  Status keep_those_on(const std::string& card) {
    std::set<std::size_t> kept;
    std::size_t removed = 0;
    for (const auto& slot : slots_) {
      if (slot->ready->uuid == card && kept.insert(slot->agent).second) continue;
      slot->dropped = true;
      ++removed;
      slot->log.reset();
      if (auto gone = remove_job(*slot); !gone) return gone;
    }
    if (removed == 0) return {};
    progress_.note(fmt::format("all agents are on {}; {} pod{} on other cards end{}", card, removed,
                               removed == 1 ? "" : "s", removed == 1 ? "s" : ""));
    return until(
        [this] {
          return std::ranges::none_of(
              slots_, [](const auto& slot) { return slot->dropped && !slot->uid.empty(); });
        },
        now() + kGoneWithin,
        [] {
          return Error{ErrorCode::kEnvironment, "pods on other cards don't end", {}, {}};
        });
  }

  Error not_ready() const {
    for (const auto& slot : slots_) {
      if (slot->dropped || slot->ready) continue;
      std::string reason = slot->state.reason;
      std::string message = slot->state.message;
      if (slot->trouble && (reason.empty() || slot->pod.empty())) {
        reason = slot->trouble->reason;
        message = slot->trouble->message;
      }
      const std::string words = slot->pod.empty() && reason.empty()
                                    ? "the Job controller has made no pod"
                                : reason.empty() ? slot->state.words()
                                                 : fmt::format("{}: {}", reason, message);
      if (reason == "Unschedulable" && slots_.size() > scenario_.agents.size()) {
        return not_one_card(2).value();
      }
      std::string hint = hint_for(reason, message);
      if (hint.empty()) {
        hint = fmt::format("kubectl -n {} describe {}", run_.name_space,
                           slot->pod.empty() ? "job " + slot->job.name : "pod " + slot->pod);
      }
      return {ErrorCode::kEnvironment,
              fmt::format("the pod is not ready after {}: {}", format_duration(run_.start_timeout),
                          words),
              std::move(hint), fmt::format("agent {}", name_of(*slot))};
    }
    return {ErrorCode::kInternal, "all pods are ready", {}, {}};
  }

  // What the READY lines told.
  Status meet() {
    std::erase_if(slots_, [](const auto& slot) { return slot->dropped; });
    std::ranges::sort(slots_, {}, [](const auto& slot) { return slot->agent; });
    std::set<std::string> nodes;
    for (const auto& slot : slots_) {
      const pod::Ready& ready = *slot->ready;
      if (!ready.node.empty()) nodes.insert(ready.node);
      tempo_.medians.emplace_back(ready.median_iteration_ns);
      if (slot->first_beat_ns) {
        tempo_.start_up =
            std::max(tempo_.start_up, Nanoseconds(ready.monotonic_ns - *slot->first_beat_ns));
      }
      if (ready.device != environment_.device_kind) {
        return environment_lacks(fmt::format("the worker uses device {}, not {}", ready.device,
                                             environment_.device_kind),
                                 "use an image with the CUDA backend, or choose --device",
                                 fmt::format("agent {}", name_of(*slot)));
      }
    }
    if (nodes.size() > 1) {
      return environment_lacks(fmt::format("the pods are on {} nodes", nodes.size()),
                               "choose one with --node");
    }
    const pod::Ready& first = *slots_.front()->ready;
    if (environment_.place.node.empty()) environment_.place.node = first.node;
    environment_.device_name = first.device_name;
    if (on_gpu_) environment_.device_uuid = first.uuid;
    epoch_offset_ns_ = first.epoch_ns - first.monotonic_ns;
    timetable_.emplace(scenario_, on_gpu_, tempo_);
    progress_.note(fmt::format("{} pod{} ready on node {}{}", slots_.size(),
                               slots_.size() == 1 ? " is" : "s are",
                               first.node.empty() ? "?" : first.node,
                               first.uuid.empty() ? "" : fmt::format(", card {}", first.uuid)));
    return {};
  }

  // --- the plan

  // The node's clock; behind it by as long as a line takes to come here.
  [[nodiscard]] std::int64_t node_now() const {
    return now().time_since_epoch().count() - lag_.value_or(0);
  }
  void hear(std::int64_t monotonic_ns) {
    const std::int64_t lag = now().time_since_epoch().count() - monotonic_ns;
    if (!lag_ || lag < *lag_) lag_ = lag;
  }

  Status make_plan() {
    KTS_CHECK_OK(make_directories(run_.folder / "blocks"));
    for (const runner::Block& block : blocks_) append(block, 0);
    const std::int64_t length = pod::end_ns(planned_.back().times) - node_now();
    const auto deadline = Nanoseconds(slots_.front()->job.deadline) / 2;
    if (length > deadline.count()) {
      return environment_lacks(
          fmt::format(
              "30 of the slowest agent's iterations a block make a run of {}",
              format_duration(std::chrono::ceil<std::chrono::minutes>(Nanoseconds(length)))),
          "shorten the scenario's plan, or make its work smaller");
    }
    KTS_CHECK_OK(write_plan());
    for (const auto& slot : slots_) KTS_CHECK_OK(patch(*slot));
    first_start_ns_ = planned_.front().times.start_ns;
    environment_.times.until_begun =
        since(created_at_) + static_cast<double>(first_start_ns_ - node_now()) * 1e-9;
    began_ = true;
    last_progress_ = now();
    return {};
  }

  void append(const runner::Block& block, int attempt) {
    const bool first = planned_.empty();
    const std::int64_t earliest = node_now() + kLead.count();
    const std::int64_t not_before =
        first ? earliest : std::max(earliest, pod::end_ns(planned_.back().times));
    planned_.push_back(
        {block, attempt,
         timetable_->place(block, static_cast<int>(planned_.size()) + 1,
                           first ? nullptr : &planned_.back().block, not_before, attempt)});
  }

  Status write_plan() {
    pod::Plan plan;
    plan.epoch_offset_ns = epoch_offset_ns_;
    plan.end = ended_;
    for (const Planned& planned : planned_) plan.blocks.push_back(planned.times);
    plan_text_ = to_json(plan);
    if (plan_text_.size() <= kMostAnnotations) return {};
    return environment_lacks(
        fmt::format("a plan of {} blocks for {} agents is larger than an annotation may be",
                    planned_.size(), slots_.size()),
        "run fewer cycles");
  }

  // Whether a patch disturbs nothing that is measured, nor waits in vain.
  [[nodiscard]] bool between_blocks() const {
    const std::int64_t instant = node_now();
    return std::ranges::none_of(planned_, [&](const Planned& planned) {
      return instant >= planned.times.calibrate_ns && instant < pod::end_ns(planned.times);
    });
  }

  // Brings a pod's annotations to what they should be.
  Status patch(Slot& slot) {
    const std::string ack = to_json(slot.log->reader().ack());
    const bool acks = slot.next_chunk > 0 || !slot.ack.empty();
    Json annotations = Json::object();
    if (slot.plan != plan_text_) annotations[kPlanAnnotation] = plan_text_;
    if (acks && slot.ack != ack) annotations[kAckAnnotation] = ack;
    if (annotations.empty()) return {};
    const Json body{{"metadata", {{"annotations", annotations}}}};
    auto answer = client_.patch(kube::object(kube::kPods, run_.name_space, slot.pod),
                                kube::PatchType::kMerge, body.dump());
    if (answer) {
      slot.plan = plan_text_;
      if (acks) slot.ack = ack;
      slot.next_patch = now() + kPatchPause;
      return {};
    }
    slot.next_patch = now() + kPatchRetry;
    const kube::ApiError& error = answer.error();
    // Gone: the watch tells. No answer: later, perhaps.
    if (error.not_found() || error.http_status == 0 || error.http_status >= 429) return {};
    return tl::unexpected<Error>(error);
  }

  Status follow_plan() {
    const auto over = [this] {
      return std::ranges::all_of(planned_, [](const Planned& p) { return p.over; });
    };
    return until(over, MonotonicTime::max(), [] { return Error{}; });
  }

  // What has become of the blocks; those that aren't what they should be are appended again.
  Status settle() {
    if (!began_) return {};
    show_progress();
    bool repeats = false;
    for (std::size_t i = 0; i < planned_.size(); ++i) {
      if (planned_[i].over) continue;
      const std::int64_t end = pod::end_ns(planned_[i].times);
      if (node_now() < end) break;
      const std::string why = why_missed(planned_[i]);
      if (why.empty() && !delivered(planned_[i])) {
        if (!heard_all_since(end)) continue;
        if (now() - last_progress_ < kLostForGood) continue;
        return fail(ErrorCode::kInconclusive,
                    fmt::format("no records of block {} have come for {}", planned_[i].times.index,
                                format_duration(kLostForGood)),
                    "see the pods' logs");
      }
      if (!heard_all_since(end)) continue;
      planned_[i].over = true;
      last_progress_ = now();
      if (why.empty()) {
        KTS_CHECK_OK(write_block(planned_[i]));
        continue;
      }
      KTS_CHECK_OK(repeat(i, why));
      repeats = true;
    }
    return repeats ? write_plan() : Status{};
  }

  [[nodiscard]] bool heard_all_since(std::int64_t instant) const {
    return std::ranges::all_of(slots_, [&](const auto& slot) {
      return slot->beat && slot->beat->monotonic_ns >= instant;
    });
  }

  [[nodiscard]] bool delivered(const Planned& planned) const {
    return std::ranges::all_of(planned.block.active, [&](std::size_t agent) {
      const auto found = slots_[agent]->blocks.find(planned.times.index);
      return found != slots_[agent]->blocks.end() && found->second.whole;
    });
  }

  [[nodiscard]] std::string why_missed(const Planned& planned) const {
    for (const auto& slot : slots_) {
      const auto& missed = slot->log->reader().missed();
      if (const auto found = missed.find(planned.times.index); found != missed.end()) {
        return fmt::format("{}: {}", name_of(*slot), found->second);
      }
      const auto log = slot->blocks.find(planned.times.index);
      if (log != slot->blocks.end() && log->second.whole && !log->second.header.complete) {
        return fmt::format("{}: incomplete", name_of(*slot));
      }
    }
    const MonotonicTime from(Nanoseconds(planned.times.calibrate_ns + lag_.value_or(0)));
    const MonotonicTime to(Nanoseconds(pod::end_ns(planned.times) + lag_.value_or(0)));
    for (const auto& [uid, stranger] : strangers_) {
      if (stranger.from < to && stranger.to > from) {
        return fmt::format("pod {} came to the node's GPUs", stranger.name);
      }
    }
    return {};
  }

  Status repeat(std::size_t i, const std::string& why) {
    const Planned planned = planned_[i];
    for (const auto& slot : slots_) slot->blocks.erase(planned.times.index);
    const std::string what =
        fmt::format("block {} ({})", planned.times.index, title_of(planned.block, scenario_));
    const std::size_t repeats = planned_.size() - blocks_.size();
    if (planned.attempt + 1 >= kMostAttempts ||
        repeats >= std::max<std::size_t>(8, blocks_.size())) {
      return fail(ErrorCode::kInconclusive,
                  fmt::format("{} could not be measured after {} attempts: {}", what,
                              planned.attempt + 1, why),
                  why.starts_with("pod ") ? "keep others from the node while it is measured, or "
                                            "measure beside them with --allow-neighbours"
                                          : "the node is too busy to keep its times; free it");
    }
    progress_.note(fmt::format("{} is repeated: {}", what, why));
    environment_.repeated.push_back(fmt::format("{}: {}", what, why));
    append(planned.block, planned.attempt + 1);
    return {};
  }

  Status write_block(const Planned& planned) {
    runner::Block named = planned.block;
    named.index = planned.times.index;
    const std::filesystem::path folder =
        run_.folder / "blocks" / folder_name(named, scenario_, blocks_.size());
    KTS_CHECK_OK(make_directories(folder));
    std::vector<record::BlockEnd> ends;
    runner::ProgressState state = progress_state(planned);
    Json late = Json::object();
    for (const std::size_t agent : planned.block.active) {
      BlockLog log = std::move(slots_[agent]->blocks.at(named.index));
      slots_[agent]->blocks.erase(named.index);
      const std::string& who = scenario_.agents[agent].name;
      KTS_CHECK_OK(write_file(folder / fmt::format("{}.log", who), log.bytes));
      if (auto end = end_of(log.bytes)) {
        const double seconds = 1e-9 * static_cast<double>(std::max<std::int64_t>(
                                          1, end->generation_stop_ns - end->generation_start_ns));
        state.rates.push_back({who, static_cast<double>(end->iterations) / seconds});
        ends.push_back(*std::move(end));
      }
      if (log.header.late_ns) late[who] = *log.header.late_ns;
    }
    if (ends.size() != planned.block.active.size()) {
      return fail(ErrorCode::kInternal, "a log without its END", {}, folder.string());
    }
    const runner::BlockWindow window = runner::intersection(ends);
    const auto names = [this](const std::vector<std::size_t>& places) {
      Json list = Json::array();
      for (const std::size_t place : places) list.push_back(scenario_.agents[place].name);
      return list;
    };
    const Json out{{"schema", "kts.block/1"},
                   {"index", named.index},
                   {"cycle", named.cycle},
                   {"phase", name(named.phase)},
                   {"neighbours", name(named.neighbours)},
                   {"active", names(named.active)},
                   {"parked", names(named.parked)},
                   {"window_start_ns", window.start_ns},
                   {"window_stop_ns", window.stop_ns},
                   {"attempt", planned.attempt + 1},
                   {"late_ns", std::move(late)}};
    KTS_CHECK_OK(write_file(folder / "block.json", out.dump(2) + "\n"));
    progress_.block_done(state);
    return {};
  }

  // After a failure: the last blocks are whole, though not all pods have said so.
  void keep_what_is_whole() {
    for (const Planned& planned : planned_) {
      if (planned.over || !why_missed(planned).empty() || !delivered(planned)) continue;
      if (!write_block(planned)) return;
    }
  }

  [[nodiscard]] runner::ProgressState progress_state(const Planned& planned) const {
    runner::ProgressState state;
    state.block = planned.times.index;
    state.blocks = static_cast<int>(planned_.size());
    state.cycle = planned.block.cycle;
    state.cycles = scenario_.plan.cycles;
    state.what = title_of(planned.block, scenario_);
    state.remaining =
        Nanoseconds(std::max<std::int64_t>(0, pod::end_ns(planned_.back().times) - node_now()));
    return state;
  }

  void show_progress() {
    if (now() < next_shown_) return;
    next_shown_ = now() + kTick;
    const std::int64_t instant = node_now();
    for (const Planned& planned : planned_) {
      if (instant < planned.times.start_ns || instant >= pod::end_ns(planned.times)) continue;
      runner::ProgressState state = progress_state(planned);
      for (const std::size_t agent : planned.block.active) {
        const auto& beat = slots_[agent]->beat;
        if (!beat || beat->block != planned.times.index) continue;
        const double seconds =
            static_cast<double>(beat->monotonic_ns - planned.times.start_ns) * 1e-9;
        if (seconds <= 0) continue;
        state.rates.push_back(
            {scenario_.agents[agent].name, static_cast<double>(beat->iterations) / seconds});
      }
      if (!state.rates.empty()) progress_.update(state);
      return;
    }
  }

  // --- the end

  // Pods that have delivered everything leave by themselves.
  Status dismiss() {
    environment_.times.blocks =
        static_cast<double>(pod::end_ns(planned_.back().times) - first_start_ns_) * 1e-9;
    ended_ = true;
    KTS_CHECK_OK(write_plan());
    for (const auto& slot : slots_) KTS_CHECK_OK(patch(*slot));
    const auto left = [this] {
      return std::ranges::all_of(slots_, [](const auto& slot) {
        return slot->state.stage == PodState::Stage::kSucceeded || slot->fail;
      });
    };
    Status done = until(left, now() + kLeaveWithin, [] {
      return Error{ErrorCode::kEnvironment, "the pods don't leave by themselves", {}, {}};
    });
    if (!done) {
      if (done.error().code == ErrorCode::kInterrupted) return done;
      // Nothing is missing.
      warn(fmt::format("after the last block: {}", to_line(done.error())));
    }
    return {};
  }

  Status remove_job(const Slot& slot) {
    auto gone = client_.remove(kube::object(kube::kJobs, run_.name_space, slot.job.name));
    if (gone || gone.error().not_found()) return {};
    return tl::unexpected<Error>(std::move(gone).error());
  }

  Status clean_up() {
    cleaning_ = true;
    const MonotonicTime began = now();
    const std::string selector = fmt::format("{}={}", kRunLabel, run_.run);
    if (run_.keep) {
      progress_.note(
          fmt::format("kept: kubectl -n {} get jobs,pods -l {}", run_.name_space, selector));
      return {};
    }
    Status removed;
    for (const auto& slot : slots_) {
      for (int attempt = 0; attempt < 3; ++attempt) {
        removed = remove_job(*slot);
        if (removed || removed.error().code == ErrorCode::kInterrupted) break;
        if (!transport_.wait(now() + 1s)) break;
      }
      if (!removed) break;
    }
    const MonotonicTime deadline = now() + kGoneWithin;
    while (removed && pods_.count() > 0 && now() < deadline) {
      removed = transport_.wait(std::min(deadline, now() + kTick),
                                run_.signals != nullptr ? run_.signals->fd() : -1);
      if (run_.signals != nullptr && run_.signals->take()) {
        removed = fail(ErrorCode::kInterrupted, "interrupted while removing the pods");
      }
    }
    environment_.times.until_removed = since(records_at_.value_or(began));
    if (!removed) {
      Error error = std::move(removed).error();
      error.hint =
          fmt::format("what is left: kubectl -n {} delete jobs -l {}", run_.name_space, selector);
      progress_.note(fmt::format("warning: {}", to_line(error)));
      return tl::unexpected(std::move(error));
    }
    if (pods_.count() > 0) {
      progress_.note(fmt::format("warning: {} pod{} still end{}: kubectl -n {} get pods -l {}",
                                 pods_.count(), pods_.count() == 1 ? "" : "s",
                                 pods_.count() == 1 ? "s" : "", run_.name_space, selector));
    }
    return {};
  }

  void take_pod_facts() {
    for (const auto& slot : slots_) {
      PodFacts facts;
      facts.agent = name_of(*slot);
      facts.pod = slot->pod;
      facts.uid = slot->uid;
      if (slot->ready) {
        facts.gpu_uuid = slot->ready->uuid;
        facts.uuid_source = slot->ready->uuid_source;
        facts.operand_bytes = slot->ready->operand_bytes;
        facts.kts_version = slot->ready->kts_version;
        facts.kts_commit = slot->ready->kts_commit;
      }
      facts.throttled_usec = slot->throttled_usec;
      if (slot->log) {
        facts.reattached = slot->log->reattached();
        facts.damaged = slot->log->reader().damaged();
      }
      if (facts.throttled_usec > 0) {
        warn(
            fmt::format("{} was halted for {:.1f} ms of the blocks by its container's CPU limit; "
                        "lift the limit for a measurement",
                        facts.agent, static_cast<double>(facts.throttled_usec) * 1e-3));
      }
      environment_.pods.push_back(std::move(facts));
    }
  }

  // --- what comes from the cluster

  [[nodiscard]] const std::string& name_of(const Slot& slot) const {
    return scenario_.agents[slot.agent].name;
  }

  Slot* slot_of_job(std::string_view job) {
    const auto found =
        std::ranges::find_if(slots_, [&](const auto& slot) { return slot->job.name == job; });
    return found == slots_.end() ? nullptr : found->get();
  }

  static std::string owner_of(const kube::Value& pod) {
    const auto owners = pod["metadata"]["ownerReferences"].items();
    return owners.empty() ? std::string() : owners.front()["name"].text();
  }

  void on_pod(const kube::Value& pod) {
    Slot* const slot = slot_of_job(owner_of(pod));
    if (slot == nullptr || cleaning_) return;
    const std::string uid = pod["metadata"]["uid"].text();
    if (!slot->uid.empty() && slot->uid != uid) {
      if (slot->dropped) return;
      return give_up(*slot, "pod", fmt::format("pod {} was replaced by another", slot->pod),
                     "somebody or something deletes pods; run again");
    }
    slot->uid = uid;
    slot->pod = pod["metadata"]["name"].text();
    slot->state = read_pod(pod);
    if (slot->dropped) return;
    if (!slot->log) {
      slot->log = std::make_unique<LogFollower>(
          transport_, run_.name_space, slot->pod,
          [this, slot](pod::LogReader::Event&& event) { on_said(*slot, std::move(event)); });
    }
    if (slot->state.container) slot->log->start();
    note_state(*slot);
    using Stage = PodState::Stage;
    if (slot->state.leaving && !ended_) return on_taken_away(*slot);
    if (slot->state.stage == Stage::kFailed || slot->state.stage == Stage::kSucceeded) {
      slot->log->last_reading();
      if (slot->failed_at == MonotonicTime::max()) slot->failed_at = now();
    }
    if (slot->state.hopeless) {
      give_up(*slot, slot->state.reason, slot->state.words(),
              hint_for(slot->state.reason, slot->state.message));
    }
    if (slot->state.reason == "Unschedulable" && slots_.size() > scenario_.agents.size() &&
        !failure_) {
      failure_ = not_one_card(2).value();
    }
  }

  void on_pod_gone(const kube::Value& pod) {
    Slot* const slot = slot_of_job(owner_of(pod));
    if (slot == nullptr || cleaning_) return;
    if (slot->dropped) {
      slot->uid.clear();
    } else if (slot->state.stage != PodState::Stage::kSucceeded || !ended_) {
      on_taken_away(*slot);
    }
  }

  // A pod of ours is deleted, and not by us.
  void on_taken_away(Slot& slot) {
    if (failure_) return;
    std::string reason = slot.state.reason;
    std::string message = slot.state.message;
    auto job = client_.get(kube::object(kube::kJobs, run_.name_space, slot.job.name));
    if (job) {
      for (const kube::Value& one : (*job)["status"]["conditions"].items()) {
        if (one["type"].text() != "Failed" || one["status"].text() != "True") continue;
        reason = one["reason"].text();
        message = one["message"].text();
      }
    }
    if (reason.empty() && slot.trouble) {
      reason = slot.trouble->reason;
      message = slot.trouble->message;
    }
    give_up(slot, reason,
            reason.empty()
                ? fmt::format("somebody deleted pod {}", slot.pod)
                : fmt::format("pod {} was taken away: {}: {}", slot.pod, reason, message),
            reason.empty() ? "run again" : hint_for(reason, message));
  }

  void give_up(const Slot& slot, std::string_view reason, std::string message, std::string hint) {
    if (failure_ || cleaning_) return;
    if (hint.empty()) hint = hint_for(reason, message);
    if (hint.empty() && !slot.pod.empty()) {
      hint = fmt::format("kubectl -n {} describe pod {}", run_.name_space, slot.pod);
    }
    failure_ = Error{ErrorCode::kEnvironment, std::move(message), std::move(hint),
                     fmt::format("agent {}", name_of(slot))};
  }

  void note_state(Slot& slot) {
    if (slot.state.reason.empty() || slot.state.stage != PodState::Stage::kWaiting) return;
    if (slot.noted == slot.state.reason) return;
    slot.noted = slot.state.reason;
    progress_.note(fmt::format("{}: {}", name_of(slot), slot.state.words()));
  }

  void on_event(const kube::Value& event) {
    if (cleaning_) return;
    const auto trouble = read_event(event);
    if (!trouble) return;
    const auto found = std::ranges::find_if(slots_, [&](const auto& slot) {
      return slot->job.name == trouble->object ||
             (!slot->pod.empty() && slot->pod == trouble->object);
    });
    if (found == slots_.end()) return;
    Slot& slot = **found;
    slot.trouble = *trouble;
    if (slot.ready || slot.dropped) return;
    if (std::exchange(slot.noted, trouble->reason) != trouble->reason) {
      progress_.note(fmt::format("{}: {}: {}", name_of(slot), trouble->reason, trouble->message));
    }
    if (trouble->hopeless) {
      give_up(slot, trouble->reason, fmt::format("{}: {}", trouble->reason, trouble->message),
              hint_for(trouble->reason, trouble->message));
    }
  }

  void on_other(const kube::Value& pod) {
    const std::string uid = pod["metadata"]["uid"].text();
    const PodState state = read_pod(pod);
    const bool over =
        state.stage == PodState::Stage::kSucceeded || state.stage == PodState::Stage::kFailed;
    if (over) return on_other_gone(pod);
    if (!asks_for_gpu(pod) || strangers_.contains(uid)) return;
    const std::string who =
        fmt::format("{}/{}", pod["metadata"]["namespace"].text(), pod["metadata"]["name"].text());
    strangers_[uid] = {who, now() - 1s};
    progress_.note(
        fmt::format("warning: pod {} has come to the GPUs of node {}", who, run_.place.node));
  }
  void on_other_gone(const kube::Value& pod) {
    const auto found = strangers_.find(pod["metadata"]["uid"].text());
    if (found != strangers_.end() && found->second.to == MonotonicTime::max()) {
      found->second.to = now() + 1s;
    }
  }

  void on_watch_failure(const kube::ApiError& error) {
    if (!failure_) failure_ = static_cast<const Error&>(error);
  }

  void on_said(Slot& slot, pod::LogReader::Event&& event) {
    if (auto* ready = std::get_if<pod::Ready>(&event)) {
      hear(ready->monotonic_ns);
      if (!slot.ready) slot.ready = std::move(*ready);
    } else if (auto* beat = std::get_if<pod::Beat>(&event)) {
      hear(beat->monotonic_ns);
      if (!slot.first_beat_ns) slot.first_beat_ns = beat->monotonic_ns;
      // What is read again is old.
      if (!slot.beat || beat->monotonic_ns > slot.beat->monotonic_ns) slot.beat = std::move(*beat);
    } else if (auto* chunk = std::get_if<pod::Chunk>(&event)) {
      last_progress_ = now();
      slot.take(std::move(*chunk));
    } else if (auto* fail = std::get_if<pod::Fail>(&event)) {
      if (!slot.fail) slot.fail = std::move(*fail);
    } else if (const auto* text = std::get_if<std::string_view>(&event)) {
      write_aside(slot, *text);
    }
  }

  void write_aside(const Slot& slot, std::string_view text) {
    constexpr std::size_t kMostBytes = 16U << 20;
    aside_bytes_ += text.size() + 1;
    if (slot.dropped || aside_bytes_ > kMostBytes) return;
    if (auto status = worker_logs_[slot.agent].write(fmt::format("{}\n", text));
        !status && !failure_) {
      failure_ = status.error();
    }
  }

  // --- waiting

  [[nodiscard]] MonotonicTime now() const { return transport_.now(); }
  [[nodiscard]] double since(MonotonicTime instant) const {
    return std::chrono::duration<double>(now() - instant).count();
  }

  // An error's code says whether anything was measured.
  [[nodiscard]] tl::unexpected<Error> failed(Error error) const {
    if (error.code == ErrorCode::kEnvironment || error.code == ErrorCode::kInconclusive) {
      if (began_) error.code = ErrorCode::kInconclusive;
    }
    return tl::unexpected(std::move(error));
  }

  Status until(const std::function<bool()>& done, MonotonicTime deadline,
               const std::function<Error()>& late) {
    for (;;) {
      if (auto status = tick(); !status) return failed(std::move(status).error());
      if (done()) return {};
      if (now() >= deadline) return failed(late());
      const int wake_fd = run_.signals != nullptr ? run_.signals->fd() : -1;
      if (auto status = transport_.wait(std::min(deadline, now() + kTick), wake_fd); !status) {
        return failed(std::move(status).error());
      }
    }
  }

  Status tick() {
    if (run_.signals != nullptr) {
      if (const auto number = run_.signals->take()) {
        return fail(ErrorCode::kInterrupted,
                    fmt::format("interrupted by {}", *number == SIGINT    ? "SIGINT"
                                                     : *number == SIGTERM ? "SIGTERM"
                                                                          : "SIGHUP"));
      }
    }
    look_at_ends();
    if (failure_) return tl::unexpected(*failure_);
    KTS_CHECK_OK(settle());
    const bool quiet = between_blocks();
    for (const auto& slot : slots_) {
      if (!slot->log || slot->dropped || slot->pod.empty() || plan_text_.empty()) continue;
      if (now() < slot->next_patch || (!quiet && slot->plan == plan_text_)) continue;
      KTS_CHECK_OK(patch(*slot));
    }
    return look_for_silence();
  }

  // Pods that have ended, with their own last words where they had time for them.
  void look_at_ends() {
    for (const auto& slot : slots_) {
      if (slot->dropped || failure_) continue;
      if (slot->fail) {
        failure_ = Error{ErrorCode::kEnvironment, slot->fail->message, {}, {}};
        return;
      }
      if (slot->failed_at == MonotonicTime::max()) continue;
      const bool over = !slot->log || !slot->log->started() || slot->log->done() ||
                        now() - slot->failed_at > kLastWords;
      if (!over || (slot->state.stage == PodState::Stage::kSucceeded && ended_)) continue;
      std::string words = slot->state.words();
      give_up(*slot, slot->state.reason, fmt::format("the pod ended: {}", words), {});
    }
  }

  Status look_for_silence() {
    if (now() < next_look_) return {};
    next_look_ = now() + kSilence / 4;
    for (const auto& slot : slots_) {
      if (slot->dropped || !slot->log || !slot->log->started()) continue;
      if (slot->failed_at != MonotonicTime::max()) continue;
      const Nanoseconds silent = now() - slot->log->last_line();
      if (silent < kSilence) continue;
      const std::string& node = environment_.place.node;
      auto object = node.empty() || !run_.place.sees_neighbours
                        ? kube::Answer<kube::Value>(kube::Value())
                        : client_.get(kube::object(kube::kNodes, {}, node));
      if (!object && object.error().http_status == 0) {
        if (object.error().code == ErrorCode::kInterrupted) continue;
      }
      if (object) {
        for (const kube::Value& one : (*object)["status"]["conditions"].items()) {
          if (one["type"].text() != "Ready" || one["status"].text() == "True") continue;
          return environment_lacks(fmt::format("node {} is lost: {}: {}", node,
                                               one["reason"].text(), one["message"].text()),
                                   fmt::format("kubectl describe node {}", node));
        }
      }
      if (silent >= kLostForGood) {
        return environment_lacks(
            fmt::format("pod {} has said nothing for {}", slot->pod, format_duration(kLostForGood)),
            "see whether the node and its kubelet are well",
            fmt::format("agent {}", name_of(*slot)));
      }
      if (std::exchange(silence_noted_, true)) continue;
      progress_.note(fmt::format("warning: nothing has come from pod {} for {} s{}", slot->pod,
                                 kSilence.count() / 1'000'000'000,
                                 object ? "" : fmt::format(": {}", object.error().message)));
    }
    return {};
  }

  using ApiError = kube::ApiError;

  kube::Client& client_;
  kube::Transport& transport_;
  const ClusterRun& run_;
  const scenario::Scenario& scenario_;
  runner::Progress& progress_;
  bool on_gpu_;
  std::vector<runner::Block> blocks_;
  Permissions permissions_;
  Environment environment_;
  std::vector<OutputFile> worker_logs_;
  std::size_t aside_bytes_ = 0;

  std::vector<std::unique_ptr<Slot>> slots_;  // once they have met: by the agents' places
  std::map<std::string, Stranger> strangers_;
  std::optional<Error> failure_;

  Tempo tempo_;
  std::optional<Timetable> timetable_;
  std::vector<Planned> planned_;
  std::string plan_text_;
  std::int64_t epoch_offset_ns_ = 0;
  std::optional<std::int64_t> lag_;  // from the node's clock to ours
  std::int64_t first_start_ns_ = 0;
  std::optional<MonotonicTime> records_at_;
  bool began_ = false, ended_ = false, cleaning_ = false;
  MonotonicTime created_at_{}, last_progress_{}, next_shown_{}, next_look_{};
  bool silence_noted_ = false;

  WatchSink pods_, events_, others_;
  std::optional<kube::Watch> pod_watch_, event_watch_, other_watch_;
};

}  // namespace

std::string new_run_id(EpochTime now) {
  std::string stamp = utc_stamp(now);
  std::ranges::transform(stamp, stamp.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  std::random_device random;
  return fmt::format("{}-{:04x}", stamp, random() & 0xffffU);
}

std::vector<JobSpec> manifests(const ClusterRun& run) {
  std::vector<JobSpec> jobs;
  for (std::size_t i = 0; i < run.scenario.agents.size(); ++i) jobs.push_back(job_spec(run, i, i));
  return jobs;
}

Status run_on_cluster(kube::Client& client, const ClusterRun& run, runner::Progress& progress) {
  return Execution(client, run, progress).execute();
}

}  // namespace kts::kubernetes
