// SPDX-License-Identifier: Apache-2.0
#include "kts/kubernetes/pod_state.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace kts::kubernetes {
namespace {

constexpr std::size_t kLongest = 400;

std::string one_line(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, kLongest)) {
    const bool space = static_cast<unsigned char>(c) <= ' ';
    if (!space) out += c;
    if (space && !out.empty() && out.back() != ' ') out += ' ';
  }
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// Kubernetes goes on trying with all others.
bool never_ends(std::string_view reason, std::string_view message) {
  return reason == "ErrImageNeverPull" || reason == "InvalidImageName" ||
         (reason == "CreateContainerConfigError" && contains(message, "non-root")) ||
         (reason == "FailedCreatePodSandBox" && contains(message, "no runtime for")) ||
         (reason == "FailedCreate" &&
          (contains(message, "forbidden") || contains(message, "is invalid")));
}

kube::Value condition(const kube::Value& pod, std::string_view type) {
  for (kube::Value& one : pod["status"]["conditions"].items()) {
    if (one["type"].text() == type) return std::move(one);
  }
  return {};
}

// Evicted, preempted: newer servers say it here, older ones in status.reason.
void take_disruption(const kube::Value& pod, PodState& state) {
  const kube::Value target = condition(pod, "DisruptionTarget");
  if (target["status"].text() != "True") return;
  state.reason = target["reason"].text();
  state.message = one_line(target["message"].text());
}

void take_waiting(const kube::Value& waiting, PodState& state) {
  const std::string reason = waiting["reason"].text();
  if (reason.empty() || reason == "ContainerCreating" || reason == "PodInitializing") return;
  state.reason = reason;
  state.message = one_line(waiting["message"].text());
}

void take_terminated(const kube::Value& terminated, PodState& state) {
  state.container = true;
  const auto code = terminated["exitCode"].integer().value_or(0);
  if (state.stage != PodState::Stage::kFailed && code == 0) return;
  state.stage = PodState::Stage::kFailed;
  if (!state.reason.empty()) return;  // the pod's own says more
  state.reason = terminated["reason"].text();
  state.message = one_line(terminated["message"].text());
  const auto signal = terminated["signal"].integer();
  const std::string how =
      signal ? fmt::format("killed by signal {}", *signal) : fmt::format("exit status {}", code);
  state.message = state.message.empty() ? how : fmt::format("{} ({})", state.message, how);
}

}  // namespace

std::string PodState::words() const {
  std::string text = phase.empty() ? "Pending" : phase;
  if (!reason.empty()) text += ", " + reason;
  if (!message.empty()) text += ": " + message;
  return text;
}

void PodState::hear(PodState news) {
  const auto over = [](const PodState& state) {
    return state.stage == Stage::kFailed || state.stage == Stage::kSucceeded;
  };
  news.container = news.container || container;
  if (over(*this) && (!over(news) || (news.reason.empty() && !reason.empty()))) {
    container = news.container;
    leaving = leaving || news.leaving;
    return;
  }
  *this = std::move(news);
}

PodState read_pod(const kube::Value& pod) {
  using Stage = PodState::Stage;
  PodState state;
  const kube::Value status = pod["status"];
  state.phase = status["phase"].text();
  state.leaving = pod["metadata"]["deletionTimestamp"].exists();
  state.stage = state.phase == "Running"     ? Stage::kRunning
                : state.phase == "Succeeded" ? Stage::kSucceeded
                : state.phase == "Failed"    ? Stage::kFailed
                                             : Stage::kWaiting;
  state.reason = status["reason"].text();
  state.message = one_line(status["message"].text());
  take_disruption(pod, state);
  if (state.stage == Stage::kWaiting && state.reason.empty()) {
    const kube::Value scheduled = condition(pod, "PodScheduled");
    if (scheduled["status"].text() == "False") {
      state.reason = scheduled["reason"].text();
      state.message = one_line(scheduled["message"].text());
    }
  }
  for (const kube::Value& container : status["containerStatuses"].items()) {
    const kube::Value now = container["state"];
    if (now["running"].exists()) state.container = true;
    if (now["waiting"].exists() && state.stage != Stage::kFailed) {
      take_waiting(now["waiting"], state);
    }
    if (now["terminated"].exists()) take_terminated(now["terminated"], state);
  }
  state.hopeless = never_ends(state.reason, state.message);
  return state;
}

