// SPDX-License-Identifier: Apache-2.0
#include "pods.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "job_spec.hpp"
#include "kts/base/units.hpp"

namespace kts::kubernetes {
namespace {

using Json = nlohmann::ordered_json;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

constexpr Nanoseconds kPatchPause = 200ms;
constexpr Nanoseconds kPatchRetry = 1s;
// A kubelet that has looked at a pod, as it does after each change, looks again only when it has
// asked its runtime what runs, which it does once a second. From there an annotation takes 0.1 to
// 0.2 s to the pod's file.
constexpr Nanoseconds kKubeletRound = 1050ms;
constexpr Nanoseconds kDelivery = 300ms;
constexpr Nanoseconds kDeliveryOfPod = 10ms;  // pods are told one after the other
constexpr Nanoseconds kSilence = 10s;         // of a pod that beats every second
constexpr Nanoseconds kLostForGood = 60s;
constexpr Nanoseconds kLastWords = 5s;  // of a pod that failed
constexpr Nanoseconds kReason = 1s;     // until an event has come that says why a pod went
constexpr std::size_t kMostAsideBytes = 16U << 20;
using Stage = PodState::Stage;

std::string owner_of(const kube::Value& pod) {
  const auto owners = pod["metadata"]["ownerReferences"].items();
  return owners.empty() ? std::string() : owners.front()["name"].text();
}

}  // namespace

Pods::Pods(kube::Client& client, const ClusterRun& run, Journal& journal, NodeClock& clock)
    : client_(client),
      run_(run),
      journal_(journal),
      clock_(clock),
      sink_([this](const kube::Value& pod) { on_pod(pod); },
            [this](const kube::Value& pod) { on_gone(pod); },
            [this](const kube::ApiError& error) {
              if (!failure_) failure_ = static_cast<const Error&>(error);
            }),
      events_([this](const kube::Value& event) { on_event(event); }, [](const kube::Value&) {},
              [](const kube::ApiError&) {}) {}

Status Pods::open_logs() {
  KTS_CHECK_OK(make_directories(run_.folder / "workers"));
  for (const scenario::AgentSpec& agent : run_.scenario.agents) {
    KTS_TRY(OutputFile log,
            OutputFile::create(run_.folder / "workers" / fmt::format("{}.log", agent.name)));
    logs_.push_back(std::move(log));
  }
  return {};
}

Status Pods::watch(bool events) {
  kube::Watch::Options options;
  options.give_up_after = kWatchPatience;
  options.list.label_selector = fmt::format("{}={}", kRunLabel, run_.run);
  watch_.emplace(client_, kube::collection(kube::kPods, run_.name_space), options, sink_);
  if (auto begun = watch_->start(); !begun) return tl::unexpected<Error>(begun.error());
  if (!events) return {};
  options.list.label_selector.clear();
  options.list.field_selector = "involvedObject.namespace=" + run_.name_space;
  event_watch_.emplace(client_, kube::collection(kube::kEvents, run_.name_space), options, events_);
  if (!event_watch_->start()) event_watch_.reset();
  return {};
}

Status Pods::create(std::size_t agent) {
  auto slot = std::make_unique<Slot>();
  slot->agent = agent;
  slot->job = job_spec(run_, agent, slots_.size());
  // In the list before it is made: whatever happens then, it is removed.
  const Slot& made = *slots_.emplace_back(std::move(slot));
  auto answer = client_.create(kube::collection(kube::kJobs, run_.name_space), to_json(made.job));
  if (answer) return {};
  kube::ApiError error = std::move(answer).error();
  if (error.http_status != 0) slots_.pop_back();
  if (error.forbidden() && error.message.find("being terminated") != std::string::npos) {
    error.hint = "wait until the namespace is gone, or choose another with --namespace";
  }
  return tl::unexpected<Error>(std::move(error));
}

bool Pods::all_ready() const {
  return std::ranges::all_of(
      slots_, [](const auto& slot) { return slot->dropped || slot->ready.has_value(); });
}

std::vector<Seat> Pods::seats() const {
  std::vector<Seat> seats;
  for (const auto& slot : slots_) {
    if (slot->ready) seats.push_back({slot->agent, slot->ready->uuid});
  }
  return seats;
}

Error Pods::why_not_ready() const {
  for (const auto& slot : slots_) {
    if (slot->dropped || slot->ready) continue;
    std::string reason = slot->state.reason;
    std::string message = slot->state.message;
    if (slot->trouble && (reason.empty() || slot->pod.empty())) {
      reason = slot->trouble->reason;
      message = slot->trouble->message;
    }
    if (reason == "Unschedulable" && slots_.size() > run_.scenario.agents.size()) {
      return not_one_card(run_.scenario.agents.size(), 2, run_.place.node);
    }
    const std::string words = slot->pod.empty() && reason.empty()
                                  ? "the Job controller has made no pod"
                              : reason.empty() ? slot->state.words()
                                               : fmt::format("{}: {}", reason, message);
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

Result<std::size_t> Pods::keep_those_on(const std::string& card) {
  std::set<std::size_t> kept;
  std::size_t removed = 0;
  for (const auto& slot : slots_) {
    if (slot->ready->uuid == card && kept.insert(slot->agent).second) continue;
    slot->dropped = true;
    ++removed;
    slot->log.reset();
    KTS_CHECK_OK(remove_job(*slot));
  }
  return removed;
}

bool Pods::others_are_gone() const {
  return std::ranges::none_of(slots_,
                              [](const auto& slot) { return slot->dropped && !slot->uid.empty(); });
}

void Pods::line_up() {
  std::erase_if(slots_, [](const auto& slot) { return slot->dropped; });
  std::ranges::sort(slots_, {}, [](const auto& slot) { return slot->agent; });
}

Status Pods::check() {
  look_at_ends();
  if (failure_) return tl::unexpected(*failure_);
  return look_for_silence();
}

// Pods that have ended, with their own last words where they had time for them.
void Pods::look_at_ends() {
  for (const auto& slot : slots_) {
    if (slot->dropped || failure_) continue;
    if (slot->fail) {
      // It says so before Kubernetes does.
      failure_ = slot->fail->out_of_memory
                     ? Error{ErrorCode::kEnvironment,
                             fmt::format("OOMKilled: {}", slot->fail->message),
                             hint_for("OOMKilled", {}),
                             {}}
                     : Error{ErrorCode::kEnvironment, slot->fail->message, {}, {}};
      return;
    }
    if (slot->taken_away_at < now() - kReason) explain_loss(*slot);
    if (slot->failed_at == MonotonicTime::max()) continue;
    const bool over = !slot->log || !slot->log->started() || slot->log->done() ||
                      now() - slot->failed_at > kLastWords;
    if (!over || (slot->state.stage == Stage::kSucceeded && may_leave_)) continue;
    give_up(*slot, slot->state.reason, fmt::format("the pod ended: {}", slot->state.words()), {});
  }
}

Status Pods::look_for_silence() {
  if (now() < next_look_) return {};
  next_look_ = now() + kSilence / 4;
  for (const auto& slot : slots_) {
    if (slot->dropped || !slot->log || !slot->log->started()) continue;
    if (slot->failed_at != MonotonicTime::max()) continue;
    if (slot->taken_away_at != MonotonicTime::max()) continue;
    const Nanoseconds silent = now() - slot->log->last_line();
    if (silent < kSilence) continue;
    const std::string node = !run_.place.node.empty() ? run_.place.node
                             : slot->ready            ? slot->ready->node
                                                      : std::string();
    auto object = node.empty() || !run_.place.sees_neighbours
                      ? kube::Answer<kube::Value>(kube::Value())
                      : client_.get(kube::object(kube::kNodes, {}, node));
    if (!object && object.error().code == ErrorCode::kInterrupted) continue;
    if (object) {
      for (const kube::Value& one : (*object)["status"]["conditions"].items()) {
        if (one["type"].text() != "Ready" || one["status"].text() == "True") continue;
        return environment_lacks(fmt::format("node {} is lost: {}: {}", node, one["reason"].text(),
                                             one["message"].text()),
                                 fmt::format("kubectl describe node {}", node));
      }
    }
    if (silent >= kLostForGood) {
      return environment_lacks(
          fmt::format("pod {} has said nothing for {}", slot->pod, format_duration(kLostForGood)),
          "see whether the node and its kubelet are well", fmt::format("agent {}", name_of(*slot)));
    }
    if (std::exchange(silence_noted_, true)) continue;
    journal_.note(fmt::format("warning: nothing has come from pod {} for {} s{}", slot->pod,
                              kSilence.count() / 1'000'000'000,
                              object ? "" : fmt::format(": {}", object.error().message)));
  }
  return {};
}

Status Pods::tell(const std::string& plan, bool quiet) {
  if (plan.empty()) return {};
  for (const auto& slot : slots_) {
    if (!slot->log || slot->dropped || slot->pod.empty()) continue;
    if (now() < slot->next_patch || (!quiet && slot->plan == plan)) continue;
    KTS_CHECK_OK(patch(*slot, plan));
  }
  return {};
}

Status Pods::tell_now(const std::string& plan) {
  for (const auto& slot : slots_) KTS_CHECK_OK(patch(*slot, plan));
  return {};
}

MonotonicTime Pods::told_by() const {
  MonotonicTime looks = now();
  for (const auto& slot : slots_) looks = std::max(looks, slot->touched + kKubeletRound);
  return looks + kDelivery + static_cast<int>(slots_.size()) * kDeliveryOfPod;
}

std::size_t Pods::unacknowledged_bytes() const {
  std::size_t most = 0;
  for (const auto& slot : slots_) most = std::max(most, slot->unacknowledged_bytes);
  return most;
}

Status Pods::patch(Slot& slot, const std::string& plan) {
  const std::string ack = to_json(slot.log->reader().ack());
  const bool acks = slot.next_chunk > 0 || !slot.ack.empty();
  Json annotations = Json::object();
  if (slot.plan != plan) annotations[kPlanAnnotation] = plan;
  if (acks && slot.ack != ack) annotations[kAckAnnotation] = ack;
  if (annotations.empty()) return {};
  const Json body{{"metadata", {{"annotations", annotations}}}};
  auto answer = client_.patch(kube::object(kube::kPods, run_.name_space, slot.pod),
                              kube::PatchType::kMerge, body.dump());
  if (answer) {
    slot.plan = plan;
    if (acks) {
      slot.ack = ack;
      slot.unacknowledged_bytes = 0;
    }
    slot.next_patch = now() + kPatchPause;
    slot.touched = now();
    return {};
  }
  slot.next_patch = now() + kPatchRetry;
  const kube::ApiError& error = answer.error();
  // Gone: the watch tells. No answer: later, perhaps.
  if (error.not_found() || error.http_status == 0 || error.http_status >= 429) return {};
  return tl::unexpected<Error>(error);
}

bool Pods::have_left() const {
  return std::ranges::all_of(slots_, [](const auto& slot) {
    return slot->state.stage == Stage::kSucceeded || slot->fail;
  });
}

Status Pods::remove_all() {
  removing_ = true;
  Status removed;
  for (const auto& slot : slots_) {
    for (int attempt = 0; attempt < 3; ++attempt) {
      removed = remove_job(*slot);
      if (removed || removed.error().code == ErrorCode::kInterrupted) break;
      if (!client_.transport().wait(now() + 1s)) break;
    }
    if (!removed) break;
  }
  return removed;
}

Result<bool> Pods::have_gone() {
  const auto unknown = [](const kube::ApiError& error) -> Result<bool> {
    if (error.code == ErrorCode::kInterrupted) return tl::unexpected<Error>(error);
    return false;
  };
  for (const auto& slot : slots_) {
    const auto job = client_.get(kube::object(kube::kJobs, run_.name_space, slot->job.name));
    if (job) return false;
    if (!job.error().not_found()) return unknown(job.error());
  }
  kube::ListOptions options;
  options.label_selector = fmt::format("{}={}", kRunLabel, run_.run);
  const auto pods = client_.list(kube::collection(kube::kPods, run_.name_space), options);
  return pods ? pods->items.empty() : unknown(pods.error());
}

// The Job stays until its pods are gone, those too that no watch has told of yet.
Status Pods::remove_job(const Slot& slot) {
  auto gone = client_.remove(kube::object(kube::kJobs, run_.name_space, slot.job.name),
                             kube::Propagation::kForeground);
  if (gone || gone.error().not_found()) return {};
  return tl::unexpected<Error>(std::move(gone).error());
}

std::vector<PodFacts> Pods::facts() const {
  std::vector<PodFacts> all;
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
    all.push_back(std::move(facts));
  }
  return all;
}

Slot* Pods::slot_of(const kube::Value& pod) {
  const std::string job = owner_of(pod);
  const auto found =
      std::ranges::find_if(slots_, [&](const auto& slot) { return slot->job.name == job; });
  return found == slots_.end() ? nullptr : found->get();
}

void Pods::on_pod(const kube::Value& pod) {
  Slot* const slot = slot_of(pod);
  if (slot == nullptr || removing_) return;
  const std::string uid = pod["metadata"]["uid"].text();
  if (!slot->uid.empty() && slot->uid != uid) {
    // The Job controller has made another.
    slot->taken_away_at = std::min(slot->taken_away_at, now());
    return;
  }
  slot->uid = uid;
  slot->touched = now();
  slot->pod = pod["metadata"]["name"].text();
  slot->state.hear(read_pod(pod));
  if (slot->dropped) return;
  if (!slot->log) {
    slot->log = std::make_unique<LogFollower>(
        client_.transport(), run_.name_space, slot->pod,
        [this, slot](pod::LogReader::Event&& event) { on_said(*slot, std::move(event)); });
  }
  if (slot->state.container) slot->log->start();
  note_state(*slot);
  if (slot->state.leaving && !may_leave_) {
    slot->taken_away_at = std::min(slot->taken_away_at, now());
    return;
  }
  if (slot->state.stage == Stage::kFailed || slot->state.stage == Stage::kSucceeded) {
    slot->log->last_reading();
    if (slot->failed_at == MonotonicTime::max()) slot->failed_at = now();
  }
  if (slot->state.hopeless) {
    give_up(*slot, slot->state.reason, slot->state.words(),
            hint_for(slot->state.reason, slot->state.message));
  }
  if (slot->state.reason == "Unschedulable" && slots_.size() > run_.scenario.agents.size() &&
      !failure_) {
    failure_ = not_one_card(run_.scenario.agents.size(), 2, run_.place.node);
  }
}

void Pods::on_gone(const kube::Value& pod) {
  Slot* const slot = slot_of(pod);
  if (slot == nullptr || removing_) return;
  if (slot->dropped) {
    slot->uid.clear();
  } else if (slot->state.stage != Stage::kSucceeded || !may_leave_) {
    slot->taken_away_at = std::min(slot->taken_away_at, now());
  }
}

// Of a pod that was deleted, and not by us.
void Pods::explain_loss(const Slot& slot) {
  const kube::Answer<kube::Value> space =
      client_.get(kube::object(kube::kNamespaces, {}, run_.name_space));
  if (space && (*space)["status"]["phase"].text() == "Terminating") {
    return give_up(slot, {}, fmt::format("namespace {} is being deleted", run_.name_space),
                   "choose another with --namespace");
  }
  // How its container ended is what the loss did.
  const bool cause = slot.state.reason != "Error" && slot.state.reason != "Completed";
  std::string reason = cause ? slot.state.reason : std::string();
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
  // What drains a node cordons it first; older servers say nothing of it on the pod.
  if (reason.empty() && is_cordoned(slot)) {
    return give_up(
        slot, {},
        fmt::format("pod {} was taken away, and its node is cordoned: it is being drained",
                    slot.pod),
        "run again when it is back: kubectl uncordon");
  }
  give_up(slot, reason,
          reason.empty() ? fmt::format("somebody deleted pod {}", slot.pod)
                         : fmt::format("pod {} was taken away: {}: {}", slot.pod, reason, message),
          reason.empty() ? "run again" : hint_for(reason, message));
}

bool Pods::is_cordoned(const Slot& slot) {
  if (!slot.ready || !run_.place.sees_neighbours) return false;
  const auto node = client_.get(kube::object(kube::kNodes, {}, slot.ready->node));
  return node && (*node)["spec"]["unschedulable"].boolean().value_or(false);
}

void Pods::give_up(const Slot& slot, std::string_view reason, std::string message,
                   std::string hint) {
  if (failure_ || removing_) return;
  if (hint.empty()) hint = hint_for(reason, message);
  if (hint.empty() && !slot.pod.empty()) {
    hint = fmt::format("kubectl -n {} describe pod {}", run_.name_space, slot.pod);
  }
  failure_ = Error{ErrorCode::kEnvironment, std::move(message), std::move(hint),
                   fmt::format("agent {}", name_of(slot))};
}

void Pods::note_state(Slot& slot) {
  if (slot.state.reason.empty() || slot.state.stage != Stage::kWaiting) return;
  if (slot.noted == slot.state.reason) return;
  slot.noted = slot.state.reason;
  journal_.note(fmt::format("{}: {}", name_of(slot), slot.state.words()));
}

void Pods::on_event(const kube::Value& event) {
  if (removing_) return;
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
    journal_.note(fmt::format("{}: {}: {}", name_of(slot), trouble->reason, trouble->message));
  }
  if (trouble->hopeless) {
    give_up(slot, trouble->reason, fmt::format("{}: {}", trouble->reason, trouble->message),
            hint_for(trouble->reason, trouble->message));
  }
}

void Pods::on_said(Slot& slot, pod::LogReader::Event&& event) {
  if (auto* ready = std::get_if<pod::Ready>(&event)) {
    clock_.hear(ready->monotonic_ns);
    if (!slot.ready) slot.ready = std::move(*ready);
  } else if (auto* beat = std::get_if<pod::Beat>(&event)) {
    clock_.hear(beat->monotonic_ns);
    if (!slot.first_beat_ns) slot.first_beat_ns = beat->monotonic_ns;
    if (!slot.told_at && beat->planned > 0) slot.told_at = now();
    // What is read again is old.
    if (!slot.beat || beat->monotonic_ns > slot.beat->monotonic_ns) slot.beat = std::move(*beat);
  } else if (auto* chunk = std::get_if<pod::Chunk>(&event)) {
    last_records_ = now();
    slot.unacknowledged_bytes += chunk->bytes.size();
    slot.take(std::move(*chunk));
  } else if (auto* fail = std::get_if<pod::Fail>(&event)) {
    if (!slot.fail) slot.fail = std::move(*fail);
  } else if (const auto* text = std::get_if<std::string_view>(&event)) {
    write_aside(slot, *text);
  }
}

void Pods::write_aside(const Slot& slot, std::string_view text) {
  aside_bytes_ += text.size() + 1;
  if (slot.dropped || aside_bytes_ > kMostAsideBytes) return;
  if (auto status = logs_[slot.agent].write(fmt::format("{}\n", text)); !status && !failure_) {
    failure_ = status.error();
  }
}

}  // namespace kts::kubernetes
