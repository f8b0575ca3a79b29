// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "fake_transport.hpp"

namespace kts::cluster {

// An API server with a memory, and behind it what a cluster does of itself: a deleted plugin pod is
// replaced, the new one loads what node label, ConfigMap, ClusterPolicy and DaemonSet say by then,
// and the node offers that.
class FakeCluster final : public kube::Transport {
 public:
  explicit FakeCluster(const std::string& fixture);

  [[nodiscard]] Result<kube::Response> send(const kube::Request& request) override;
  kube::StreamId open(const std::string& path, kube::StreamListener& listener,
                      const kube::StreamOptions& options) override;
  void close(kube::StreamId stream) override;
  [[nodiscard]] Status wait(MonotonicTime deadline, int wake_fd = -1) override;
  [[nodiscard]] MonotonicTime now() const override { return clock_.now(); }

  // All that a person could have put there, to compare; not what the cluster makes of it.
  [[nodiscard]] nlohmann::json intent() const;
  [[nodiscard]] nlohmann::json& at(const std::string& path) { return objects_.at(path); }
  [[nodiscard]] bool has(const std::string& path) const { return objects_.contains(path); }
  [[nodiscard]] std::string allocatable(const std::string& node, const std::string& resource) const;

  std::vector<std::string> writes;               // "PATCH /api/v1/nodes/a"
  std::function<bool(std::size_t)> break_write;  // by number; the write isn't done and fails
  std::function<void(std::size_t)> before_write;
  std::set<std::string> denied;  // "patch nodes"
  bool plugin_starts = true;     // else new pods crash-loop

 private:
  [[nodiscard]] kube::Response answer(const kube::Request& request);
  [[nodiscard]] kube::Response list(const std::string& path) const;
  [[nodiscard]] kube::Response review(const std::string& body) const;
  void replace_pod(const std::string& path);
  void reconcile_policy(const nlohmann::json& policy);
  [[nodiscard]] std::string config_for(const nlohmann::json& pod) const;
  void offer(const std::string& node, const std::string& config);

  std::map<std::string, nlohmann::json> objects_;  // by path
  std::map<std::string, std::string> logs_;        // by "namespace/pod"
  std::string groups_;
  int next_ = 100;
  kube::FakeTransport streams_;
  FakeClock clock_;
};

}  // namespace kts::cluster