std::optional<Trouble> read_event(const kube::Value& event) {
  // The others stand in the pod's status as well, and better.
  constexpr std::array<std::string_view, 9> kTold{
      "FailedCreatePodSandBox", "FailedCreate", "FailedMount", "FailedAttachVolume",
      "NetworkNotReady",        "NodeNotReady", "Preempted",   "Evicted",
      "TaintManagerEviction"};
  Trouble trouble;
  trouble.reason = event["reason"].text();
  if (std::ranges::find(kTold, trouble.reason) == kTold.end()) return std::nullopt;
  trouble.object = event["involvedObject"]["name"].text();
  trouble.message = one_line(event["message"].text());
  trouble.hopeless = never_ends(trouble.reason, trouble.message);
  return trouble;
}

std::string hint_for(std::string_view reason, std::string_view message) {
  if (reason == "Unschedulable") {
    if (contains(message, "Insufficient cpu") || contains(message, "Insufficient memory")) {
      return "free the node, or choose another with --node";
    }
    if (contains(message, "Insufficient")) {
      return "kts cluster status shows who holds the GPU's slots; free some, raise the replicas, "
             "or run fewer agents";
    }
    if (contains(message, "node.kubernetes.io/memory-pressure") ||
        contains(message, "node.kubernetes.io/disk-pressure")) {
      return "the node is short of memory or disk; free it, or choose another with --node";
    }
    if (contains(message, "taint")) return "let it be tolerated with --toleration KEY=VALUE:EFFECT";
    if (contains(message, "selector") || contains(message, "affinity")) {
      return "no node fits --node-selector; kubectl get nodes --show-labels";
    }
    return "kubectl describe nodes shows what they have left";
  }
  if (reason == "ErrImageNeverPull") {
    return "bring the image to the node with kts image load (its garbage collection may have "
           "removed it), or name one that can be pulled with --image and --pull-policy "
           "IfNotPresent";
  }
  if (reason == "ErrImagePull" || reason == "ImagePullBackOff" || reason == "InvalidImageName") {
    return "see whether --image names an image that the node can pull";
  }
  if (reason == "CreateContainerConfigError" && contains(message, "non-root")) {
    return "use an image whose user is a number other than 0";
  }
  if (reason == "FailedCreatePodSandBox" && contains(message, "no runtime for")) {
    return "install NVIDIA's container runtime on the node, or choose another with "
           "--runtime-class";
  }
  if (reason == "FailedCreate" && contains(message, "quota")) {
    return "raise the namespace's quota, or choose another with --namespace";
  }
  if (reason == "FailedCreate" && contains(message, "memory limit")) {
    return "the namespace's LimitRange allows less memory than a worker needs; choose another with "
           "--namespace";
  }
  if (reason == "UnexpectedAdmissionError") {
    return "the device plugin refused it; kts cluster status shows its state, run again";
  }
  if (reason == "OOMKilled") {
    return "the memory limit that the namespace sets is too low for this workload";
  }
  if (reason == "DeadlineExceeded") return "the run took longer than it should; run it again";
  if (reason == "Evicted" || reason == "TerminationByKubelet") {
    return "the node ran out of memory or disk; free it and run again";
  }
  if (contains(reason, "Preempt")) return "a pod of higher priority took its place; run again";
  if (reason == "NodeLost" || contains(reason, "TaintManager")) {
    return "see the node: kubectl describe node";
  }
  if (reason == "StartError" || reason == "ContainerCannotRun") {
    return "see whether the image holds kts-worker, of this version";
  }
  return {};
}

}  // namespace kts::kubernetes
