// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "kts/kube/transport.hpp"

namespace kts::kubernetes {

// The node's CLOCK_MONOTONIC as its pods' lines tell it: behind by as long as the quickest line
// took to come here.
class NodeClock {
 public:
  explicit NodeClock(const kube::Transport& transport) : transport_(transport) {}

  void hear(std::int64_t monotonic_ns) {
    const std::int64_t lag = ours() - monotonic_ns;
    if (!lag_ || lag < *lag_) lag_ = lag;
  }
  [[nodiscard]] std::int64_t now() const { return ours() - lag_.value_or(0); }
  [[nodiscard]] std::int64_t to_node(MonotonicTime ours) const {
    return ours.time_since_epoch().count() - lag_.value_or(0);
  }
  [[nodiscard]] MonotonicTime to_ours(std::int64_t node_ns) const {
    return MonotonicTime(Nanoseconds(node_ns + lag_.value_or(0)));
  }

 private:
  [[nodiscard]] std::int64_t ours() const { return transport_.now().time_since_epoch().count(); }

  const kube::Transport& transport_;
  std::optional<std::int64_t> lag_;
};

}  // namespace kts::kubernetes
