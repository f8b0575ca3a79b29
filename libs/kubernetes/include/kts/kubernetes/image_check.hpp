// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "kts/base/clock.hpp"
#include "kts/base/error.hpp"
#include "kts/kube/client.hpp"
#include "kts/kubernetes/manifest.hpp"
#include "kts/process/signals.hpp"

namespace kts::kubernetes {

struct ImageCheck {
  std::string run;  // new_run_id: labels the Jobs
  std::string name_space, image, pull_policy;
  std::vector<Toleration> tolerations;
  Nanoseconds timeout = std::chrono::minutes(2);
  process::SignalWatch* signals = nullptr;
};

struct NodeName {
  std::string name;
  std::string hostname;  // label kubernetes.io/hostname
};
// Of the nodes that have these labels, in kubectl's syntax, by name. kEnvironment when there are
// none or they may not be seen, kBadInput for a selector that the server refuses.
[[nodiscard]] Result<std::vector<NodeName>> find_nodes(kube::Client& client,
                                                       const std::string& selector);

// Starts the image once on each node, all at the same time, as a Job that asks for no GPU and says
// which version it is, and removes them. Answers for each node why it can't be started there, in
// Kubernetes' own words, or nothing. An error is no node's: not permitted, interrupted.
[[nodiscard]] Result<std::vector<std::optional<Error>>> check_image(
    kube::Client& client, const ImageCheck& check, const std::vector<NodeName>& nodes);

}  // namespace kts::kubernetes
