// SPDX-License-Identifier: Apache-2.0
#include "strangers.hpp"

#include <fmt/format.h>

#include "kts/kubernetes/pod_state.hpp"

namespace kts::kubernetes {
namespace {

using std::chrono_literals::operator""s;

// The watch tells of a pod a little later than it came.
constexpr Nanoseconds kMargin = 1s;

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

}  // namespace

Strangers::Strangers(kube::Client& client, const ClusterRun& run, Journal& journal)
    : client_(client),
      run_(run),
      journal_(journal),
      sink_([this](const kube::Value& pod) { on_pod(pod); },
            [this](const kube::Value& pod) { on_gone(pod); },
            [this](const kube::ApiError& error) {
              journal_.warn(fmt::format("others' pods can't be seen any more: {}", error.message));
            }) {}

void Strangers::watch() {
  if (!run_.place.sees_neighbours || run_.place.node.empty() || run_.allow_neighbours) return;
  kube::Watch::Options options;
  options.give_up_after = kWatchPatience;
  options.list.label_selector = fmt::format("{}!={}", kRunLabel, run_.run);
  options.list.field_selector = "spec.nodeName=" + run_.place.node;
  watch_.emplace(client_, kube::collection(kube::kPods), options, sink_);
  if (auto begun = watch_->start(); !begun) {
    journal_.warn(fmt::format("others' pods can't be seen: {}", begun.error().message));
    watch_.reset();
  }
}

std::string Strangers::seen_between(MonotonicTime from, MonotonicTime to) const {
  for (const auto& [uid, stay] : stays_) {
    if (stay.from < to && stay.to > from) return stay.pod;
  }
  return {};
}

void Strangers::on_pod(const kube::Value& pod) {
  const std::string uid = pod["metadata"]["uid"].text();
  const PodState::Stage stage = read_pod(pod).stage;
  if (stage == PodState::Stage::kSucceeded || stage == PodState::Stage::kFailed) {
    return on_gone(pod);
  }
  if (!asks_for_gpu(pod) || stays_.contains(uid)) return;
  const std::string who =
      fmt::format("{}/{}", pod["metadata"]["namespace"].text(), pod["metadata"]["name"].text());
  stays_[uid] = {who, client_.transport().now() - kMargin};
  journal_.note(
      fmt::format("warning: pod {} has come to the GPUs of node {}", who, run_.place.node));
}

void Strangers::on_gone(const kube::Value& pod) {
  const auto found = stays_.find(pod["metadata"]["uid"].text());
  if (found != stays_.end() && found->second.to == MonotonicTime::max()) {
    found->second.to = client_.transport().now() + kMargin;
  }
}

}  // namespace kts::kubernetes
