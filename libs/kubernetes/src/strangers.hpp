// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>

#include "journal.hpp"
#include "kts/kubernetes/run.hpp"
#include "watch_sink.hpp"

namespace kts::kubernetes {

// Pods of others that hold GPUs of the run's node.
class Strangers {
 public:
  Strangers(kube::Client& client, const ClusterRun& run, Journal& journal);

  // Looks from now on, if others' pods may be seen and aren't welcome.
  void watch();
  // One that was there in that time; empty: none was seen.
  [[nodiscard]] std::string seen_between(MonotonicTime from, MonotonicTime to) const;

 private:
  struct Stay {
    std::string pod;  // "namespace/name"
    MonotonicTime from{}, to = MonotonicTime::max();
  };
  void on_pod(const kube::Value& pod);
  void on_gone(const kube::Value& pod);

  kube::Client& client_;
  const ClusterRun& run_;
  Journal& journal_;
  std::map<std::string, Stay> stays_;  // by uid
  WatchSink sink_;
  std::optional<kube::Watch> watch_;
};

}  // namespace kts::kubernetes
