// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "kts/base/error.hpp"
#include "kts/kube/value.hpp"

namespace kts::kubernetes {

// How far a pod of ours has come, in Kubernetes' words.
struct PodState {
  enum class Stage { kWaiting, kRunning, kSucceeded, kFailed };
  Stage stage = Stage::kWaiting;
  std::string phase;       // "Pending"
  std::string reason;      // "Unschedulable"; empty: nothing is wrong
  std::string message;     // one line
  bool hopeless = false;   // waiting doesn't help
  bool leaving = false;    // somebody deletes it
  bool container = false;  // has started, so that there is a log
  friend bool operator==(const PodState&, const PodState&) = default;

  // "Pending, Unschedulable: 0/1 nodes are available: 1 Insufficient nvidia.com/gpu."
  [[nodiscard]] std::string words() const;
  // What is known after `news`: an end stays one, and keeps its reason until a later end has one.
  // (A kubelet that evicts may write "Pending" over its own "Failed, Evicted".)
  void hear(PodState news);
};
[[nodiscard]] PodState read_pod(const kube::Value& pod);

// A warning that Kubernetes attached to an object, while what the object itself says is silent.
struct Trouble {
  std::string object;  // a pod's or Job's name
  std::string reason;  // "FailedCreatePodSandBox"
  std::string message;
  bool hopeless = false;
};
[[nodiscard]] std::optional<Trouble> read_event(const kube::Value& event);

// What to do about a reason of either.
[[nodiscard]] std::string hint_for(std::string_view reason, std::string_view message);

}  // namespace kts::kubernetes
